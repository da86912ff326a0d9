/** Coarse fields at the output's size: linear in between, constant beyond the outermost centres. */

/** Two rows of `count` values mixed into one with a further value at each end: [count + 2]. */
function mixRows(field: usize, count: i32, row: i32, rows: i32, share: f32, to: usize): void {
  const a = field + <usize>(max(row, 0) * count * 4);
  const b = field + <usize>(min(row + 1, rows - 1) * count * 4);
  const part = f32x4.splat(share);
  for (let i: usize = 0, n = <usize>count * 4; i < n; i += 16) {
    const first = v128.load(a + i);
    v128.store(to + 4 + i, f32x4.add(first, f32x4.mul(f32x4.sub(v128.load(b + i), first), part)));
  }
  store<f32>(to, load<f32>(to, 4));
  store<f32>(to + <usize>(count + 1) * 4, load<f32>(to + <usize>count * 4));
}

/**
 * Row `y` of a field [count, count] enlarged `factor` times (even, at least 2), times `gain`: written to `to`, with ROOM before and behind it.
 * `work`: [count + 2].
 */
export function enlargedRow(field: usize, count: i32, factor: i32, y: i32, gain: f32, work: usize, to: usize): void {
  const middle = y - factor / 2; // a cell's rows begin at its centre
  const row = middle < 0 ? -1 : middle / factor;
  const step = <f32>1 / <f32>factor;
  mixRows(field, count, row, count, (<f32>(middle - row * factor) + 0.5) * step, work);
  const first = f32x4.mul(f32x4(0.5, 1.5, 2.5, 3.5), f32x4.splat(step));
  const next = f32x4.splat(4 * step);
  const gains = f32x4.splat(gain);
  // Cells from left to right: what a cell writes beyond its end, the next one overwrites.
  for (let cell = 0; cell <= count; cell++) {
    const a = load<f32>(work + <usize>cell * 4);
    const from = f32x4.mul(f32x4.splat(a), gains);
    const by = f32x4.mul(f32x4.splat(load<f32>(work + <usize>cell * 4, 4) - a), gains);
    let at = to + (cell * factor - factor / 2) * 4;
    let share = first;
    for (let k = 0; k < factor; k += 4) {
      v128.store(at, f32x4.add(from, f32x4.mul(by, share)));
      share = f32x4.add(share, next);
      at += 16;
    }
  }
}
