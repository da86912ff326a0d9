/** How a picture's pixels are made, on the fixtures' people with the real landmarker. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppError } from '../../client/src/protocol/index.ts';
import { Landmarker } from '../../server/landmarker/Landmarker.ts';
import { checkPortrait } from '../../server/portraits/check.ts';
import type { DetectedFace, RgbImage } from '../../server/landmarker/types.ts';
import { ensureLandmarkModels } from '../../server/setup/landmarker/convert-models.ts';
import { portraitOf } from '../support/fixtures.ts';
import { picture } from '../support/pictures.ts';

const names = ['anna', 'grace', 'kenji', 'walter'] as const;
let cacheDir: string;
let landmarker: Landmarker;
const originals = new Map<string, { image: RgbImage; face: DetectedFace }>();

beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'gioconda-texture-'));
  await ensureLandmarkModels(cacheDir);
  landmarker = await Landmarker.create({ cacheDir });
  for (const name of names) {
    const image = await picture(sharp(portraitOf(name, 'neutral')));
    originals.set(name, { image, face: (await landmarker.detect(image))[0]! });
  }
}, 60_000);
afterAll(async () => {
  await landmarker?.close();
  await rm(cacheDir, { recursive: true, force: true });
});

const of = ({ data, width, height }: RgbImage) => sharp(data, { raw: { width, height, channels: 3 } });
const recompressed = async (image: RgbImage, quality: number) => picture(sharp(await of(image).jpeg({ quality }).toBuffer()));

async function mosaic(image: RgbImage, block: number): Promise<RgbImage> {
  const small = await picture(of(image).resize(Math.round(image.width / block)));
  return picture(of(small).resize(image.width, image.height, { kernel: 'nearest', fit: 'fill' }));
}

function noisy(image: RgbImage, sigma: number): RgbImage {
  let state = 7;
  const normal = () =>
    Array.from({ length: 6 }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5).reduce((a, b) => a + b, 0) *
    1.41;
  return { ...image, data: Uint8Array.from(image.data, (value) => Math.max(0, Math.min(255, Math.round(value + sigma * normal())))) };
}

/** Dark lines on white paper. */
const sketch = (image: RgbImage): Promise<RgbImage> =>
  picture(
    of(image)
      .greyscale()
      .convolve({ width: 3, height: 3, kernel: [-1, -1, -1, -1, 8, -1, -1, -1, -1], scale: 1, offset: 0 })
      .negate()
      .linear(1.6, -150),
  );

/** The codes of the warnings, or that of the refusal. */
function verdict(image: RgbImage, face: DetectedFace): string[] {
  try {
    return checkPortrait(image, [face]).warnings.map(({ code }) => code);
  } catch (error) {
    return [(error as AppError).code];
  }
}

describe.each(names)('a portrait of %s', (name) => {
  const judged = async (change: (image: RgbImage) => RgbImage | Promise<RgbImage>): Promise<string[]> => {
    const { image, face } = originals.get(name)!;
    return verdict(await change(image), face);
  };

  it('as it is, or as a JPEG of 60 % quality, is good', async () => {
    expect(await judged((image) => image)).toEqual([]);
    expect(await judged((image) => recompressed(image, 60))).toEqual([]);
  });

  it('blurred by five pixels is soft or refused', async () => {
    expect([['soft'], ['portrait-blurred']]).toContainEqual(await judged((image) => picture(of(image).blur(5))));
  });

  it('as a mosaic is refused, also where it was compressed afterwards', async () => {
    expect(await judged((image) => mosaic(image, 14))).toEqual(['portrait-coarse']);
    expect(await judged(async (image) => recompressed(await mosaic(image, 14), 90))).toEqual(['portrait-coarse']);
  });

  it('as a JPEG of quality 1 is coarse', async () => {
    expect([['coarse'], ['portrait-coarse']]).toContainEqual(await judged((image) => recompressed(image, 1)));
  });

  it('with noise is noisy, with much of it refused', async () => {
    expect(await judged((image) => noisy(image, 25))).toEqual(['noisy']);
    expect(await judged((image) => noisy(image, 50))).toEqual(['portrait-coarse']);
  });

  it('drawn with a pencil on white is not too bright', async () => {
    expect(await judged(sketch)).not.toContain('portrait-too-bright');
  });
});
