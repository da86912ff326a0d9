/** `@gioconda/client/react` as it was packed, with React 18 and 19 in StrictMode, in a real Chromium; the server is the fake one of `./testing`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { AppPage } from '../support/AppPage.ts';
import { Browser } from '../support/Browser.ts';
import { people } from '../support/fixtures.ts';
import { runIn } from '../support/packages.ts';

const { folder } = inject('packages');

const script = `
  import { StrictMode, useState } from 'react';
  import { createRoot } from 'react-dom/client';
  import { FakeServer } from '@gioconda/client/testing';
  import * as G from '@gioconda/client/react';
  import { version } from 'react';

  export { version };
  export const server = new FakeServer({ avatars: [{ id: 'lisa', name: 'Lisa' }] });
  const token = () => 'token';

  function Room() {
    const { state, error, join } = G.useCall();
    const tracker = G.useTracker();
    const participants = G.useParticipants();
    const { avatars, refresh } = G.useAvatars();
    const [enrolling, setEnrolling] = useState(false);
    const enter = () => join({ displayName: 'Ana', roomId: 'studio', avatarId: 'lisa' }).catch(() => undefined);
    return (
      <>
        <output id="state">{state} {tracker.state} {tracker.face ? 'face' : 'nobody'} {error?.code ?? 'fine'} {avatars?.length ?? 0}</output>
        <button onClick={enter}>Join</button>
        <button onClick={() => tracker.start().catch(() => undefined)}>Camera</button>
        <button onClick={() => setEnrolling(true)}>Enrol</button>
        <G.CallControls />
        <G.EnrolDialog open={enrolling} onClose={() => setEnrolling(false)} onEnrolled={refresh} />
        {state === 'idle' && <G.PreviewTile roomId="studio" avatarId="lisa" displayName="Ana" id="preview" />}
        {participants.map((participant) => <G.AvatarTile key={participant.id} participant={participant} />)}
      </>
    );
  }
  const root = createRoot(document.querySelector('main'));
  root.render(
    <StrictMode>
      <G.GiocondaProvider url={server.url} token={token} link={server.link}><Room /></G.GiocondaProvider>
    </StrictMode>,
  );
  export const unmount = () => root.unmount();
`;

interface App {
  version: string;
  unmount(): void;
  server: {
    asked: { name: string }[];
    enter(room: string, options: object): { setMuted(muted: boolean): void; leave(): void };
    participants(room: string): { displayName: string; preview: boolean; packets: unknown[] }[];
    refuseNext(name: string, code: string): void;
    tracker: { see(): void; count: number };
  };
}
declare const app: App;

/** Where React 18 is installed, beside the newest one. */
const older = join(folder, 'react18');

describe.each([
  ['18', { react: join(older, 'node_modules/react'), 'react-dom': join(older, 'node_modules/react-dom') }],
  ['19', {}],
])('React %s in StrictMode', (major, alias) => {
  let site: AppPage;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    if (major === '18') {
      await mkdir(older);
      await writeFile(join(older, 'package.json'), '{"private":true}');
      await runIn(older, 'npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', 'react@18', 'react-dom@18']);
    }
    site = await AppPage.create({ script, packages: folder, alias });
    browser = await Browser.create();
    page = await browser.person();
    page.on('console', (message) => {
      if (message.type() === 'error') browser.problems.push(message.text());
    });
    await page.goto(site.url);
    await page.waitForFunction(() => 'app' in window);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  const state = (text: string) => page.locator('#state', { hasText: text }).waitFor();

  it('previews the avatar, unseen and once', async () => {
    expect(await page.evaluate(() => app.version)).toMatch(new RegExp(`^${major}\\.`));
    await page.locator('#preview[data-picture]').waitFor();
    expect(await page.evaluate(() => app.server.asked.filter(({ name }) => name === 'join').length)).toBe(1);
    expect(await page.evaluate(() => app.server.participants('studio').map(({ preview }) => preview))).toEqual([true]);
  });

  it('says why joining failed, then joins once, and shows who is there with the badge', async () => {
    await page.evaluate(() => app.server.refuseNext('join', 'room-full'));
    await page.getByRole('button', { name: 'Join' }).click();
    await state('idle off nobody room-full 1');
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByRole('figure', { name: 'Ana (you)' }).getByText('Avatar').waitFor();
    await page.evaluate(() => Object.assign(window, { ben: app.server.enter('studio', { displayName: 'Ben', avatar: true }) }));
    const ben = page.getByRole('figure', { name: 'Ben' });
    await page.waitForFunction(() => {
      const video = document.querySelector<HTMLVideoElement>('figure[aria-label="Ben"] video');
      return video && video.videoWidth > 0;
    });
    await page.evaluate(() => (window as unknown as { ben: { setMuted(muted: boolean): void } }).ben.setMuted(true));
    await ben.getByText('muted').waitFor();
    expect(
      await page.evaluate(() =>
        app.server
          .participants('studio')
          .map(({ displayName }) => displayName)
          .sort(),
      ),
    ).toEqual(['Ana', 'Ben']);
  });

  it('drives the call with the tracker', async () => {
    await page.getByRole('button', { name: 'Camera' }).click();
    await state('connected on');
    await page.waitForFunction(() => {
      app.server.tracker.see();
      return app.server.participants('studio').some(({ packets }) => packets.length > 0);
    });
    await state('face');
  });

  it('mutes, changes the avatar, and makes a new one with the consent of who is shown', async () => {
    await page.getByRole('button', { name: 'Mute' }).click();
    await page.getByRole('button', { name: 'Unmute' }).waitFor();
    await page.getByLabel('Avatar', { exact: true }).selectOption({ label: 'No picture' });
    await page.locator('figure[data-you]:not([data-picture])').waitFor();
    await page.getByRole('button', { name: 'Enrol' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/One to eight pictures/).setInputFiles(people[0]!.portraits[0]!);
    await dialog.getByLabel('Who is shown', { exact: true }).fill('Ana Sol');
    await dialog.getByLabel(/agrees/).check();
    await page.evaluate(() => app.server.refuseNext('POST /avatars', 'portrait-blurred'));
    await dialog.getByRole('button', { name: 'Make the avatar' }).click();
    await dialog.getByRole('alert').getByText('blurred').waitFor();
    await dialog.getByRole('button', { name: 'Make the avatar' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await state('fine 2');
  });

  it('leaves the room and closes the camera when it is unmounted', async () => {
    await page.evaluate(() => app.unmount());
    await page.waitForFunction(
      () => app.server.tracker.count === 0 && !app.server.participants('studio').some(({ displayName }) => displayName === 'Ana'),
    );
    expect(browser.problems).toEqual([]);
  });
});
