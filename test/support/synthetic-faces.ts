/** Faces of nobody for tests: drawn from the landmark packet's own shape model, then bent and shaken so that no basis carries them exactly. */
import { LANDMARK_COUNT } from '../../client/src/protocol/index.ts';
import { COORDINATES, landmarkModel } from '../../client/src/protocol/landmark-model.ts';
import { ShapeProjector, applyPose } from '../../client/src/protocol/landmark-shape.ts';

/** mulberry32: small, seeded, good enough for tests. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface SyntheticFaceOptions {
  seed: number;
  /** Standard deviation of independent noise on every coordinate, in face widths. */
  noise?: number;
  /** Depth of a dent of a third of the face somewhere, in face widths: a face unlike any that the model knows. */
  dent?: number;
  /** Position of the face's centre in picture widths; default within the picture. */
  at?: [number, number];
  /** About 2.7 times this is the face's width in picture widths. */
  size?: number;
  roll?: number;
}

/** [478, 3] as a tracker gives them. */
export function syntheticFace(options: SyntheticFaceOptions): Float32Array {
  const { seed, noise = 0, dent = 0 } = options;
  const random = seededRandom(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const model = landmarkModel();
  const shape = new Float64Array(COORDINATES);
  // Each coefficient as large as its law says that it usually is.
  const coefficients = Float64Array.from(model.lawQuarter, (quarter) => normal() * 2 ** (quarter / 4));
  new ShapeProjector(model).build(coefficients, shape);
  const centre = Math.floor(random() * LANDMARK_COUNT) * 3;
  for (let i = 0; i < COORDINATES; i += 3) {
    const squared = [0, 1, 2].reduce((sum, axis) => sum + (model.mean[i + axis]! - model.mean[centre + axis]!) ** 2, 0);
    for (let axis = 0; axis < 3; axis++) shape[i + axis]! += 2.75 * (noise * normal() + dent * Math.exp(-squared / 0.4));
  }
  const points = new Float32Array(COORDINATES);
  const [x, y] = options.at ?? [0.3 + 0.4 * random(), 0.25 + 0.3 * random()];
  applyPose(
    model,
    shape,
    { x, y, z: 0.001 * normal(), size: options.size ?? 0.05 + 0.15 * random(), roll: options.roll ?? 0.3 * normal() },
    points,
  );
  return points;
}

/** Distance between points 234 and 454, in the points' own unit. */
export const faceWidthOf = (p: Float32Array): number =>
  Math.hypot(p[454 * 3]! - p[234 * 3]!, p[454 * 3 + 1]! - p[234 * 3 + 1]!, p[454 * 3 + 2]! - p[234 * 3 + 2]!);

/** Root mean square distance between the points of two faces, in percent of the first one's width. */
export function errorPercent(original: Float32Array, other: Float32Array, points?: readonly number[]): number {
  const list = points ?? Array.from({ length: LANDMARK_COUNT }, (_, i) => i);
  let square = 0;
  for (const i of list) for (let axis = 0; axis < 3; axis++) square += (original[i * 3 + axis]! - other[i * 3 + axis]!) ** 2;
  return (100 * Math.sqrt(square / list.length)) / faceWidthOf(original);
}
