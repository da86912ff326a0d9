/**
 * An orthonormal Haar transform over the points of the face, for what the learned basis does not carry.
 *
 * The points are split in two again and again along the mean shape's longest side; every node keeps the sum of its points (scaled to
 * length one) and codes the difference of its two halves. A dent in a face then costs a few numbers and noise costs no more than noise.
 */
import type { LandmarkModel } from './landmark-model.ts';
import { LANDMARK_COUNT } from './landmarks.ts';

/** One rotation: the normalised sums at points `a` and `b` become the sum at `a` and the difference at `b`. */
interface Rotation {
  a: number;
  b: number;
  cosine: number;
  sine: number;
  depth: number;
}

export const RESIDUAL_DEPTHS = 10;

export class ResidualTransform {
  /** From the finest to the coarsest. */
  readonly #rotations: Rotation[] = [];
  /** The order of coding, coarse first: point index and depth of each. */
  readonly order: Uint16Array;
  readonly depth: Uint8Array;

  constructor(model: LandmarkModel) {
    this.#split(
      model.mean,
      Array.from({ length: LANDMARK_COUNT }, (_, i) => i),
      0,
    );
    this.#rotations.sort((p, q) => q.depth - p.depth || p.b - q.b);
    const coarseFirst = this.#rotations.toReversed();
    this.order = Uint16Array.from([this.#rotations.at(-1)!.a, ...coarseFirst.map((r) => r.b)]);
    this.depth = Uint8Array.from([0, ...coarseFirst.map((r) => Math.min(r.depth, RESIDUAL_DEPTHS - 1))]);
  }

  /** In place, [1434]. */
  forward(values: Float64Array): void {
    for (const { a, b, cosine, sine } of this.#rotations) rotate(values, a * 3, b * 3, cosine, sine);
  }

  inverse(values: Float64Array): void {
    for (let i = this.#rotations.length - 1; i >= 0; i--) {
      const { a, b, cosine, sine } = this.#rotations[i]!;
      rotate(values, a * 3, b * 3, cosine, -sine);
    }
  }

  /** Returns the point that keeps the node's sum. */
  #split(mean: Float64Array, points: number[], depth: number): number {
    if (points.length === 1) return points[0]!;
    const axis = longestAxis(mean, points);
    const sorted = points.toSorted((p, q) => mean[p * 3 + axis]! - mean[q * 3 + axis]! || p - q);
    const half = sorted.length >> 1;
    const a = this.#split(mean, sorted.slice(0, half), depth + 1);
    const b = this.#split(mean, sorted.slice(half), depth + 1);
    this.#rotations.push({ a, b, cosine: Math.sqrt(half / sorted.length), sine: Math.sqrt((sorted.length - half) / sorted.length), depth });
    return a;
  }
}

function rotate(values: Float64Array, a: number, b: number, cosine: number, sine: number): void {
  for (let axis = 0; axis < 3; axis++) {
    const p = values[a + axis]!,
      q = values[b + axis]!;
    values[a + axis] = p * cosine + q * sine;
    values[b + axis] = q * cosine - p * sine;
  }
}

function longestAxis(mean: Float64Array, points: number[]): number {
  let best = 0,
    reach = -1;
  for (let axis = 0; axis < 3; axis++) {
    const values = points.map((p) => mean[p * 3 + axis]!);
    const span = Math.max(...values) - Math.min(...values);
    if (span > reach) [best, reach] = [axis, span];
  }
  return best;
}
