/** A viewer in headless Chromium whose media go through a gate. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { Browser } from './Browser.ts';
import type { Seen } from './browser-viewer-page.ts';
import type { TestServer } from './TestServer.ts';
import type { UdpGate } from './UdpGate.ts';

const ENTRY = fileURLToPath(new URL('./browser-viewer-page.ts', import.meta.url));

interface ViewerWindow {
  join(token: string): Promise<void>;
  viewer: { seen(): Promise<Seen> };
}

export class BrowserViewer {
  readonly #browser: Browser;
  readonly #page: Page;

  static async join(server: TestServer, gate: UdpGate): Promise<BrowserViewer> {
    const bundle = await build({ entryPoints: [ENTRY], bundle: true, format: 'iife', target: 'es2022', write: false, logLevel: 'error' });
    const browser = await Browser.create();
    const page = await browser.person({ bypassCSP: true });
    await page.exposeFunction('redirectThroughGate', (sdp: string, serial: number) => gate.redirect(sdp, `browser ${serial}`));
    await page.goto(`${server.url}/healthz`);
    await page.addScriptTag({ content: bundle.outputFiles[0]!.text });
    const { token } = await server.guest();
    await page.evaluate((given) => (globalThis as unknown as ViewerWindow).join(given), token);
    return new BrowserViewer(browser, page);
  }

  private constructor(browser: Browser, page: Page) {
    this.#browser = browser;
    this.#page = page;
  }

  seen(): Promise<Seen> {
    return this.#page.evaluate(() => (globalThis as unknown as ViewerWindow).viewer.seen());
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}
