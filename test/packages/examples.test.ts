/** The examples, copied into an empty folder, installed from the packed packages, built and used as their pages say. */
import { spawn, type ChildProcess } from 'node:child_process';
import { cp, copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { repositoryRoot } from '../../server/base/paths.ts';
import { AppPage } from '../support/AppPage.ts';
import { Browser } from '../support/Browser.ts';
import { driver, people } from '../support/fixtures.ts';
import { runIn } from '../support/packages.ts';
import { TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';

const { tarballs } = inject('packages');

describe('examples', () => {
  let server: TestServer;
  let browser: Browser;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gioconda-examples-'));
    server = await TestServer.create({ config: { rooms: { graceMs: 3_600_000 } } });
    browser = await Browser.create();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** The example in a folder of its own, installed. */
  async function install(name: string): Promise<string> {
    const at = join(folder, name);
    await cp(join(repositoryRoot, 'examples', name), at, { recursive: true, filter: (file) => !/node_modules|dist$|\.tgz$/.test(file) });
    await Promise.all(Object.values(tarballs).map((file) => copyFile(file, join(at, basename(file)))));
    await runIn(at, 'npm', ['install', '--no-audit', '--no-fund', '--prefer-offline']);
    return at;
  }

  const videoPlays = (page: Page, selector: string): Promise<unknown> =>
    page.waitForFunction((query) => (document.querySelector<HTMLVideoElement>(query)?.videoWidth ?? 0) > 0, selector, { timeout: 60_000 });

  it('plain-html: a call by an invite link', async () => {
    const app = await AppPage.create({ script: '', files: { '/index.html': join(repositoryRoot, 'examples/plain-html/index.html') } });
    const page = await browser.person();
    const { hash } = new URL(await server.server.inviteLink('studio'));
    await page.goto(`${app.url}index.html?server=${encodeURIComponent(server.url)}${hash}`);
    await page.getByLabel('Your name').fill('Ana');
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByText('Here: Ana').waitFor();
    await page.getByRole('button', { name: 'Leave' }).click();
    await page.getByText('Nobody is here.').waitFor();
    await page.context().close();
    await app.close();
  });

  describe('chat', () => {
    let chat: ChildProcess;
    let url: string;
    beforeAll(async () => {
      const at = await install('chat');
      await runIn(at, 'npm', ['run', 'build']);
      const environment = { PORT: '0', GIOCONDA_URL: server.url, GIOCONDA_API_KEY: server.server.keys.apiKey };
      chat = spawn(process.execPath, ['server.mjs'], {
        cwd: at,
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      url = await new Promise((resolve) => chat.stdout!.once('data', (text: Buffer) => resolve(String(text).trim())));
    });
    afterAll(() => void chat?.kill());

    const enter = async (name: string): Promise<Page> => {
      const page = await browser.person();
      await page.goto(url);
      await page.getByLabel('Your name').fill(name);
      await page.getByRole('button', { name: 'Enter' }).click();
      return page;
    };

    it('two people write to each other; one makes an avatar of a picture, and the other sees it driven', async () => {
      const [ana, ben] = [await enter('Ana'), await enter('Ben')];
      await ana.getByLabel('Message').fill('Hello Ben');
      await ana.getByRole('button', { name: 'Send' }).click();
      await ben.getByText('Hello Ben').waitFor();

      await ana.getByRole('button', { name: 'New avatar' }).click();
      const dialog = ana.getByRole('dialog');
      await dialog.getByLabel(/One to eight pictures/).setInputFiles(people[0]!.portraits[0]!);
      await dialog.getByLabel('Name of the avatar').fill('Mine');
      await dialog.getByLabel('Who is shown', { exact: true }).fill('Ana Sol');
      await dialog.getByLabel(/agrees/).check();
      await dialog.getByRole('button', { name: 'Make the avatar' }).click();
      await dialog.waitFor({ state: 'hidden', timeout: 60_000 });
      await videoPlays(ana, '.preview video');
      await ana.getByRole('button', { name: 'Join the call' }).click();
      await ana.locator('[data-you][data-drive-state="tracking"]').waitFor({ timeout: 60_000 });

      await ben.getByRole('button', { name: 'Join the call' }).click();
      await videoPlays(ben, '[aria-label="Ana"] video');
      await ben.getByRole('figure', { name: 'Ana' }).getByText('Avatar', { exact: true }).waitFor();
      await ana.getByRole('button', { name: 'Mute' }).click();
      await ben.getByRole('figure', { name: 'Ana' }).getByText('muted').waitFor();
      await ana.close();
      await ben.getByRole('figure', { name: 'Ana' }).waitFor({ state: 'detached' });
      await Promise.all([ana, ben].map((page) => page.context().close()));
      expect(browser.problems).toEqual([]);
    });
  });

  it('presenter: is seen and heard in a browser while it speaks', async () => {
    const at = await install('presenter');
    const link = await server.server.inviteLink('hall');
    const html = `<script type="module" src="${server.url}/sdk/gioconda.js"></script>
      <gioconda-call invite="${new URLSearchParams(new URL(link).hash.slice(1)).get('invite')!}" room="hall" name="Ben"></gioconda-call>`;
    const app = await AppPage.create({ script: '', html });
    const ben = await browser.person();
    await ben.goto(app.url);
    await ben.getByRole('combobox', { name: 'Avatar' }).selectOption({ label: 'No picture' });
    await ben.getByRole('button', { name: 'Join' }).click();
    await ben.getByRole('figure', { name: 'Ben (you)' }).waitFor();

    const spoken = runIn(at, process.execPath, ['presenter.mjs', link, driver.wav]);
    await eventually(
      'the presenter is heard',
      () =>
        ben.evaluate(async () => {
          const { participants } = document.querySelector('gioconda-call') as unknown as {
            participants: { displayName: string; stream: MediaStream | null }[];
          };
          const stream = participants.find(({ displayName }) => displayName === 'Presenter')?.stream;
          if (!stream?.getAudioTracks().length) return false;
          const context = new AudioContext();
          const analyser = context.createAnalyser();
          context.createMediaStreamSource(new MediaStream(stream.getAudioTracks())).connect(analyser);
          await new Promise((resolve) => setTimeout(resolve, 300));
          const samples = new Float32Array(analyser.fftSize);
          analyser.getFloatTimeDomainData(samples);
          await context.close();
          return samples.some((sample) => Math.abs(sample) > 0.01);
        }),
      60_000,
    );
    expect(await spoken).toMatch(/in hall as .*\ndone/);
    await ben.getByRole('figure', { name: 'Presenter' }).waitFor({ state: 'detached' });
    await ben.context().close();
    await app.close();
  });
});
