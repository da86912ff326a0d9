/**
 * The server's landmarker against the trackers of the browser, point by point, on the same pictures. Measured on 36 portraits:
 * face_mesh (the same networks) 0.20 % of the face's width in the mean; tasks-vision (a newer network) 1.0 %.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Landmarker } from '../../server/landmarker/Landmarker.ts';
import { ensureLandmarkModels } from '../../server/setup/landmarker/convert-models.ts';
import { people, portraitOf } from '../support/fixtures.ts';
import { chromiumPath, openFaceLandmarker, openFaceMesh, type BrowserTracker } from './landmarker-browser.ts';

const pictures = people.flatMap(({ name }) => [portraitOf(name, 'smile'), portraitOf(name, 'turned-left')]);
const taskModel = '../shared/data/mediapipe/face_landmarker.task';
if (chromiumPath === undefined) console.warn('landmarker-browser.test.ts: no Chromium: the comparison with the browser is skipped');

let cacheDir: string;
let landmarker: Landmarker;
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'gioconda-parity-'));
  await ensureLandmarkModels(cacheDir);
  landmarker = await Landmarker.create({ cacheDir });
}, 60_000);
afterAll(async () => {
  await landmarker?.close();
  await rm(cacheDir, { recursive: true, force: true });
});

/** Mean and largest distance over the points, in % of the face's width; depth apart. */
async function compare(tracker: BrowserTracker, path: string): Promise<{ mean: number; max: number; depth: number }> {
  const bytes = await readFile(path);
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  const [face] = await landmarker.detect({ width: info.width, height: info.height, data });
  const browser = await tracker.landmarks(bytes);
  expect([path, face !== undefined, browser?.length]).toEqual([path, true, 478 * 3]);
  const ours = face!.points;
  const aspect = info.height / info.width;
  const width = Math.hypot(
    ours[454 * 3]! - ours[234 * 3]!,
    ours[454 * 3 + 1]! - ours[234 * 3 + 1]!,
    ours[454 * 3 + 2]! - ours[234 * 3 + 2]!,
  );
  const distances: number[] = [];
  let depth = 0;
  for (let i = 0; i < ours.length; i += 3) {
    distances.push((100 * Math.hypot(ours[i]! - browser![i]!, ours[i + 1]! - browser![i + 1]! * aspect)) / width);
    depth += (100 * Math.abs(ours[i + 2]! - browser![i + 2]!)) / width / 478;
  }
  return { mean: distances.reduce((sum, value) => sum + value, 0) / 478, max: Math.max(...distances), depth };
}

async function compareAll(open: () => Promise<BrowserTracker>): Promise<{ mean: number; worst: number; max: number; depth: number }> {
  const results: { mean: number; max: number; depth: number }[] = [];
  const tracker = await open();
  try {
    for (const path of pictures) results.push(await compare(tracker, path));
  } finally {
    await tracker.close();
  }
  const average = (key: 'mean' | 'depth') => results.reduce((sum, result) => sum + result[key], 0) / results.length;
  return {
    mean: average('mean'),
    worst: Math.max(...results.map(({ mean }) => mean)),
    max: Math.max(...results.map(({ max }) => max)),
    depth: average('depth'),
  };
}

describe.skipIf(chromiumPath === undefined)('server and browser find the same points', () => {
  it('as face_mesh, the offline tracker with the same networks', { timeout: 120_000 }, async () => {
    const result = await compareAll(openFaceMesh);
    console.info('face_mesh, % of face width', result);
    expect(result.mean).toBeLessThan(0.6);
    expect(result.worst).toBeLessThan(1.5);
    expect(result.depth).toBeLessThan(0.8);
  });

  it.skipIf(!existsSync(taskModel))('as tasks-vision, whose network is another one', { timeout: 120_000 }, async () => {
    const result = await compareAll(() => openFaceLandmarker(taskModel));
    console.info('tasks-vision, % of face width', result);
    expect(result.mean).toBeLessThan(2);
    expect(result.worst).toBeLessThan(4);
  });
});
