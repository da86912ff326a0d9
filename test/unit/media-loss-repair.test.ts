import { describe, expect, it } from 'vitest';
import { LossRepair } from '../../server/media/LossRepair.ts';

/** A small generator of its own: the same losses in every run. */
function randomness(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Loss {
  viewers: number;
  share: number;
  roundTripMs: number;
  seconds: number;
}

/** Viewers of 60 packets a second who lose some, ask again every round trip, and lose retransmissions as well. @returns keyframes a second */
function keyframesPerSecond({ viewers, share, roundTripMs, seconds }: Loss): number {
  const random = randomness(1);
  const requests: { atMs: number; viewer: string }[] = [];
  for (let viewer = 0; viewer < viewers; viewer++) {
    for (let atMs = 0; atMs < seconds * 1000; atMs += 1000 / 60) {
      let askMs = atMs;
      while (random() < share) {
        requests.push({ atMs: askMs, viewer: String(viewer) });
        askMs += roundTripMs * (0.8 + 0.4 * random());
      }
    }
  }
  let keyframes = 0;
  const repair = new LossRepair(() => keyframes++, 0);
  for (const { atMs, viewer } of requests.sort((a, b) => a.atMs - b.atMs)) repair.reported(viewer, roundTripMs, atMs);
  return keyframes / seconds;
}

describe('LossRepair', () => {
  it.each([
    ['one viewer at 3 % and 120 ms', { viewers: 1, share: 0.03, roundTripMs: 120, seconds: 60 }],
    ['one viewer at 5 % and 200 ms', { viewers: 1, share: 0.05, roundTripMs: 200, seconds: 60 }],
    ['ten viewers at 3 % and 20 ms', { viewers: 10, share: 0.03, roundTripMs: 20, seconds: 60 }],
    ['ten viewers at 15 % and 150 ms', { viewers: 10, share: 0.15, roundTripMs: 150, seconds: 60 }],
    ['one viewer who loses everything', { viewers: 1, share: 0.97, roundTripMs: 50, seconds: 60 }],
  ])('%s cost the others less than 0.2 keyframes a second', (_, loss) => {
    expect(keyframesPerSecond(loss)).toBeLessThan(0.2);
  });

  it.each([
    [10, 180],
    [150, 600],
    [300, 1050],
  ])('at a round trip of %i ms, requests that go on for %i ms get a keyframe, and only one', (roundTripMs, withinMs) => {
    const at: number[] = [];
    let nowMs = 0;
    const repair = new LossRepair(() => at.push(nowMs), 0);
    const step = Math.min(roundTripMs, 50);
    for (; nowMs < withinMs + step; nowMs += step) repair.reported('viewer', roundTripMs, nowMs);
    expect(at.length).toBe(1);
    expect(at[0]).toBeGreaterThanOrEqual(3 * roundTripMs);
  });

  it('a loss that a retransmission repaired costs nothing', () => {
    let keyframes = 0;
    const repair = new LossRepair(() => keyframes++, 0);
    for (let nowMs = 0; nowMs < 60_000; nowMs += 400) {
      repair.reported('viewer', 120, nowMs);
      repair.reported('viewer', 120, nowMs + 125);
    }
    expect(keyframes).toBe(0);
  });

  it('a viewer who leaves is forgotten', () => {
    let keyframes = 0;
    const repair = new LossRepair(() => keyframes++, 0);
    for (let nowMs = 0; nowMs < 400; nowMs += 50) repair.reported('viewer', 100, nowMs);
    repair.left('viewer');
    repair.reported('viewer', 100, 450);
    expect(keyframes).toBe(0);
  });
});
