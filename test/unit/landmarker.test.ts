import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectPortrait, preparePortrait } from '../../server/portraits/prepare.ts';
import { headPose } from '../../server/landmarker/head-pose.ts';
import { Landmarker } from '../../server/landmarker/Landmarker.ts';
import { ensureLandmarkModels } from '../../server/setup/landmarker/convert-models.ts';
import type { AppError } from '../../client/src/protocol/index.ts';
import type { DetectedFace, RgbImage } from '../../server/landmarker/types.ts';
import { badPortraits, people, portraitKinds, portraitOf } from '../support/fixtures.ts';

const portraits = [portraitOf('anna', 'neutral'), portraitOf('grace', 'smile'), portraitOf('walter', 'turned-left')].map(
  (path) => [basename(path), path] as const,
);

async function pixels(picture: Sharp): Promise<RgbImage> {
  const { data, info } = await picture.flatten().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

/** Points in pixels. */
const scaled = (face: DetectedFace, width: number): Float32Array => face.points.map((value) => value * width);
const widthOf = (points: Float32Array): number =>
  Math.hypot(points[454 * 3]! - points[234 * 3]!, points[454 * 3 + 1]! - points[234 * 3 + 1]!);
/** Mean distance in the picture's plane, as a share of the face's width. */
function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 3) sum += Math.hypot(a[i]! - b[i]!, a[i + 1]! - b[i + 1]!);
  return sum / (a.length / 3) / widthOf(a);
}

let cacheDir: string;
let landmarker: Landmarker;
beforeAll(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'gioconda-landmarker-'));
  await ensureLandmarkModels(cacheDir);
  landmarker = await Landmarker.create({ cacheDir });
}, 60_000);
afterAll(async () => {
  await landmarker?.close();
  await rm(cacheDir, { recursive: true, force: true });
});

describe('Landmarker without a face', () => {
  it.each([
    ['black', () => sharp({ create: { width: 320, height: 240, channels: 3, background: 'black' } })],
    [
      'noise',
      () =>
        sharp({ create: { width: 320, height: 240, channels: 3, background: 'grey', noise: { type: 'gaussian', mean: 128, sigma: 60 } } }),
    ],
    ['one row of pixels', () => sharp({ create: { width: 300, height: 1, channels: 3, background: 'white' } })],
  ])('finds none in %s', async (_, make) => {
    const image = await pixels(make());
    expect(await landmarker.detect(image)).toEqual([]);
    expect(await landmarker.track(image, null)).toBeNull();
  });

  it('gives a matte of the size of the picture', async () => {
    const image = await pixels(sharp({ create: { width: 200, height: 90, channels: 3, background: 'white' } }));
    expect((await landmarker.matte(image)).length).toBe(200 * 90);
  });

  it('refuses work after close, and closes twice', async () => {
    const other = await Landmarker.create({ cacheDir });
    const image = await pixels(sharp({ create: { width: 64, height: 64, channels: 3, background: 'white' } }));
    const underWay = other.detect(image);
    await Promise.all([other.close(), other.close()]);
    expect(await underWay).toEqual([]);
    await expect(other.detect(image)).rejects.toThrow('closed');
  });
});

