/** `<gioconda-call>` in a plain page of another origin: two lines of HTML, one script from the server, a real call. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppPage } from '../support/AppPage.ts';
import { Browser } from '../support/Browser.ts';
import { people } from '../support/fixtures.ts';
import { enrolFiles, TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';

const API_KEY = 'a-key-of-an-application';

describe('<gioconda-call>', () => {
  let server: TestServer;
  let browser: Browser;
  const pages: AppPage[] = [];

  beforeAll(async () => {
    server = await TestServer.create({ config: { rooms: { graceMs: 3_600_000 } } });
    browser = await Browser.create();
  });
  afterAll(async () => {
    await browser?.close();
    for (const page of pages) await page.close();
    await server?.close();
  });

  async function open(lines: string, from = server): Promise<Page> {
    const app = await AppPage.create({ script: '', html: `<script type="module" src="${from.url}/sdk/gioconda.js"></script>${lines}` });
    pages.push(app);
    const page = await browser.person();
    await page.goto(app.url);
    return page;
  }

  it('is a whole call: an avatar that the face drives, seen by another page, until it is left', async () => {
    const { gioconda, token } = await server.guest();
    await enrolFiles(gioconda, people[0]!.portraits.slice(0, 1));
    const { invite } = await server.server.invite('studio');
    // The server's address is the script's own.
    const ana = await open(`<gioconda-call token="${token}" room="studio"></gioconda-call>`);
    const ben = await open(
      `<gioconda-call id="call" url="${server.url}" invite="${invite}" room="studio" name="Ben"></gioconda-call>
       <gioconda-avatar for="call" participant="Ana"></gioconda-avatar>`,
    );
    await ben.getByRole('combobox', { name: 'Avatar' }).selectOption({ label: 'No picture' });
    await ben.getByRole('button', { name: 'Join' }).click();
    await ben.getByRole('figure', { name: 'Ben (you)' }).waitFor();

    await ana.evaluate(() => {
      Object.assign(window, { heard: [] as string[] });
      for (const name of ['gioconda-joined', 'gioconda-left', 'gioconda-error'])
        document.addEventListener(name, () => (window as unknown as { heard: string[] }).heard.push(name));
    });
    await ana.getByLabel('Your name').fill('Ana');
    await ana.getByRole('button', { name: 'Join' }).click();
    await ana.getByRole('figure', { name: 'Ana (you)' }).getByText('Avatar', { exact: true }).waitFor();
    await eventually('her face drives it', () =>
      ana.evaluate(() => {
        const { call } = document.querySelector('gioconda-call') as unknown as {
          call: { participantId: string; driveState(id: string): string };
        };
        return call?.driveState(call.participantId) === 'tracking';
      }),
    );
    // One tile in the call, one of its own beside it; both show the picture.
    await eventually('both tiles play', () =>
      ben.evaluate(() => {
        const tiles = [
          ...document.querySelectorAll('gioconda-avatar'),
          ...document.querySelector('gioconda-call')!.shadowRoot!.querySelectorAll('gioconda-avatar'),
        ].filter((tile) => tile.getAttribute('aria-label') === 'Ana');
        return tiles.length === 2 && tiles.every((tile) => tile.shadowRoot!.querySelector('video')!.videoWidth > 0);
      }),
    );
    await ana.getByRole('button', { name: 'Mute' }).click();
    await ben.getByText('muted').first().waitFor();
    await ana.evaluate(() => document.querySelector('gioconda-call')!.remove());
    await ben.getByRole('figure', { name: 'Ana' }).first().waitFor({ state: 'detached' });
    expect(await ana.evaluate(() => (window as unknown as { heard: string[] }).heard)).toEqual(['gioconda-joined']);
    await Promise.all([ana, ben].map((page) => page.context().close()));
  });

  it('says what is wrong: a token that is none, an origin that is not allowed', async () => {
    const page = await open(`<gioconda-call token="damaged" room="studio"></gioconda-call>`);
    await page.getByRole('alert').getByText('Ask for a new token').waitFor();
    await page.context().close();
    const strict = await TestServer.create({ config: { auth: { apiKey: API_KEY } } });
    const refused = await open(`<gioconda-call token="any" room="studio"></gioconda-call>`, strict);
    await refused.getByRole('alert').getByText('http.corsOrigins').waitFor();
    await refused.context().close();
    await strict.close();
  });

  it('has thrown nothing that was not caught', () => expect(browser.problems).toEqual([]));
});
