import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { AvatarFace } from '../../server/motion/AvatarFace.ts';
import { eyes } from '../../server/landmarker/mesh-topology.ts';
import { loadManifest, modelsDirectory } from '../../server/synthesis/model/model-manifest.ts';
import { motionLayout as L, restMotion } from '../../server/motion/motion.ts';
import type { Motion } from '../../server/motion/motion.ts';
import { posingOf, surfacePosing, warpPoseLimits } from '../../server/motion/posing.ts';
import { Retargeter } from '../../server/motion/Retargeter.ts';
import { driverFace } from '../support/synthetic-face.ts';
import type { FaceOptions } from '../support/synthetic-face.ts';

const size = 256;
const degrees = Math.PI / 180;
const tracked = posingOf({ landmarks: 'tracked' });
const points = driverFace().map((v) => v * size);

/** The landmarks of an avatar that is the driver's own twin, once the driver at rest is known. */
function twin(options: FaceOptions, posing = tracked): Float32Array {
  const retargeter = new Retargeter({ motion: 'relative', filter: false });
  for (let t = 0; t < 2000; t += 33) retargeter.observe(driverFace(), t);
  return new AvatarFace({ points, size, posing }).pose(retargeter.observe(driverFace(options), 2033), AvatarFace.newPose()).points;
}

function posed(change: (motion: Motion) => void, posing = tracked): Float32Array {
  const motion = restMotion();
  change(motion);
  return new AvatarFace({ points, size, posing }).pose(motion, AvatarFace.newPose()).points;
}

/** Irises aside, in eye widths. */
function looking(face: Float32Array, by: number): Float32Array {
  for (const { corners, iris } of eyes) {
    const width = Math.abs(face[corners[1] * 3]! - face[corners[0] * 3]!);
    for (const v of iris) face[v * 3]! += by * width;
  }
  return face;
}

const gap = (p: Float32Array, upper: number, lower: number): number => p[lower * 3 + 1]! - p[upper * 3 + 1]!;
const furthest = (a: Float32Array, b: Float32Array): number => a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0);

describe('landmarks as a tracker would see them', () => {
  it.each<[string, FaceOptions]>([
    ['at rest', {}],
    ['in a blink', { blink: 1 }],
    ['with a half shut eye', { blink: 0.5 }],
    ['with an open mouth', { jaw: 0.08 }],
    ['turned', { turn: 0.2 }],
  ])("of the driver's own twin are the driver's, %s", (_name, options) => {
    expect(
      furthest(
        twin(options),
        driverFace(options).map((v) => v * size),
      ),
    ).toBeLessThan(0.8);
  });

  it.each<[string, FaceOptions, number]>([
    ['in a blink that goes on below what most trackers see', { blink: 1.3 }, 0],
    ['with wide eyes', { blink: -1.2 }, 0],
    ['with a glance to the corner', {}, 0.25],
    ['with lips that overlap', { jaw: -0.01 }, 0],
  ])('of absolute motion are the driver’s to a hundredth of a pixel, %s', (_name, options, glance) => {
    const driven = looking(driverFace(options), glance);
    const face = new AvatarFace({ points, size, absolute: true, posing: tracked });
    const motion = new Retargeter({ motion: 'absolute', neutral: face.inPictureWidths(), filter: false }).observe(driven, 0);
    const posedPoints = face.pose(motion, AvatarFace.newPose()).points;
    const away = driven.reduce((most, v, i) => (i % 3 === 2 ? most : Math.max(most, Math.abs(v * size - posedPoints[i]!))), 0);
    expect(away).toBeLessThan(0.01);
  });

  it('keep a wink to its eye, and its shape', () => {
    const winking = driverFace();
    const shut = driverFace({ blink: 1 });
    for (const v of [...eyes[0].upper, ...eyes[0].lower]) winking[v * 3 + 1] = shut[v * 3 + 1]!;
    const retargeter = new Retargeter({ motion: 'relative', filter: false });
    for (let t = 0; t < 2000; t += 33) retargeter.observe(driverFace(), t);
    const wink = new AvatarFace({ points, size, posing: tracked }).pose(retargeter.observe(winking, 2033), AvatarFace.newPose()).points;
    expect(
      furthest(
        wink,
        winking.map((v) => v * size),
      ),
    ).toBeLessThan(0.8);
    expect(gap(wink, eyes[1].upper[3]!, eyes[1].lower[3]!)).toBeCloseTo(gap(points, eyes[1].upper[3]!, eyes[1].lower[3]!), 1);
  });

  it('shut with a driver whose eyes are twice as large, or half', () => {
    const [upper, lower] = [eyes[0].upper[3]!, eyes[0].lower[3]!];
    for (const share of [0.5, 2]) {
      const of = (blink: number) => {
        const face = driverFace({ blink });
        for (const eye of eyes) {
          eye.upper.forEach((u, i) => {
            const l = eye.lower[i]!;
            face[u * 3 + 1] = face[l * 3 + 1]! - share * (face[l * 3 + 1]! - face[u * 3 + 1]!);
          });
        }
        return face;
      };
      const retargeter = new Retargeter({ motion: 'relative', filter: false });
      for (let t = 0; t < 2000; t += 33) retargeter.observe(of(0), t);
      const shut = new AvatarFace({ points, size, posing: tracked }).pose(retargeter.observe(of(1), 2033), AvatarFace.newPose()).points;
      expect(gap(shut, upper, lower) / gap(points, upper, lower)).toBeCloseTo(0.28, 1);
    }
  });

  it('differ from where the surface is: lids that shut meet, lips open less than they seem to', () => {
    const [upper, lower] = [eyes[0].upper[4]!, eyes[0].lower[4]!];
    const open = gap(points, upper, lower);
    expect(gap(twin({ blink: 1 }), upper, lower) / open).toBeCloseTo(0.28, 1);
    expect(gap(twin({ blink: 1 }, surfacePosing), upper, lower) / open).toBeLessThan(0.05);
    const jaw = { jaw: 0.08 };
    expect(gap(twin(jaw), 13, 14) - gap(twin(jaw, surfacePosing), 13, 14)).toBeGreaterThan(0.3);
  });

  it('keep the depth of the sides as it was found', () => {
    expect(new AvatarFace({ points, size, posing: tracked }).points).toEqual(points);
    expect(furthest(new AvatarFace({ points, size }).points, points)).toBeGreaterThan(1);
  });

  it('have irises that follow the gaze of a face without a driver, and keep their place in an eye that moves', () => {
    const centre = eyes[0].iris[0]! * 3;
    const glance = posed((m) => (m[L.gaze] = 0.08));
    const width = Math.abs(points[eyes[0].corners[0] * 3]! - points[eyes[0].corners[1] * 3]!);
    expect(glance[centre]! - points[centre]!).toBeCloseTo(0.08 * width, 0);
    expect(glance[eyes[1].iris[0]! * 3]).toBeCloseTo(points[eyes[1].iris[0]! * 3]!, 3);
    expect(posed((m) => (m[L.gaze] = 0.08), surfacePosing)[centre]).toBeCloseTo(points[centre]!, 3);
    const moved = posed((m) => {
      for (const corner of eyes[0].corners) m[L.deltas + corner * 3 + 1] = 0.02;
    });
    expect(moved[centre + 1]! - points[centre + 1]!).toBeGreaterThan(1);
  });
});

