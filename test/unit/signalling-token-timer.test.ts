import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TokenTimer } from '../../server/signalling/TokenTimer.ts';

const DAY_MS = 24 * 3600 * 1000;

describe('TokenTimer', () => {
  let told: string[];
  let clockErrorMs: number;
  let timer: TokenTimer;
  beforeEach(() => {
    vi.useFakeTimers();
    [told, clockErrorMs] = [[], 0];
    timer = new TokenTimer({
      onExpiring: () => told.push('expiring'),
      onExpired: () => told.push('expired'),
      now: () => Date.now() + clockErrorMs,
    });
  });
  afterEach(() => {
    timer.stop();
    vi.useRealTimers();
  });

  /** What was told until then. */
  async function after(ms: number): Promise<string[]> {
    await vi.advanceTimersByTimeAsync(ms);
    return told.splice(0);
  }

  it.each([
    ['an hour', 3_600_000, 3_540_000],
    ['40 days', 40 * DAY_MS, 40 * DAY_MS - 60_000],
    ['a minute', 60_000, 5000],
    ['ten seconds', 10_000, 5000],
    ['four seconds', 4000, 2000],
  ])('warns once and ends once: %s', async (_name, lifeMs, warnedMs) => {
    timer.start(Date.now() + lifeMs);
    expect(await after(warnedMs - 100)).toEqual([]);
    expect(await after(200)).toEqual(['expiring']);
    expect(await after(lifeMs - warnedMs - 200)).toEqual([]);
    expect(await after(200)).toEqual(['expired']);
    expect(await after(DAY_MS)).toEqual([]);
  });

  it('ends at once what has expired already', () => {
    timer.start(Date.now());
    expect(told).toEqual(['expired']);
  });

  it('goes on with a newer token, and warns of that one', async () => {
    timer.start(Date.now() + 120_000);
    expect(await after(61_000)).toEqual(['expiring']);
    timer.start(Date.now() + 180_000);
    expect(await after(119_000)).toEqual([]);
    expect(await after(2000)).toEqual(['expiring']);
    // The same again brings nothing.
    timer.start(Date.now() + 59_000);
    timer.stop();
  });

  it('warns only once where the newer token lasts no longer', async () => {
    const expiresMs = Date.now() + 120_000;
    timer.start(expiresMs);
    expect(await after(61_000)).toEqual(['expiring']);
    for (let n = 0; n < 5; n += 1) timer.start(expiresMs);
    expect(await after(30_000)).toEqual([]);
    expect(await after(30_000)).toEqual(['expired']);
  });

  it('ends nobody for a clock that is set ahead, and nobody too soon for one that is set back', async () => {
    timer.start(Date.now() + 600_000);
    clockErrorMs = 31 * DAY_MS;
    expect(await after(539_000)).toEqual([]);
    clockErrorMs = -DAY_MS;
    expect(await after(70_000)).toEqual(['expiring']);
    expect(await after(DAY_MS - 60_000)).toEqual([]);
    expect(await after(60_000)).toEqual(['expired']);
  });
});
