/** Whose face drives a clip, with the real landmarker: the fixtures' driver and a picture on the wall, put together frame by frame. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Landmarker } from '../../server/landmarker/Landmarker.ts';
import { headPose } from '../../server/landmarker/head-pose.ts';
import type { RgbImage } from '../../server/landmarker/types.ts';
import { DriverFinder } from '../../server/render/DriverFinder.ts';
import { VideoReader } from '../../server/render/files/VideoReader.ts';
import { ensureLandmarkModels } from '../../server/setup/landmarker/convert-models.ts';
import { driver, portraitOf } from '../support/fixtures.ts';
import { paste, picture, plain } from '../support/pictures.ts';

let cacheDir: string;
let landmarker: Landmarker;
let clip: RgbImage[];
let walter: RgbImage;
const FRAMES = 110;

beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'gioconda-driver-'));
  await ensureLandmarkModels(cacheDir);
  landmarker = await Landmarker.create({ cacheDir });
  clip = await firstFrames(driver.mp4, FRAMES);
  walter = await picture(sharp(portraitOf('walter', 'neutral')).resize(150));
}, 120_000);
afterAll(async () => {
  await landmarker?.close();
  await rm(cacheDir, { recursive: true, force: true });
});

async function firstFrames(path: string, count: number): Promise<RgbImage[]> {
  const reader = await VideoReader.open(path);
  const images: RgbImage[] = [];
  for await (const item of reader.items()) {
    if (item.kind === 'frame') images.push(item.image);
    if (images.length === count) break;
  }
  await reader.close();
  return images;
}

/** The x of the face that drives each frame, 0..1; null where none does. */
async function places(finder: DriverFinder, frames: number, show: (frame: number) => RgbImage): Promise<(number | null)[]> {
  const found: (number | null)[] = [];
  for (let i = 0; i < frames; i++) found.push((await finder.find(show(i), (i * 1000) / 30))?.points[3] ?? null);
  return found;
}

describe('a picture on the wall', () => {
  const inFront = (frame: number): RgbImage => paste(clip[frame]!, walter, [480, 10]);

  it('does not take over while the driver is hidden; back, the driver is followed', async () => {
    const curtain = plain(280, 360, 128);
    const found = await places(new DriverFinder(landmarker), FRAMES, (i) =>
      i >= 30 && i < 70 ? paste(inFront(i), curtain, [180, 60]) : inFront(i),
    );
    expect(found.slice(0, 30).every((x) => x !== null && Math.abs(x - 0.5) < 0.1)).toBe(true);
    expect(found.slice(30, 70)).toEqual(Array(40).fill(null));
    expect(found.slice(76).every((x) => x !== null && Math.abs(x - 0.45) < 0.1)).toBe(true);
  }, 120_000);

  it('nor when the driver comes back elsewhere', async () => {
    const room = paste(plain(640, 480, 150), walter, [480, 10]);
    const small = await Promise.all(
      clip.map(({ data, width, height }) => picture(sharp(data, { raw: { width, height, channels: 3 } }).resize(320))),
    );
    const found = await places(new DriverFinder(landmarker), FRAMES, (i) => {
      if (i >= 30 && i < 60) return room;
      return paste(room, small[i < 30 ? i : i - 60]!, i < 30 ? [0, 230] : [150, 200]);
    });
    expect(found.slice(0, 30).every((x) => x !== null && Math.abs(x - 0.25) < 0.05)).toBe(true);
    expect(found.slice(30, 60)).toEqual(Array(30).fill(null));
    expect(found.slice(66).every((x) => x !== null && Math.abs(x - 0.49) < 0.05)).toBe(true);
  }, 120_000);
});

describe('a clip that stands on its head', () => {
  const upsideDown = async (image: RgbImage): Promise<RgbImage> =>
    picture(sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } }).rotate(180));

  it('has no driver, and the reason is known', async () => {
    const turned = await Promise.all(clip.slice(0, 20).map(upsideDown));
    const finder = new DriverFinder(landmarker);
    expect(await places(finder, 20, (i) => turned[i]!)).toEqual(Array(20).fill(null));
    expect(finder.upsideDown).toBe(20);
  }, 60_000);

  it.each(['anna', 'grace', 'kenji', 'walter'])('%s upside down is found as such', async (name) => {
    const image = await picture(sharp(portraitOf(name, 'neutral')));
    const [face] = await landmarker.detect(await upsideDown(image));
    expect(Math.abs(headPose(face!.points).roll)).toBeGreaterThan(170);
  });
});
