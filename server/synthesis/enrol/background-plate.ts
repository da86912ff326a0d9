/**
 * The background without the person: what a moving head uncovers. Each hidden pixel continues the picture from the nearest
 * places where it is seen, mirrored along its row or column, so that horizons, walls and foliage go on at full sharpness.
 */
import { clamp } from '../../motion/scalars.ts';
import type { PreparedPortrait } from '../../portraits/crop.ts';
import { boxBlur, dilate } from './plane-filters.ts';

/** Falls off with the distance to where a direction meets the seen background; steep, so that one direction rules. */
const weightPower = 4;

interface Run {
  /** First seen pixel in this direction, and how many in a row are seen beyond it. */
  start: number;
  length: number;
}

/**
 * @returns [3, S, S] 0..1; the picture itself when there is no matte.
 * @param seam pixels around the matte that count as hidden too: hair that the matte misses must not stay behind.
 */
export function fillBackground({ image, matte }: PreparedPortrait, seam: number): Float32Array {
  const side = image.width;
  const n = side * side;
  const out = new Float32Array(3 * n);
  for (let i = 0; i < n; i++) for (let c = 0; c < 3; c++) out[c * n + i] = image.data[i * 3 + c]! / 255;
  if (!matte) return out;
  const hidden = dilate(
    Float32Array.from(matte, (v) => (v > 24 ? 1 : 0)),
    side,
    seam,
  );
  const sums = new Float32Array(4 * n);
  for (const [step, lineStep] of [
    [1, side],
    [-1, side],
    [side, 1],
    [-side, 1],
  ] as const)
    gather({ out, hidden, side, step, lineStep, sums });
  for (let i = 0; i < n; i++) {
    if (hidden[i]! < 0.5) continue;
    const w = sums[3 * n + i]!;
    for (let c = 0; c < 3; c++) out[c * n + i] = w > 0 ? sums[c * n + i]! / w : out[c * n + i]!;
  }
  soften(out, hidden, side);
  return out;
}

interface Gathering {
  out: Float32Array;
  hidden: Float32Array;
  side: number;
  /** Index step along a line in the direction that is walked, and from line to line. */
  step: number;
  lineStep: number;
  /** [4, S, S] weighted colours, weight. */
  sums: Float32Array;
}

/** Walks every line in one direction; hidden pixels collect the mirror image of the seen run that they come from. */
function gather({ out, hidden, side, step, lineStep, sums }: Gathering): void {
  const n = side * side;
  for (let line = 0; line < side; line++) {
    const first = line * lineStep + (step < 0 ? -step * (side - 1) : 0);
    const run: Run = { start: 0, length: 0 };
    let depth = 0;
    for (let k = 0, i = first; k < side; k++, i += step) {
      if (hidden[i]! < 0.5) {
        run.length = depth > 0 ? 1 : run.length + 1;
        run.start = i;
        depth = 0;
        continue;
      }
      if (run.length === 0) continue;
      const from = run.start - step * pingPong(depth, run.length);
      depth++;
      const w = depth ** -weightPower;
      for (let c = 0; c < 3; c++) sums[c * n + i]! += w * out[c * n + from]!;
      sums[3 * n + i]! += w;
    }
  }
}

/** 0, 1 … length − 1, length − 1 … 0, 0, 1 … */
function pingPong(k: number, length: number): number {
  const phase = k % (2 * length);
  return phase < length ? phase : 2 * length - 1 - phase;
}

/** Rows were filled one by one: deep inside, smooth what differs between them. */
function soften(out: Float32Array, hidden: Float32Array, side: number): void {
  const n = side * side;
  const radius = Math.max(1, Math.round(side / 128));
  const deep = boxBlur(hidden, side, radius * 3);
  for (let c = 0; c < 3; c++) {
    const plane = out.subarray(c * n, (c + 1) * n);
    const smooth = boxBlur(plane, side, radius);
    for (let i = 0; i < n; i++) {
      if (hidden[i]! < 0.5) continue;
      const w = 0.35 + 0.65 * clamp((deep[i]! - 0.6) / 0.4, 0, 1);
      plane[i]! += w * (smooth[i]! - plane[i]!);
    }
  }
}
