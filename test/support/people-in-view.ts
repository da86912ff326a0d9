/** Several people in one picture, of landmarks: the recorded driver and what can be made of it. */
import { placeOf } from '../../client/src/faces/likeness.ts';
import type { SeenFace } from '../../client/src/faces/KnownFace.ts';
import { readDriverLandmarks } from './fixtures.ts';
import { driverFace } from './synthetic-face.ts';

const recorded = readDriverLandmarks().map(({ points }) => points);

/** The driver of the fixtures in the clip's n-th frame; it begins anew at its end, where it is at rest as in the beginning. */
export const driverAt = (frame: number): Float32Array => recorded[frame % recorded.length]!;

/** Shifted by picture widths, and larger by a factor about the middle of the face. */
export function moved(points: Float32Array, { x = 0, y = 0, scale = 1 }: { x?: number; y?: number; scale?: number }): Float32Array {
  const { x: cx, y: cy } = placeOf(points);
  return points.map((value, i) => [cx + x + scale * (value - cx), cy + y + scale * (value - cy), scale * value][i % 3]!);
}

/** Somebody else who moves as this one does: with a lower face. */
export function somebodyElse(points: Float32Array): Float32Array {
  const { x, y, rotation } = placeOf(points);
  const out = Float32Array.from(points);
  for (let i = 0; i < points.length; i += 3) {
    const from = [points[i]! - x, points[i + 1]! - y, points[i + 2]!] as const;
    const head = [0, 1, 2].map((a) => rotation[a]! * from[0] + rotation[3 + a]! * from[1] + rotation[6 + a]! * from[2]);
    head[1]! *= 0.82;
    for (let a = 0; a < 3; a++) {
      const turned = rotation[a * 3]! * head[0]! + rotation[a * 3 + 1]! * head[1]! + rotation[a * 3 + 2]! * head[2]!;
      out[i + a] = turned + [x, y, 0][a]!;
    }
  }
  return out;
}

/** A picture on the wall, right above: the same in every frame but for the tracker's noise. */
export function poster(frame: number, at: [number, number] = [0.87, 0.14], width = 0.1): Float32Array {
  let state = frame + 1;
  const noise = () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5) * 0.004 * width;
  return driverFace({ width, at }).map((value) => value + noise());
}

export const seen = (...faces: Float32Array[]): SeenFace[] => faces.map((points) => ({ points, confidence: 1 }));
