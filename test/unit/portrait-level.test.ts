/** Portraits that lie on their side, stand on their head or are held askew become upright ones; what the border takes from the head is told. */
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheFolder } from '../../server/base/paths.ts';
import { headPose } from '../../server/landmarker/head-pose.ts';
import { landmarkFolder } from '../../server/landmarker/landmark-models.ts';
import { Landmarker } from '../../server/landmarker/Landmarker.ts';
import { preparePortrait, type PreparationResult } from '../../server/portraits/prepare.ts';
import { preparePortraits } from '../../server/portraits/prepare-all.ts';
import { ensureLandmarkModels } from '../../server/setup/landmarker/convert-models.ts';
import { portraitOf } from '../support/fixtures.ts';

const SIZE = 256;

describe('portraits are levelled', () => {
  let landmarker: Landmarker;
  let original: Buffer;

  beforeAll(async () => {
    const cacheDir = landmarkFolder(cacheFolder());
    await ensureLandmarkModels(cacheDir);
    landmarker = await Landmarker.create({ cacheDir });
    original = await readFile(portraitOf('kenji', 'neutral'));
  });
  afterAll(() => landmarker.close());

  const prepare = (bytes: Buffer): Promise<PreparationResult> => preparePortrait(bytes, { landmarker, size: SIZE, crop: 'head' });
  const turned = (degrees: number): Promise<Buffer> =>
    sharp(original).rotate(degrees, { background: '#777' }).jpeg({ quality: 95 }).toBuffer();

  it.each([90, 180, 270, 30, -45, 140])('one that is turned by %d degrees', async (degrees) => {
    const upright = await prepare(original);
    const { portrait } = await prepare(await turned(degrees));
    const [seen] = await landmarker.detect(portrait.image);
    expect(Math.abs(headPose(seen!.points).roll)).toBeLessThan(6);
    expect(Math.abs(headPose(portrait.points).roll)).toBeLessThan(6);
    // The same head, as large and in the same place.
    const away = [1, 33, 263, 152].map((v) =>
      Math.hypot(...[0, 1].map((axis) => portrait.points[v * 3 + axis]! - upright.portrait.points[v * 3 + axis]!)),
    );
    expect(Math.max(...away)).toBeLessThan(0.06 * SIZE);
  });

  it('but not a head that is tilted a little', async () => {
    const { portrait } = await prepare(await turned(8));
    expect(Math.abs(headPose(portrait.points).roll)).toBeGreaterThan(4);
  });

  it('warns where the border cuts the hair or the chin, and not of a good one', async () => {
    const codesOf = async (bytes: Buffer): Promise<string[]> => (await prepare(bytes)).warnings.map(({ code }) => code);
    expect(await codesOf(original)).toEqual([]);
    const [face] = await landmarker.detect(await imageOf(original));
    const { width, height } = await sharp(original).metadata();
    const y = (point: number): number => Math.round(face!.points[point * 3 + 1]! * width);
    const forehead = y(10);
    const chin = y(152);
    const cut = (top: number, bottom: number): Promise<Buffer> =>
      sharp(original)
        .extract({ left: 0, top, width, height: bottom - top })
        .jpeg({ quality: 95 })
        .toBuffer();
    expect(await codesOf(await cut(forehead - Math.round(0.05 * (chin - forehead)), height))).toContain('hair-cut');
    expect(await codesOf(await cut(0, chin + 1))).toContain('chin-cut');
  });

  it('says which of several portraits is meant, in the text', async () => {
    const dark = await sharp(original).linear(0.05, 0).jpeg().toBuffer();
    const sources = [original, dark].map((bytes) => ({ read: () => bytes }));
    await expect(preparePortraits(sources, { landmarker, size: SIZE, crop: 'head' })).rejects.toThrow(/^Portrait 2: /);
  });
});

async function imageOf(bytes: Buffer): Promise<{ width: number; height: number; data: Uint8Array }> {
  const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}