describe("a model's limits", () => {
  it("are the warp's where the manifest says nothing", () => {
    expect(posingOf({ landmarks: 'surface' })).toEqual(surfacePosing);
    expect(posingOf({ landmarks: 'tracked', poseLimits: { pitch: { kneeDegrees: 16, limitDegrees: 26 } } }).limits).toEqual({
      ...warpPoseLimits,
      pitch: { knee: 16 * degrees, limit: 26 * degrees },
    });
  });

  it('let the head go as far as they say, and no further', () => {
    const turnOf = (limit: number, asked: number) => {
      const { points: p } = new AvatarFace({
        points,
        size,
        posing: posingOf({ landmarks: 'tracked', poseLimits: { yaw: { kneeDegrees: limit - 6, limitDegrees: limit } } }),
      }).pose(restMotion().fill(asked * degrees, L.rotation + 1, L.rotation + 2), AvatarFace.newPose());
      return Math.atan2(Math.abs(p[454 * 3 + 2]! - p[234 * 3 + 2]!), Math.abs(p[454 * 3]! - p[234 * 3]!)) / degrees;
    };
    expect(turnOf(32, 25)).toBeCloseTo(25, 0);
    expect(turnOf(32, 80)).toBeGreaterThan(31);
    expect(turnOf(32, 80)).toBeLessThan(32);
    expect(turnOf(20, 25)).toBeLessThan(20);
  });
});

describe('the manifest', () => {
  const read = async (change: (warp: Record<string, unknown>, manifest: Record<string, unknown>) => void) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'gioconda-manifest-'));
    try {
      await cp(path.join(modelsDirectory, 'manifest.json'), path.join(folder, 'manifest.json'));
      const manifest = JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8')) as {
        models: Record<string, Record<string, unknown>>;
      };
      change(manifest.models['warp']!, manifest);
      await writeFile(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
      return await loadManifest(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  };

  it('may say what landmarks mean to a model and how far heads go; nothing else will do', async () => {
    const limits = { pitch: { kneeDegrees: 16, limitDegrees: 26 }, logScale: { knee: 0.1, limit: 0.2 } };
    const { models } = await read((warp) => Object.assign(warp, { landmarks: 'tracked', poseLimits: limits }));
    expect(models['warp']).toMatchObject({ landmarks: 'tracked', poseLimits: limits });
    expect((await read((warp) => delete warp['landmarks'])).models['warp']).toMatchObject({ landmarks: 'surface' });
    for (const wrong of [
      { landmarks: 'guessed' },
      { poseLimits: { pitch: { kneeDegrees: 26, limitDegrees: 16 } } },
      { poseLimits: { pitch: [16, 26] } },
    ]) {
      await expect(read((warp) => Object.assign(warp, wrong))).rejects.toMatchObject({ code: 'internal' });
    }
  });

  it('of this checkout names a default and a fallback that there are', async () => {
    const { default: best, fallback, models } = await loadManifest();
    expect(Object.keys(models)).toEqual(expect.arrayContaining([best, fallback]));
  });
});