describe.each(portraits)('Landmarker on %s', (_name, file) => {
  let image: RgbImage;
  let face: DetectedFace;
  let points: Float32Array;
  beforeAll(async () => {
    image = await pixels(sharp(file));
    const faces = await landmarker.detect(image);
    if (faces.length !== 1) throw new Error(`${faces.length} faces were found in ${file}`);
    face = faces[0]!;
    points = scaled(face, image.width);
  });

  it('puts eyes, nose and mouth in their order', () => {
    expect(face.confidence).toBeGreaterThan(0.9);
    expect(points).toHaveLength(478 * 3);
    const at = (i: number, axis: number) => points[i * 3 + axis]!;
    expect(at(33, 0)).toBeLessThan(at(263, 0));
    expect(at(159, 1)).toBeLessThan(at(4, 1));
    expect(at(4, 1)).toBeLessThan(at(13, 1));
    expect(at(13, 1)).toBeLessThan(at(152, 1));
    expect(at(4, 2)).toBeLessThan(at(234, 2));
    // each iris between the corners of its eye
    for (const [iris, left, right] of [
      [468, 33, 133],
      [473, 362, 263],
    ] as const) {
      expect(at(iris, 0)).toBeGreaterThan(at(left, 0));
      expect(at(iris, 0)).toBeLessThan(at(right, 0));
    }
  });

  it('has settled: tracking the same picture moves nothing', async () => {
    const again = await landmarker.track(image, face);
    expect(distance(points, scaled(again!, image.width))).toBeLessThan(0.01);
  });

  it('sees the mirror image as the mirror image', async () => {
    const [mirrored] = await landmarker.detect(await pixels(sharp(await sharp(file).flop().png().toBuffer())));
    const [pose, other] = [headPose(points), headPose(scaled(mirrored!, image.width))];
    expect(other.yaw + pose.yaw).toBeCloseTo(0, -1);
    expect(other.roll + pose.roll).toBeCloseTo(0, -1);
  });

  it('finds the same points in the picture half as large, and turned by 25 degrees', async () => {
    const [small] = await landmarker.detect(await pixels(sharp(file).resize(Math.round(image.width / 2))));
    expect(distance(points, scaled(small!, image.width))).toBeLessThan(0.015);
    const turned = await pixels(sharp(await sharp(file).rotate(25, { background: '#808080' }).png().toBuffer()));
    const [tilted] = await landmarker.detect(turned);
    expect(headPose(scaled(tilted!, turned.width)).roll - headPose(points).roll).toBeCloseTo(25, -1);
  });

  it('finds it small in a large picture, and beside another', async () => {
    const small = await sharp(file).resize(220).png().toBuffer();
    const large = sharp({ create: { width: 1600, height: 1200, channels: 3, background: '#6a7078' } });
    const one = await pixels(
      sharp(
        await large
          .clone()
          .composite([{ input: small, left: 1100, top: 700 }])
          .png()
          .toBuffer(),
      ),
    );
    const [found, ...rest] = await landmarker.detect(one);
    expect(rest).toEqual([]);
    const shrink = 220 / image.width;
    expect(
      distance(
        points.map((value, i) => value * shrink + [1100, 700, 0][i % 3]!),
        scaled(found!, 1600),
      ),
    ).toBeLessThan(0.06);
    const pair = await pixels(
      sharp(
        await sharp({ create: { width: 1000, height: 600, channels: 3, background: '#6a7078' } })
          .composite([
            { input: await sharp(file).resize(400).png().toBuffer(), left: 20, top: 10 },
            { input: await sharp(file).resize(400).flop().png().toBuffer(), left: 560, top: 60 },
          ])
          .png()
          .toBuffer(),
      ),
    );
    expect(await landmarker.detect(pair)).toHaveLength(2);
  });

  it('loses the face when it is gone and finds it again', async () => {
    const empty: RgbImage = { ...image, data: new Uint8Array(image.data.length).fill(90) };
    expect(await landmarker.track(empty, face)).toBeNull();
    const back = await landmarker.track(image, null);
    expect(distance(points, scaled(back!, image.width))).toBeLessThan(0.01);
  });

  it('prepares it: the same face in the crop, all of it inside, the person in the matte', async () => {
    const { portrait, normalised } = await preparePortrait(await readFile(file), { landmarker, size: 256, crop: 'head' });
    expect([portrait.image.width, portrait.image.height, portrait.matte!.length]).toEqual([256, 256, 256 * 256]);
    for (let i = 0; i < 478 * 3; i += 3)
      expect(
        Math.min(portrait.points[i]!, portrait.points[i + 1]!, 256 - portrait.points[i]!, 256 - portrait.points[i + 1]!),
      ).toBeGreaterThan(10);
    const [inCrop] = await landmarker.detect(portrait.image);
    expect(distance(portrait.points, scaled(inCrop!, 256))).toBeLessThan(0.015);
    const at = (x: number, y: number) => portrait.matte![Math.round(y) * 256 + Math.round(x)]!;
    expect(at(portrait.points[4 * 3]!, portrait.points[4 * 3 + 1]!)).toBeGreaterThan(200);
    // what is kept can be prepared again and shows the same
    const again = await preparePortrait(normalised, { landmarker, size: 256, crop: 'head' });
    expect(distance(portrait.points, again.portrait.points)).toBeLessThan(0.01);
  });

  it('keeps enough of a large picture: prepared again for the largest avatar it shows the same', async () => {
    const large = await sharp(file).resize(4000, 4000, { kernel: 'lanczos3' }).jpeg({ quality: 98 }).toBuffer();
    const { portrait, normalised } = await preparePortrait(large, { landmarker, size: 768, crop: 'head' });
    expect(
      Math.max(
        ...Object.values(
          await sharp(normalised)
            .metadata()
            .then(({ width, height }) => ({ width, height })),
        ),
      ),
    ).toBe(1536);
    expect(normalised.byteLength).toBeLessThan(large.byteLength / 3);
    const again = await preparePortrait(normalised, { landmarker, size: 768, crop: 'head' });
    expect(distance(portrait.points, again.portrait.points)).toBeLessThan(0.01);
    let difference = 0;
    for (const [i, value] of portrait.image.data.entries()) difference += Math.abs(value - again.portrait.image.data[i]!);
    expect(difference / portrait.image.data.length).toBeLessThan(4);
  });

  it('takes it as framed with crop none', async () => {
    const { portrait } = await preparePortrait(await sharp(file).resize(300, 300, { fit: 'cover' }).png().toBuffer(), {
      landmarker,
      size: 256,
      crop: 'none',
    });
    expect(portrait.crop).toEqual({ x: 0, y: 0, size: 300 });
  });

  it('honours EXIF orientation on the way', async () => {
    const stored = await sharp(await sharp(file).rotate(90).toBuffer())
      .withMetadata({ orientation: 8 })
      .jpeg({ quality: 95 })
      .toBuffer();
    const { portrait } = await preparePortrait(stored, { landmarker, size: 256, crop: 'head' });
    expect(Math.abs(headPose(portrait.points).roll)).toBeLessThan(25);
  });

  it('is refused when a border cuts the face', async () => {
    const half = Math.round(points[4 * 3]! + 0.15 * widthOf(points));
    const cut = await sharp(file).extract({ left: 0, top: 0, width: half, height: image.height }).jpeg({ quality: 95 }).toBuffer();
    await expect(inspectPortrait(cut, landmarker)).rejects.toMatchObject({
      code: expect.stringMatching(/portrait-(face-cut-off|no-face)/),
    });
  });
});

