import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FrameRepetition } from '../../server/media/FrameRepetition.ts';

const INTERVAL_MS = 3000;
const PACKETS = 180;

describe('FrameRepetition', () => {
  let changes: boolean[];
  let repetition: FrameRepetition;
  let counts: Map<string, { sent: number; lost: number }>;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    [changes, counts] = [[], new Map()];
    repetition = new FrameRepetition((on) => changes.push(on));
  });
  afterEach(() => {
    repetition.close();
    vi.useRealTimers();
  });

  /** Three seconds in which these viewers lose these shares of their packets, twice as many packets where frames are sent twice. */
  function pass(shares: Record<string, number>): void {
    vi.advanceTimersByTime(INTERVAL_MS);
    for (const [viewer, share] of Object.entries(shares)) {
      const before = counts.get(viewer) ?? { sent: 0, lost: 0 };
      const sent = repetition.repeats ? 2 * PACKETS : PACKETS;
      const now = { sent: before.sent + sent, lost: before.lost + Math.round(share * sent) };
      counts.set(viewer, now);
      repetition.measured(viewer, now);
    }
  }

  it('repeats while a viewer loses packets, and stops 20 s after the last of them by itself', () => {
    repetition.joined('a');
    for (let n = 0; n < 4; n++) pass({ a: 0.05 });
    expect(changes).toEqual([true]);
    vi.advanceTimersByTime(19_000);
    expect(changes).toEqual([true]);
    vi.advanceTimersByTime(2000);
    expect(changes).toEqual([true, false]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does nothing for a lost packet now and then, nor for what was lost before the first measurement', () => {
    repetition.joined('a');
    counts.set('a', { sent: 1000, lost: 500 });
    for (let n = 0; n < 10; n++) pass({ a: 0.01 });
    expect(changes).toEqual([]);
  });

  it('does not judge by a handful of packets', () => {
    repetition.joined('a');
    repetition.measured('a', { sent: 100, lost: 0 });
    repetition.measured('a', { sent: 110, lost: 10 });
    expect(changes).toEqual([]);
  });

  it('costs the others nothing while fewer than half of the viewers lose packets', () => {
    for (const viewer of ['a', 'b', 'c']) repetition.joined(viewer);
    for (let n = 0; n < 4; n++) pass({ a: 0.1 });
    expect(changes).toEqual([]);
    repetition.left('c');
    expect(changes).toEqual([true]);
    repetition.joined('d');
    expect(changes).toEqual([true, false]);
    for (let n = 0; n < 4; n++) pass({ a: 0.1, d: 0.1 });
    expect(changes).toEqual([true, false, true]);
    repetition.left('a');
    repetition.left('d');
    expect(changes).toEqual([true, false, true, false]);
  });

  it('spares a viewer whose path it fills up, for two minutes', () => {
    repetition.joined('a');
    for (let n = 0; n < 3; n++) pass({ a: 0.05 });
    expect(changes).toEqual([true]);
    for (let n = 0; n < 3; n++) pass({ a: 0.3 });
    expect(changes).toEqual([true, false]);
    for (let n = 0; n < 38; n++) pass({ a: 0.05 });
    expect(changes).toEqual([true, false]);
    for (let n = 0; n < 4; n++) pass({ a: 0.05 });
    expect(changes).toEqual([true, false, true]);
  });

  it('does not take chance for a full path: losses vary, and come in bursts', () => {
    repetition.joined('a');
    for (let n = 0; n < 3; n++) pass({ a: 0.02 });
    for (const share of [0.12, 0.05, 0.02, 0.1, 0.3, 0.01, 0.2, 0.08, 0.15, 0.05, 0.25]) pass({ a: share });
    expect(changes).toEqual([true]);
  });

  it('does not mind who has left, nor anything after close', () => {
    repetition.left('nobody');
    repetition.measured('nobody', { sent: 1000, lost: 500 });
    repetition.joined('a');
    for (let n = 0; n < 3; n++) pass({ a: 0.05 });
    repetition.close();
    vi.advanceTimersByTime(60_000);
    expect(changes).toEqual([true]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
