import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LandmarkBatcher } from '../../server/synthesis/process/LandmarkBatcher.ts';
import type { LandmarkMessage } from '../../server/synthesis/process/messages.ts';

describe('LandmarkBatcher', () => {
  let batches: LandmarkMessage[][];
  let batcher: LandmarkBatcher;
  const message = (value: number): LandmarkMessage => ({ sessionId: 's', packet: Uint8Array.of(value), arrivedMs: 0 });
  const values = (): number[][] => batches.map((batch) => batch.map(({ packet }) => packet[0]!));

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] });
    batches = [];
    batcher = new LandmarkBatcher((packets) => batches.push(packets));
  });
  afterEach(() => {
    batcher.close();
    vi.useRealTimers();
  });

  it('sends a packet that comes alone at once', () => {
    batcher.push(message(1));
    expect(values()).toEqual([[1]]);
  });

  it('gathers those that follow closely, in order', () => {
    for (const value of [1, 2, 3]) batcher.push(message(value));
    expect(values()).toEqual([[1]]);
    vi.advanceTimersByTime(4);
    expect(values()).toEqual([[1], [2, 3]]);
  });

  it('sends at most one message for each 4 ms, whatever comes, and loses nothing', () => {
    for (let n = 0; n < 100; n++) {
      batcher.push(message(n));
      vi.advanceTimersByTime(1);
    }
    vi.advanceTimersByTime(10);
    expect(batches.length).toBeLessThanOrEqual(26);
    expect(values().flat()).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  it('keeps a copy: the buffer of a waiting packet is the caller’s', () => {
    batcher.push(message(1));
    const lent = message(2);
    batcher.push(lent);
    lent.packet[0] = 99;
    vi.advanceTimersByTime(4);
    expect(values()).toEqual([[1], [2]]);
  });

  it('forgets what waits when it is closed', () => {
    batcher.push(message(1));
    batcher.push(message(2));
    batcher.close();
    vi.advanceTimersByTime(10);
    expect(values()).toEqual([[1]]);
  });
});
