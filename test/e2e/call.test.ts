/** Two people in two real browsers, through the page as they would use it. Their camera shows the fixtures' driver, a rendered person who talks. */
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { landmarkFolder } from '../../server/landmarker/landmark-models.ts';
import { cacheFolder } from '../../server/base/paths.ts';
import { Landmarker } from '../../server/landmarker/Landmarker.ts';
import { Browser, samplePictures } from '../support/Browser.ts';
import { decodePictures, faceSeries, following } from '../support/face-series.ts';
import { badPortraits, people } from '../support/fixtures.ts';
import { TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';

const FIRST_PICTURE_MS = 60_000;

interface PageStatistics {
  state: string;
  tracker: string;
  trackingRate: number;
  participants: Record<
    string,
    { framesPerSecond: number; framesDecoded: number; skewMs: number | null; latency: { p95Ms: number | null }; matched: number }
  >;
}

const statistics = (page: Page): Promise<PageStatistics | undefined> =>
  page.evaluate(() => (window as unknown as { __gioconda?: { stats(): unknown } }).__gioconda?.stats()) as Promise<
    PageStatistics | undefined
  >;

/** A participant's tile, by what a screen reader says of it. */
const tile = (page: Page, name: string): Locator => page.locator(`[aria-label^="${name}"]`).first();

/** Root mean square of everything that the page plays, 0..1. */
const loudness = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    for (const element of document.querySelectorAll('video, audio')) {
      const stream = (element as HTMLMediaElement).srcObject as MediaStream | null;
      if (stream && !(element as HTMLMediaElement).muted && stream.getAudioTracks().length > 0)
        context.createMediaStreamSource(new MediaStream(stream.getAudioTracks())).connect(analyser);
    }
    const samples = new Float32Array(analyser.fftSize);
    let loudest = 0;
    for (let n = 0; n < 40; n++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      analyser.getFloatTimeDomainData(samples);
      loudest = Math.max(loudest, Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length));
    }
    await context.close();
    return loudest;
  });

describe('two browsers in a call', () => {
  let server: TestServer;
  let browser: Browser;
  let ada: Page;
  let ben: Page;

  beforeAll(async () => {
    server = await TestServer.create();
    browser = await Browser.create();
    ada = await browser.person();
    ben = await browser.person({ viewport: { width: 390, height: 844 } });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const link = (): Promise<string> => server.server.inviteLink('studio');

  async function enterName(page: Page, name: string): Promise<void> {
    await page.goto(await link());
    await page.getByLabel('Your name').fill(name);
    await page.getByRole('button', { name: 'Choose your avatar' }).click();
  }

  it('Ada makes an avatar of three portraits, sees why another one is refused, and sees herself before she enters', async () => {
    await enterName(ada, 'Ada');
    const files = ada.locator('input[type=file]').first();
    await files.setInputFiles([...people[0]!.portraits.slice(0, 3)]);
    await ada.getByText('Good').first().waitFor();
    await files.setInputFiles(badPortraits.noFace);
    await ada.getByText(/shows one face/).waitFor();
    await ada.getByRole('button', { name: 'Remove bad-no-face.jpg' }).click();
    await ada.getByRole('checkbox').check();
    await ada.getByRole('button', { name: 'Create avatar' }).click();
    await ada.getByRole('button', { name: 'Join studio' }).waitFor();
    await ada.getByText('Following you').waitFor({ timeout: FIRST_PICTURE_MS });
    await ada.locator('video').first().waitFor();
  });

  it('both enter; Ben, who shows no picture, sees and hears Ada', async () => {
    await ada.getByRole('button', { name: 'Join studio' }).click();
    await enterName(ben, 'Ben');
    await ben.getByRole('button', { name: 'Join without a picture' }).click();
    await ben.getByRole('button', { name: 'Join studio' }).click();
    await tile(ben, 'Ada, shown as an avatar').waitFor();
    await eventually(
      'decoded pictures',
      async () => Object.values((await statistics(ben))?.participants ?? {}).some(({ framesDecoded }) => framesDecoded > 60),
      FIRST_PICTURE_MS,
    );
    await eventually('the voice', async () => (await loudness(ben)) > 0.005); // the driver pauses between sentences
  });

  it('what Ben sees follows what Ada’s camera sees: head and mouth', async () => {
    const [camera, received] = await Promise.all([
      samplePictures(ada, { source: 'camera', seconds: 12 }),
      samplePictures(ben, { source: { selector: '[aria-label^="Ada"] video' }, seconds: 12 }),
    ]);
    const landmarker = await Landmarker.create({ cacheDir: landmarkFolder(cacheFolder()) });
    const leader = await faceSeries(landmarker, await decodePictures(camera));
    const follower = await faceSeries(landmarker, await decodePictures(received));
    await landmarker.close();
    expect(follower.length).toBeGreaterThan(received.length * 0.9);
    const head = following({ leader, follower, of: ({ yaw }) => yaw });
    const mouth = following({ leader, follower, of: ({ mouthGap }) => mouthGap });
    // A control: the same movements in the wrong order. Repeating syllables alone correlate a little at some delay.
    const reversed = follower.map(({ atMs }, index) => ({ ...follower[follower.length - 1 - index]!, atMs }));
    const chance = following({ leader, follower: reversed, of: ({ mouthGap }) => mouthGap });
    expect(mouth.correlation).toBeGreaterThan(chance.correlation);
    // Where no tracker model can be had and there is no GPU, the offline tracker gives a few landmarks a second: the head follows, syllables blur.
    const slow = ((await statistics(ada))?.trackingRate ?? 0) < 8;
    expect(head.correlation).toBeGreaterThan(slow ? 0.5 : 0.7);
    if (!slow) expect(mouth.correlation).toBeGreaterThan(0.5);
  });

  it('Ada mutes, and Ben sees and hears it', async () => {
    await ada.getByRole('button', { name: 'Mute' }).click();
    await tile(ben, 'Ada, shown as an avatar, muted').waitFor();
    await eventually('silence', async () => (await loudness(ben)) < 0.001);
    await ada.getByRole('button', { name: 'Unmute' }).click();
    await eventually('the voice again', async () => (await loudness(ben)) > 0.005);
  });

  it('the latency display shows every stage', async () => {
    await ada.keyboard.press('h');
    const display = ada.getByLabel('Statistics').filter({ visible: true }).first();
    await display.waitFor();
    for (const stage of ['Tracking', 'Uplink', 'Synthesis', 'Encoding', 'Sending']) await display.getByText(stage).first().waitFor();
    // They come only while the display is open.
    await eventually('stage times', async () => Object.values((await statistics(ada))!.participants).some(({ matched }) => matched > 0));
  });

  it('Ada leaves, and Ben is alone again', async () => {
    await ada.getByRole('button', { name: 'Leave' }).click();
    await tile(ben, 'Ada').waitFor({ state: 'detached' });
    await eventually('nothing is rendered any more', () => server.server.pool.processes.every(({ sessions }) => sessions === 0));
  });

  it('no page has thrown', () => {
    expect(browser.problems).toEqual([]);
  });
});
