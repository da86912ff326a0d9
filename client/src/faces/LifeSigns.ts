/**
 * Whether a face has ever moved by itself: a poster, a picture on a shelf or a paused screen has not. Seven measures of one mesh (turn, nod,
 * tilt, lips, lids, mouth, brows) are held against their own jitter over half a second. Measured: pictures in clean, noisy, shaky and heavily
 * compressed clips stay below 3.7 of it in the third strongest measure; people pass 5 within two seconds, when they speak or blink at once.
 */
import type { FacePlace } from './likeness.ts';

const FRAMES = 15;
const ALIVE = 5;
/** The median second difference of white noise, over its standard deviation, as taken below. */
const SECOND_DIFFERENCE = 2.06;
const JITTER_QUANTILE = 0.6;
/** Of turn, nod and tilt in radians, the others over the face's width: a clean clip has less, and then any drift would look like life. */
const LEAST_JITTER = [0.0017, 0.0017, 0.0009, 0.0007, 0.0004, 0.001, 0.0006] as const;
/** That many measures must say so: one alone may follow a shadow. */
const AGREEING = 3;

export class LifeSigns {
  readonly #recent: number[][] = [];
  #alive = false;

  /** Stays true once it was. */
  get alive(): boolean {
    return this.#alive;
  }

  /** @param points [478, 3] of a frame that follows the one before within a quarter of a second. */
  observe(points: Float32Array, { rotation, size }: FacePlace): void {
    if (this.#alive) return;
    this.#recent.push(measures(points, rotation, size));
    if (this.#recent.length < FRAMES) return;
    const moves = LEAST_JITTER.map((least, k) =>
      motionOverJitter(
        this.#recent.map((row) => row[k]!),
        least,
      ),
    ).toSorted((a, b) => b - a);
    this.#alive = moves[AGREEING - 1]! > ALIVE;
    this.#recent.shift();
  }

  /** After a pause: what was before it is not compared with what comes. */
  interrupt(): void {
    this.#recent.length = 0;
  }
}

function measures(points: Float32Array, rotation: Float64Array, size: number): number[] {
  const gap = (a: number, b: number): number => Math.hypot(points[a * 3]! - points[b * 3]!, points[a * 3 + 1]! - points[b * 3 + 1]!) / size;
  return [
    Math.atan2(-rotation[2]!, rotation[8]!),
    Math.asin(Math.max(-1, Math.min(1, rotation[5]!))),
    Math.atan2(rotation[3]!, rotation[4]!),
    gap(13, 14),
    (gap(159, 145) + gap(386, 374)) / 2,
    gap(61, 291),
    (gap(105, 33) + gap(334, 263)) / 2,
  ];
}

/** Range of the five-frame means over the jitter. */
function motionOverJitter(values: number[], least: number): number {
  const means = values.slice(2, -2).map((_, i) => values.slice(i, i + 5).reduce((a, b) => a + b, 0) / 5);
  const bends = values
    .slice(1, -1)
    .map((value, i) => Math.abs(values[i]! - 2 * value + values[i + 2]!))
    .toSorted((a, b) => a - b);
  const jitter = bends[Math.floor(bends.length * JITTER_QUANTILE)]! / SECOND_DIFFERENCE;
  return (Math.max(...means) - Math.min(...means)) / (jitter + least);
}
