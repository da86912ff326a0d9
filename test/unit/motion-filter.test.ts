import { describe, expect, it } from 'vitest';
import { OneEuroFilter } from '../../server/motion/one-euro-filter.ts';
import { softClamp } from '../../server/motion/scalars.ts';

/** Runs a signal through the filter; returns the last value. */
function run(filter: OneEuroFilter, times: number[], signal: (t: number) => number): number {
  const x = new Float64Array(1);
  for (const t of times) {
    x[0] = signal(t);
    filter.apply(x, t);
  }
  return x[0]!;
}

const every = (stepMs: number, endMs: number) => Array.from({ length: Math.floor(endMs / stepMs) + 1 }, (_, i) => i * stepMs);

describe('one-euro filter', () => {
  const options = { minCutoffHz: 2, beta: 0.5 };

  it('passes the first value and a constant unchanged', () => {
    const filter = new OneEuroFilter(1, options);
    expect(run(filter, [0], () => 3)).toBe(3);
    expect(run(filter, [40, 95, 100], () => 3)).toBe(3);
  });

  it('settles on a step alike whether packets come regularly or not', () => {
    const step = (t: number) => (t < 200 ? 0 : 1);
    const irregular = [0, 10, 90, 120, 190, 205, 260, 275, 330, 333, 390, 400];
    const a = run(new OneEuroFilter(1, { minCutoffHz: 2, beta: 0 }), every(20, 400), step);
    const b = run(new OneEuroFilter(1, { minCutoffHz: 2, beta: 0 }), irregular, step);
    expect(Math.abs(a - b)).toBeLessThan(0.06);
  });

  it('calms noise at rest and follows speed', () => {
    const noise = (t: number) => (Math.round(t / 33) % 2 ? 0.01 : -0.01);
    const rest = new OneEuroFilter(1, options);
    expect(Math.abs(run(rest, every(33, 2000), noise))).toBeLessThan(0.005);
    const fast = new OneEuroFilter(1, { minCutoffHz: 2, beta: 10 });
    const slow = new OneEuroFilter(1, { minCutoffHz: 2, beta: 0 });
    const ramp = (t: number) => t / 200;
    expect(run(fast, every(33, 1000), ramp)).toBeGreaterThan(run(slow, every(33, 1000), ramp));
  });

  it('two packets of the same time, or one from the past, do not blow it up', () => {
    const filter = new OneEuroFilter(1, options);
    run(filter, [0, 40], () => 1);
    expect(run(filter, [40, 20], () => 100)).toBe(1);
    expect(run(filter, [80], () => 1)).toBe(1);
  });

  it('forgets on reset', () => {
    const filter = new OneEuroFilter(1, options);
    run(filter, [0, 40], () => 1);
    filter.reset();
    expect(run(filter, [5000], () => -4)).toBe(-4);
  });
});

describe('soft clamp', () => {
  it('is the identity before the knee, odd, monotonic and below its limit', () => {
    expect(softClamp(0.4, 0.5, 1)).toBe(0.4);
    let last = -Infinity;
    for (let x = -5; x <= 5; x += 0.05) {
      const y = softClamp(x, 0.5, 1);
      expect(y).toBeCloseTo(-softClamp(-x, 0.5, 1), 12);
      expect(Math.abs(y)).toBeLessThanOrEqual(1);
      expect(y).toBeGreaterThan(last);
      last = y;
    }
  });
});
