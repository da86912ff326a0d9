/** What a face does over time, found by the server's own landmarker in sampled pictures. */
import sharp from 'sharp';
import { headPose } from '../../server/landmarker/head-pose.ts';
import type { Landmarker } from '../../server/landmarker/Landmarker.ts';
import type { RgbImage } from '../../server/landmarker/types.ts';
import { correlation } from './correlation.ts';

export interface PictureSample {
  atMs: number;
  picture: RgbImage;
}

export interface FaceSample {
  atMs: number;
  /** Degrees. */
  yaw: number;
  /** Between the lips, in widths of the face. */
  mouthGap: number;
}

const UPPER_LIP = 13;
const LOWER_LIP = 14;
const CHEEKS = [234, 454] as const;

export function faceSample(points: Float32Array, atMs: number): FaceSample {
  const at = (index: number, axis: number): number => points[index * 3 + axis]!;
  const width = Math.hypot(at(CHEEKS[0], 0) - at(CHEEKS[1], 0), at(CHEEKS[0], 1) - at(CHEEKS[1], 1), at(CHEEKS[0], 2) - at(CHEEKS[1], 2));
  return { atMs, yaw: headPose(points).yaw, mouthGap: (at(LOWER_LIP, 1) - at(UPPER_LIP, 1)) / width };
}

/** Pictures without a face are left out. */
export async function faceSeries(landmarker: Landmarker, pictures: PictureSample[]): Promise<FaceSample[]> {
  const series: FaceSample[] = [];
  let face = null;
  for (const { atMs, picture } of pictures) {
    face = await landmarker.track(picture, face);
    if (face) series.push(faceSample(face.points, atMs));
  }
  return series;
}

export async function decodePictures(samples: { atMs: number; jpeg: string }[]): Promise<PictureSample[]> {
  return Promise.all(
    samples.map(async ({ atMs, jpeg }) => {
      const { data, info } = await sharp(Buffer.from(jpeg, 'base64')).removeAlpha().raw().toBuffer({ resolveWithObject: true });
      return { atMs, picture: { width: info.width, height: info.height, data } };
    }),
  );
}

/** Linear interpolation; null outside. */
function valueAt(series: FaceSample[], atMs: number, of: (sample: FaceSample) => number): number | null {
  const after = series.findIndex((sample) => sample.atMs >= atMs);
  if (after <= 0) return null;
  const [a, b] = [series[after - 1]!, series[after]!];
  const share = (atMs - a.atMs) / Math.max(1, b.atMs - a.atMs);
  return of(a) + share * (of(b) - of(a));
}

interface FollowingOptions {
  leader: FaceSample[];
  follower: FaceSample[];
  of: (sample: FaceSample) => number;
  maxDelayMs?: number;
}

/**
 * How well `follower` does what `leader` did a little before: the best correlation over all delays up to `maxDelayMs`.
 * A machine that runs other things too may be late; what is asserted is that the picture follows.
 */
export function following({ leader, follower, of, maxDelayMs = 800 }: FollowingOptions): { correlation: number; delayMs: number } {
  let best = { correlation: -1, delayMs: 0 };
  for (let delayMs = 0; delayMs <= maxDelayMs; delayMs += 20) {
    const pairs = follower.flatMap((sample) => {
      const before = valueAt(leader, sample.atMs - delayMs, of);
      return before === null ? [] : [[before, of(sample)] as const];
    });
    if (pairs.length < follower.length / 2) continue;
    const found = correlation(
      pairs.map(([value]) => value),
      pairs.map(([, value]) => value),
    );
    if (found > best.correlation) best = { correlation: found, delayMs };
  }
  return best;
}
