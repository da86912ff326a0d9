/** Simple filters over one [side, side] plane; used at enrolment only. */

/** Mean over a (2r + 1)² window, the border repeated. */
export function boxBlur(plane: Float32Array, side: number, radius: number): Float32Array {
  return pass(pass(plane, side, radius, mean), side, radius, mean, true);
}

/** Minimum over a (2r + 1)² window. */
export function erode(plane: Float32Array, side: number, radius: number): Float32Array {
  return pass(pass(plane, side, radius, minimum), side, radius, minimum, true);
}

/** Maximum over a (2r + 1)² window. */
export function dilate(plane: Float32Array, side: number, radius: number): Float32Array {
  return pass(pass(plane, side, radius, maximum), side, radius, maximum, true);
}

type Fold = (values: Float32Array, from: number, to: number, step: number) => number;

const mean: Fold = (values, from, to, step) => {
  let sum = 0;
  let n = 0;
  for (let i = from; i <= to; i += step, n++) sum += values[i]!;
  return sum / n;
};

const minimum: Fold = (values, from, to, step) => {
  let m = Infinity;
  for (let i = from; i <= to; i += step) m = Math.min(m, values[i]!);
  return m;
};

const maximum: Fold = (values, from, to, step) => {
  let m = -Infinity;
  for (let i = from; i <= to; i += step) m = Math.max(m, values[i]!);
  return m;
};

function pass(plane: Float32Array, side: number, radius: number, fold: Fold, vertical = false): Float32Array {
  const out = new Float32Array(plane.length);
  const step = vertical ? side : 1;
  for (let line = 0; line < side; line++) {
    const start = vertical ? line : line * side;
    for (let k = 0; k < side; k++) {
      const from = Math.max(0, k - radius);
      const to = Math.min(side - 1, k + radius);
      out[start + k * step] = fold(plane, start + from * step, start + to * step, step);
    }
  }
  return out;
}
