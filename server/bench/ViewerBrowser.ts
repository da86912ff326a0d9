/** A headless Chromium whose page watches the avatars: the only receiver that tells when a frame was presented. */
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import type { ViewerResult } from './presented.ts';

const ENTRY = fileURLToPath(new URL('./viewer-page.ts', import.meta.url));
const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--autoplay-policy=no-user-gesture-required',
];
const PICTURE_TIMEOUT_MS = 30_000;

/** Names that the page script puts on its window. */
interface ViewerWindow {
  addViewer(token: string): Promise<void>;
  viewers: { hasPicture: boolean; reset(): void; result(): ViewerResult }[];
}

export class ViewerBrowser {
  readonly #browser: Browser;
  readonly #page: Page;

  static async create({ executablePath, url }: { executablePath: string; url: string }): Promise<ViewerBrowser> {
    const { chromium } = await import('playwright-core');
    const bundle = await build({ entryPoints: [ENTRY], bundle: true, format: 'iife', target: 'es2022', write: false, logLevel: 'error' });
    await stop(); // its process must not run beside what is measured
    // Headless is among the flags: playwright's own choice would be the old headless shell.
    const browser = await chromium.launch({ executablePath, headless: false, args: FLAGS });
    const context = await browser.newContext({ bypassCSP: true, ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await page.goto(`${url}/healthz`);
    await page.addScriptTag({ content: bundle.outputFiles[0]!.text });
    return new ViewerBrowser(browser, page);
  }

  private constructor(browser: Browser, page: Page) {
    this.#browser = browser;
    this.#page = page;
  }

  get version(): string {
    return this.#browser.version();
  }

  /** Resolves when the viewer sees its avatar. */
  async watch(token: string): Promise<void> {
    await this.#page.evaluate((given) => (globalThis as unknown as ViewerWindow).addViewer(given), token);
    await this.#page.waitForFunction(() => (globalThis as unknown as ViewerWindow).viewers.at(-1)?.hasPicture, null, {
      timeout: PICTURE_TIMEOUT_MS,
    });
  }

  async reset(): Promise<void> {
    await this.#page.evaluate(() => (globalThis as unknown as ViewerWindow).viewers.forEach((viewer) => viewer.reset()));
  }

  async results(): Promise<ViewerResult[]> {
    return this.#page.evaluate(() => (globalThis as unknown as ViewerWindow).viewers.map((viewer) => viewer.result()));
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}
