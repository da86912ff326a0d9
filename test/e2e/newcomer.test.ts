/** A newcomer without any portrait: a sample avatar in a minute, and expressions by keys. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { cacheFolder } from '../../server/base/paths.ts';
import { landmarkFolder } from '../../server/landmarker/landmark-models.ts';
import { Landmarker } from '../../server/landmarker/Landmarker.ts';
import { Browser, samplePictures } from '../support/Browser.ts';
import { decodePictures, faceSeries } from '../support/face-series.ts';
import { TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';

const FIRST_PICTURE_MS = 60_000;

describe('a newcomer', () => {
  let server: TestServer;
  let browser: Browser;
  let page: Page;
  let landmarker: Landmarker;

  beforeAll(async () => {
    server = await TestServer.create({ config: { samples: { enabled: true } } });
    browser = await Browser.create();
    page = await browser.person();
    landmarker = await Landmarker.create({ cacheDir: landmarkFolder(cacheFolder()) });
  });

  afterAll(async () => {
    await landmarker?.close();
    await browser?.close();
    await server?.close();
  });

  /** The widest opening of the lips in the avatar's picture during `seconds`. */
  async function widestMouth(seconds: number): Promise<number> {
    const pictures = await samplePictures(page, { source: { selector: '[aria-label*="shown as an avatar"] video' }, seconds });
    const series = await faceSeries(landmarker, await decodePictures(pictures));
    return Math.max(...series.map(({ mouthGap }) => mouthGap));
  }

  it('finds three samples, which nobody can delete, and speaks as one of them', async () => {
    const { gioconda } = await server.guest();
    await eventually('the samples', async () => (await gioconda.avatars()).length === 3, FIRST_PICTURE_MS);
    await page.goto(await server.server.inviteLink('studio'));
    await page.getByLabel('Your name').fill('Nia');
    await page.getByRole('button', { name: 'Choose your avatar' }).click();
    await page.getByRole('button', { name: /Marble statue/ }).waitFor();
    expect(await page.getByRole('button', { name: /^Delete/ }).count()).toBe(0);
    await page.getByRole('button', { name: /Mona Lisa/ }).click();
    await page.getByText('Following you').waitFor({ timeout: FIRST_PICTURE_MS });
    await page.getByRole('button', { name: 'Join studio' }).click();
    await page.locator('[aria-label*="shown as an avatar"] video').waitFor({ timeout: FIRST_PICTURE_MS });
  });

  it('pauses the own face, and shows an expression at a key press', async () => {
    await page.getByRole('button', { name: 'Express', exact: true }).click();
    await page.getByRole('button', { name: 'Pause my face' }).click();
    await page.getByText('Resume my face').waitFor();
    await eventually('a calm face', async () => (await widestMouth(1)) < 0.015, FIRST_PICTURE_MS);
    const watched = widestMouth(3);
    await page.keyboard.press('3'); // surprise
    expect(await watched).toBeGreaterThan(0.025);
    await eventually('a calm face again', async () => (await widestMouth(1)) < 0.015, FIRST_PICTURE_MS);
    expect(browser.problems).toEqual([]);
  });
});
