import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FramePace } from '../../server/synthesis/process/FramePace.ts';

/** When frames begin, for packets that come each `packetMs` with some jitter. */
function frames(
  pace: FramePace,
  { seconds, packetMs, jitter }: { seconds: number; packetMs: number; jitter: (n: number) => number },
): number[] {
  const started: number[] = [];
  let [packet, waiting] = [0, false];
  for (let ms = 1; ms < seconds * 1000; ms++) {
    while (packet * packetMs + jitter(packet) <= ms) [packet, waiting] = [packet + 1, true];
    if (waiting ? ms < pace.earliestMs : ms < pace.latestMs) continue;
    pace.begin(ms, waiting);
    started.push(ms);
    waiting = false;
  }
  return started;
}

describe('FramePace', () => {
  it('shows each picture of a camera at once at the full rate, also of one that is a little fast, and no more than that', () => {
    for (const [packetMs, expected] of [
      [1000 / 30, 30],
      [1000 / 33, 33],
      [1000 / 60, 34.5],
      [2, 34.5],
    ] as const) {
      const started = frames(new FramePace(30, 30), { seconds: 10, packetMs, jitter: () => 0 });
      expect(Math.abs(started.length / 10 - expected)).toBeLessThan(0.5);
      if (packetMs > 30) for (const ms of started.slice(1)) expect(Math.abs(Math.round(ms / packetMs) * packetMs - ms)).toBeLessThan(1.01);
    }
  });

  it('keeps the mean of a lower rate, evenly, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 29 }),
        fc.integer({ min: 2, max: 40 }),
        fc.integer({ min: 0, max: 99 }),
        (fps, packetMs, seed) => {
          const jitter = (n: number): number => ((n * 7919 + seed * 104_729) % 17) - 8;
          const started = frames(new FramePace(30, fps), { seconds: 10, packetMs, jitter });
          expect(started.length / 10).toBeLessThanOrEqual(fps + 0.3);
          expect(started.length / 10).toBeGreaterThanOrEqual(Math.min(fps, 1000 / packetMs) * 0.9 - 0.3);
          for (const [index, ms] of started.slice(1).entries()) expect(ms - started[index]!).toBeGreaterThanOrEqual((0.7 * 1000) / fps - 1);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('goes on by itself without packets, at the rate that it is given', () => {
    for (const fps of [5, 12, 30]) {
      const started = frames(new FramePace(30, fps), { seconds: 10, packetMs: 1e9, jitter: () => 0 });
      expect(Math.abs(started.length / 10 - fps)).toBeLessThan(fps * 0.1);
    }
  });

  it('looks after a driver now and then while nobody watches, and is due at once afterwards', () => {
    const pace = new FramePace(30, 0);
    expect(pace.idle).toBe(true);
    const driven = frames(pace, { seconds: 10, packetMs: 1000 / 30, jitter: () => 0 });
    expect(driven.length / 10).toBeGreaterThan(10);
    expect(driven.length / 10).toBeLessThan(20);
    const now = driven.at(-1)!;
    pace.set(30);
    expect(pace.idle).toBe(false);
    expect(pace.earliestMs).toBeLessThanOrEqual(now + 1000 / 30);
  });
});