describe('the verdict on portraits', () => {
  const verdict = async (path: string): Promise<string[]> =>
    inspectPortrait(await readFile(path), landmarker).then(
      (warnings) => warnings.map(({ code }) => code),
      (error: AppError) => [error.code],
    );

  it.each([
    ['profile', ['portrait-turned']],
    ['twoFaces', ['portrait-several-faces']],
    ['noFace', ['portrait-no-face']],
    ['dark', ['portrait-too-dark']],
    ['blurred', ['portrait-blurred']],
    ['tinyFace', ['portrait-face-too-small']],
    ['eyesClosed', ['eyes-closed']],
  ] as const)('%s: %j', async (kind, expected) => {
    expect(await verdict(badPortraits[kind])).toEqual(expected);
  });

  const expectedWarnings = { neutral: [], smile: [], 'mouth-open': ['mouth-open'], 'turned-left': ['turned'], 'turned-right': ['turned'] };
  it.each(people.map(({ name }) => name))('%s: good in every kind, with the warning that belongs to it', async (name) => {
    for (const kind of portraitKinds) expect([kind, await verdict(portraitOf(name, kind))]).toEqual([kind, expectedWarnings[kind]]);
  });

  it('the turn, as the picture shows it', async () => {
    for (const { name } of people) {
      const yaw = async (kind: 'turned-left' | 'turned-right') => {
        const [face] = await landmarker.detect(await pixels(sharp(portraitOf(name, kind))));
        return headPose(face!.points).yaw;
      };
      // To the person's left is to the picture's right.
      expect(await yaw('turned-left')).toBeGreaterThan(18);
      expect(await yaw('turned-right')).toBeLessThan(-18);
    }
  });
});
