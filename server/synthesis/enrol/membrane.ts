/** Smooth filling of holes: the membrane that hangs on the hole's rim (Laplace's equation), solved from coarse to fine. */

/** Rounds of relaxation on each level. */
const rounds = 24;

/**
 * @param plane [side, side]
 * @param known [side, side] 1 where `plane` holds.
 * @returns a copy with the holes filled; all 0 when nothing is known.
 */
export function fillSmoothly(plane: Float32Array, known: Float32Array, side: number): Float32Array {
  const out = plane.map((v, i) => (known[i]! > 0 ? v : 0));
  if (known.every((v) => v > 0) || side <= 2) {
    if (side <= 2) fillWithMean(out, known);
    return out;
  }
  const half = Math.ceil(side / 2);
  const [small, weight] = shrink(out, known, side, half);
  const coarse = fillSmoothly(small, weight, half);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) if (known[y * side + x]! <= 0) out[y * side + x] = between(coarse, half, x, y);
  }
  relax(out, known, side);
  return out;
}

function fillWithMean(out: Float32Array, known: Float32Array): void {
  let [sum, n] = [0, 0];
  known.forEach((k, i) => {
    if (k <= 0) return;
    sum += out[i]!;
    n++;
  });
  known.forEach((k, i) => {
    if (k <= 0) out[i] = n > 0 ? sum / n : 0;
  });
}

/** Means of what is known in each 2 x 2. */
function shrink(plane: Float32Array, known: Float32Array, side: number, half: number): [Float32Array, Float32Array] {
  const small = new Float32Array(half * half);
  const weight = new Float32Array(half * half);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (known[y * side + x]! <= 0) continue;
      const to = (y >> 1) * half + (x >> 1);
      small[to]! += plane[y * side + x]!;
      weight[to]! += 1;
    }
  }
  for (let i = 0; i < small.length; i++) if (weight[i]! > 0) small[i]! /= weight[i]!;
  return [small, weight.map((w) => (w > 0 ? 1 : 0))];
}

/** Bilinear, at a pixel of the plane twice as large. */
function between(coarse: Float32Array, half: number, x: number, y: number): number {
  const [u, v] = [Math.min(half - 1, Math.max(0, x / 2 - 0.25)), Math.min(half - 1, Math.max(0, y / 2 - 0.25))];
  const [x0, y0] = [Math.floor(u), Math.floor(v)];
  const [x1, y1] = [Math.min(half - 1, x0 + 1), Math.min(half - 1, y0 + 1)];
  const [fx, fy] = [u - x0, v - y0];
  const top = coarse[y0 * half + x0]! * (1 - fx) + coarse[y0 * half + x1]! * fx;
  const bottom = coarse[y1 * half + x0]! * (1 - fx) + coarse[y1 * half + x1]! * fx;
  return top * (1 - fy) + bottom * fy;
}

/** Each hole's pixel becomes the mean of its neighbours, in place, forth and back. */
function relax(out: Float32Array, known: Float32Array, side: number): void {
  const holes: number[] = [];
  for (let i = 0; i < known.length; i++) if (known[i]! <= 0) holes.push(i);
  const last = side - 1;
  for (let round = 0; round < rounds; round++) {
    for (let k = 0; k < holes.length; k++) {
      const i = holes[round % 2 === 1 ? holes.length - 1 - k : k]!;
      const x = i % side;
      const left = x > 0 ? i - 1 : i;
      const right = x < last ? i + 1 : i;
      const up = i >= side ? i - side : i;
      const down = i < side * last ? i + side : i;
      out[i] = (out[left]! + out[right]! + out[up]! + out[down]!) / 4;
    }
  }
}
