import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RequestFunction } from '../../client/src/call/ports.ts';
import { ClockFilter, ServerClock } from '../../client/src/call/ServerClock.ts';
import { AppError } from '../../client/src/protocol/index.ts';
import { CaptureTimes } from '../../client/src/tracking/CaptureTimes.ts';

describe('ClockFilter', () => {
  it('believes the fastest exchanges, not the average', () => {
    const filter = new ClockFilter();
    for (const offsetMs of [5000, 9000, -3000]) filter.add({ offsetMs, roundTripMs: 400 });
    filter.add({ offsetMs: 1000, roundTripMs: 4 });
    expect(filter.offsetMs).toBe(1000);
    expect(filter.roundTripMs).toBe(4);
  });

  it('takes the median among equally fast ones', () => {
    const filter = new ClockFilter();
    for (const offsetMs of [10, 12, 90, 11, 13, 9, 12, 11, 12, 10, 11, 12]) filter.add({ offsetMs, roundTripMs: 5 });
    expect(filter.offsetMs).toBeGreaterThanOrEqual(10);
    expect(filter.offsetMs).toBeLessThanOrEqual(13);
  });

  it('forgets old samples, so that drift is followed', () => {
    const filter = new ClockFilter();
    filter.add({ offsetMs: 0, roundTripMs: 1 });
    for (let i = 0; i < 40; i++) filter.add({ offsetMs: 50, roundTripMs: 10 });
    expect(filter.offsetMs).toBe(50);
  });

  it('is zero and unsettled before the first sample', () => {
    const filter = new ClockFilter();
    expect([filter.settled, filter.offsetMs, filter.roundTripMs]).toEqual([false, 0, 0]);
  });
});

describe('ServerClock', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** A server that is `offsetMs` ahead, each way taking `wayMs` of this test's own time. */
  function simulated(offsetMs: number, wayMs: number) {
    const state = { nowMs: 1000, requests: 0 };
    const request = (async () => {
      state.requests++;
      state.nowMs += wayMs;
      const serverTimeMs = state.nowMs + offsetMs;
      state.nowMs += wayMs;
      return { serverTimeMs };
    }) as unknown as RequestFunction;
    return { state, clock: new ServerClock(request, () => state.nowMs) };
  }

  it('knows the offset after the first exchange, then refines in a burst', async () => {
    const { state, clock } = simulated(250, 20);
    await clock.start();
    expect(clock.offsetMs).toBe(250);
    expect(clock.nowMs).toBe(state.nowMs + 250);
    await vi.advanceTimersByTimeAsync(2000);
    expect(state.requests).toBe(6);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(state.requests).toBe(8);
    clock.stop();
  });

  it('keeps the old offset at a restart until the server has answered, then forgets the old samples', async () => {
    let offsetMs = 100;
    let answer: (() => void) | null = null;
    const request = (() =>
      new Promise((resolve) => {
        answer = () => resolve({ serverTimeMs: 5000 + offsetMs });
      })) as unknown as RequestFunction;
    const clock = new ServerClock(request, () => 5000);
    const first = clock.start();
    answer!();
    await first;
    offsetMs = 400;
    const again = clock.start();
    expect(clock.nowMs).toBe(5100);
    answer!();
    await again;
    expect(clock.offsetMs).toBe(400);
    clock.stop();
  });

  it('keeps the old offset when the first exchange after a restart is lost', async () => {
    let lost = false;
    const request = (async () => {
      if (lost) throw new AppError('deadline');
      return { serverTimeMs: 5100 };
    }) as unknown as RequestFunction;
    const clock = new ServerClock(request, () => 5000);
    await clock.start();
    lost = true;
    await clock.start();
    expect(clock.offsetMs).toBe(100);
    clock.stop();
  });

  it('asks no more after stop', async () => {
    const { state, clock } = simulated(0, 1);
    await clock.start();
    clock.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(state.requests).toBe(1);
  });

  it('survives lost exchanges', async () => {
    let fail = false;
    const request = (async () => {
      if (fail) throw new AppError('server-unreachable');
      return { serverTimeMs: 5100 };
    }) as unknown as RequestFunction;
    const clock = new ServerClock(request, () => 5000);
    await clock.start();
    fail = true;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(clock.offsetMs).toBe(100);
    clock.stop();
  });
});

describe('CaptureTimes', () => {
  it('takes the smallest delay as the true offset', () => {
    const times = new CaptureTimes();
    times.captureTime(0, 1_000_020);
    times.captureTime(33, 1_000_043);
    expect(times.captureTime(66, 1_000_130)).toBe(1_000_076);
  });

  it('follows a drifting clock', () => {
    const times = new CaptureTimes();
    let last = 0;
    for (let i = 0; i < 600; i++) last = times.captureTime(i * 33, 1_000_010 + i * 33 * 1.001);
    const trueMs = 1_000_010 + 599 * 33 * 1.001;
    expect(Math.abs(last - trueMs)).toBeLessThan(15);
  });

  it('begins anew when the source does', () => {
    const times = new CaptureTimes();
    times.captureTime(500_000, 2_000_000);
    expect(times.captureTime(0, 2_000_100)).toBe(2_000_100);
  });
});
