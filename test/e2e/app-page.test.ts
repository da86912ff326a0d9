/** The SDK in a page of somebody's own app, in a real Chromium: what the page is told of CORS, and what the others see when it goes. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppPage } from '../support/AppPage.ts';
import { Browser } from '../support/Browser.ts';
import { TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';

const script = `
  import { Gioconda } from '@gioconda/client';
  export const attempt = (work) => work().then(() => ({ code: 'none', message: '' }), ({ name, code, message }) => ({ name, code, message }));
  export const connect = (url, token) => Gioconda.connect({ url, token });
  export const avatars = async (url, token) => (await connect(url, token)).avatars();
  export const enter = (url, invite) => attempt(() => Gioconda.enterAsGuest({ url, invite }));
  export const join = async (url, token, displayName) => {
    const call = await (await connect(url, token)).join({ displayName });
    window.call = call;
    return call.participants.map((participant) => participant.displayName).sort();
  };
`;

interface App {
  attempt(work: () => Promise<unknown>): Promise<{ code: string; message: string }>;
  connect(url: string, token: string): Promise<unknown>;
  avatars(url: string, token: string): Promise<unknown[]>;
  enter(url: string, invite: string): Promise<{ code: string; message: string }>;
  join(url: string, token: string, displayName: string): Promise<string[]>;
}
declare const app: App;

const API_KEY = 'a-key-of-an-application';

describe('a page of another origin', () => {
  let page: AppPage;
  let browser: Browser;
  let strict: TestServer;
  let local: TestServer;

  beforeAll(async () => {
    page = await AppPage.create({ script });
    browser = await Browser.create();
    // A grace period longer than any test: who is seen to have gone has left.
    local = await TestServer.create({ config: { rooms: { graceMs: 3_600_000 } } });
    strict = await TestServer.create({ config: { auth: { apiKey: API_KEY }, http: { corsOrigins: ['https://app.example'] } } });
  });

  afterAll(async () => {
    await browser?.close();
    await page?.close();
    await local?.close();
    await strict?.close();
  });

  const open = async (): Promise<Page> => {
    const tab = await browser.person();
    await tab.goto(page.url);
    await tab.waitForFunction(() => 'app' in window);
    return tab;
  };

  it('is told by connect, and by any other request, that its origin is refused, and what to set', async () => {
    const tab = await open();
    const { invite } = await strict.server.invite('studio');
    const refused = { code: 'origin-refused', message: expect.stringContaining(page.origin) as string };
    expect(await tab.evaluate(([url, token]) => app.attempt(() => app.connect(url!, token!)), [strict.url, 'any'])).toMatchObject(refused);
    const guest = await tab.evaluate(([url, token]) => app.enter(url!, token!), [strict.url, invite]);
    expect(guest).toMatchObject(refused);
    expect(guest.message).toContain('http.corsOrigins');
    await tab.context().close();
  });

  it('is told that a server is not there, and does not take that for CORS', async () => {
    const tab = await open();
    const nobody = await AppPage.create({ script: '' });
    await nobody.close();
    const error = await tab.evaluate((url) => app.attempt(() => app.connect(url, 'any')), nobody.origin);
    expect(error.code).toBe('server-unreachable');
    expect(error.message).not.toContain('goes on trying');
    await tab.context().close();
  });

  it('may call a server in development mode', async () => {
    const tab = await open();
    const { token } = await local.guest();
    expect(await tab.evaluate(([url, key]) => app.avatars(url!, key!), [local.url, token])).toEqual([]);
    await tab.context().close();
  });

  it('is out of the room as soon as it is closed, and there once after it was loaded anew', async () => {
    const names = (tab: Page): Promise<string[]> =>
      tab.evaluate(() =>
        (window as unknown as { call: { participants: { displayName: string }[] } }).call.participants.map((one) => one.displayName).sort(),
      );
    const [watcher, ana] = [await open(), await open()];
    const [{ token: watching }, { token }] = [await local.guest(), await local.guest()];
    const join = (tab: Page, key: string, name: string): Promise<string[]> =>
      tab.evaluate(([url, t, n]) => app.join(url!, t!, n!), [local.url, key, name]);
    await join(watcher, watching, 'Watcher');
    expect(await join(ana, token, 'Ana')).toEqual(['Ana', 'Watcher']);
    await ana.reload();
    await ana.waitForFunction(() => 'app' in window);
    await eventually('Ana has gone', async () => (await names(watcher)).join() === 'Watcher');
    expect(await join(ana, token, 'Ana')).toEqual(['Ana', 'Watcher']);
    expect(await names(watcher)).toEqual(['Ana', 'Watcher']);
    await ana.close();
    await eventually('Ana has gone for good', async () => (await names(watcher)).join() === 'Watcher');
    await ana.context().close();
    await watcher.context().close();
  });

  it('has thrown nothing that was not caught', () => expect(browser.problems).toEqual([]));
});
