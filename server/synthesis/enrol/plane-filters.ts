/** Simple filters over one [side, side] plane; used at enrolment only. */

/** Mean over a (2r + 1)² window, of what of it lies inside. */
export function boxBlur(plane: Float32Array, side: number, radius: number): Float32Array {
  return lineMeans(lineMeans(plane, side, radius), side, radius, true);
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

/** Means along each row, or column, from sums of all that lies before: as fast for a wide window as for a narrow one. */
function lineMeans(plane: Float32Array, side: number, radius: number, vertical = false): Float32Array {
  const out = new Float32Array(plane.length);
  const before = new Float64Array(side + 1);
  const step = vertical ? side : 1;
  for (let line = 0; line < side; line++) {
    const start = vertical ? line : line * side;
    for (let k = 0; k < side; k++) before[k + 1] = before[k]! + plane[start + k * step]!;
    for (let k = 0; k < side; k++) {
      const from = Math.max(0, k - radius);
      const to = Math.min(side, k + radius + 1);
      out[start + k * step] = (before[to]! - before[from]!) / (to - from);
    }
  }
  return out;
}

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

/** Planes [.., side, side] shrunk by area, `factor` times: [.., side / factor, side / factor]. */
export function shrinkPlanes(planes: Float32Array, side: number, factor: number): Float32Array {
  const small = side / factor;
  const out = new Float32Array(planes.length / (factor * factor));
  for (let i = 0; i < out.length; i++) {
    const [plane, y, x] = [Math.floor(i / (small * small)), Math.floor(i / small) % small, i % small];
    let sum = 0;
    for (let dy = 0; dy < factor; dy++) {
      const row = plane * side * side + (y * factor + dy) * side + x * factor;
      for (let dx = 0; dx < factor; dx++) sum += planes[row + dx]!;
    }
    out[i] = sum / (factor * factor);
  }
  return out;
}
