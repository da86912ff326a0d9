/** What the page says when something is missing or goes away. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser } from '../support/Browser.ts';
import { TcpGate } from '../support/TcpGate.ts';
import { TestServer } from '../support/TestServer.ts';

const RECONNECT_MS = 60_000;

describe('the page', () => {
  let server: TestServer;
  let gate: TcpGate;
  let browser: Browser;

  beforeAll(async () => {
    server = await TestServer.create();
    gate = await TcpGate.create(Number(new URL(server.url).port));
    browser = await Browser.create();
  });

  afterAll(async () => {
    await browser?.close();
    await gate?.close();
    await server?.close();
  });

  /** The invite link as it looks through the gate. */
  async function link(): Promise<string> {
    const url = new URL(await server.server.inviteLink('studio'));
    url.host = `127.0.0.1:${gate.port}`;
    return url.href;
  }

  async function joinWithoutPicture(page: Page): Promise<void> {
    await page.goto(await link());
    await page.getByLabel('Your name').fill('Cy');
    await page.getByRole('button', { name: 'Choose your avatar' }).click();
    await page.getByRole('button', { name: 'Join without a picture' }).click();
    await page.getByRole('button', { name: 'Join studio' }).click();
    await page.locator('[aria-label^="Cy (you)"]').waitFor();
  }

  it('says that the server is gone, tries by itself, and is back when it is', async () => {
    const page = await browser.person();
    await joinWithoutPicture(page);
    gate.cut();
    const banner = page.getByText('The server does not answer').first();
    await banner.waitFor({ timeout: RECONNECT_MS });
    gate.reopen();
    await banner.waitFor({ state: 'hidden', timeout: RECONNECT_MS });
    await page.getByRole('button', { name: 'Leave' }).click();
    await page.context().close();
  });

  it('says what to do with a link that is damaged or incomplete', async () => {
    const page = await browser.person();
    for (const fragment of ['', '#room=studio&invite=damaged']) {
      await page.goto('about:blank');
      await page.goto(`${server.url}/${fragment}`);
      await page.getByText(/link/i).first().waitFor();
      expect(await page.getByRole('button', { name: 'Join studio' }).count()).toBe(0);
    }
    await page.context().close();
  });

  it('says when the camera is blocked, and lets one join all the same', async () => {
    const page = await browser.person();
    await page.addInitScript(() => {
      if ('mediaDevices' in navigator)
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('Permission denied', 'NotAllowedError'));
    });
    await page.goto(await link());
    await page.getByLabel('Your name').fill('Di');
    await page.getByRole('button', { name: 'Choose your avatar' }).click();
    await page.getByRole('button', { name: /Use the camera/ }).click();
    await page.getByText('The camera is blocked').first().waitFor();
    await page.context().close();
  });

  it('can be used with the keyboard alone up to the room', async () => {
    const page = await browser.person();
    await page.goto(await link());
    await page.getByLabel('Your name').focus();
    await page.keyboard.type('Eve');
    await page.keyboard.press('Enter');
    const without = page.getByRole('button', { name: 'Join without a picture' });
    await without.focus();
    await page.keyboard.press('Enter');
    const join = page.getByRole('button', { name: 'Join studio' });
    await join.waitFor();
    await join.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Leave' }).waitFor();
    await page.context().close();
  });

  it('has thrown nowhere', () => {
    expect(browser.problems).toEqual([]);
  });
});
