import { describe, expect, it } from 'vitest';
import { holdBack, LossDelay, lossSampleOf } from '../../client/src/call/LossDelay.ts';

/** One sample a second, with so many requests for lost packets in each. */
function run(perSecond: number[], roundTripMs = 100): number[] {
  const delay = new LossDelay();
  let requests = 0;
  return perSecond.map((count, second) => delay.sample({ requests: (requests += count), roundTripMs }, second * 1000));
}

describe('LossDelay', () => {
  it('holds nothing back on a good network, nor for a single loss', () => {
    expect(run([0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1])).toEqual(Array(13).fill(0));
  });

  it('waits for retransmissions while packets are lost: two round trips and a little', () => {
    expect(run([0, 3, 3, 3, 3]).at(-1)).toBe(350);
    expect(run([0, 3, 3, 3, 3], 20).at(-1)).toBe(190);
    expect(run([0, 3, 3, 3, 3], 900).at(-1)).toBe(500);
  });

  it('stops 20 s after the losses do, and not between two of them', () => {
    const delays = run([0, 4, 4, ...Array<number>(30).fill(0)]);
    expect(delays.slice(1, 22).every((delayMs) => delayMs === 350)).toBe(true);
    expect(delays.at(-1)).toBe(0);
  });

  it('reads a browser’s report, and knows what is missing', () => {
    const report = (entries: object[]) => new Map(entries.map((entry, index) => [String(index), entry])) as unknown as RTCStatsReport;
    const video = { type: 'inbound-rtp', nackCount: 7 };
    expect(lossSampleOf(report([video, { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.12 }]))).toEqual({
      requests: 7,
      roundTripMs: 120,
    });
    expect(lossSampleOf(report([video, { type: 'candidate-pair', nominated: false, currentRoundTripTime: 0.12 }]))).toBeNull();
    expect(lossSampleOf(report([]))).toBeNull();
  });

  it('sets the receiver’s target, takes it back, and leaves older browsers alone', () => {
    const receiver = { jitterBufferTarget: null as number | null };
    holdBack(receiver as unknown as RTCRtpReceiver, 350);
    expect(receiver.jitterBufferTarget).toBe(350);
    holdBack(receiver as unknown as RTCRtpReceiver, 0);
    expect(receiver.jitterBufferTarget).toBeNull();
    const old = {};
    holdBack(old as RTCRtpReceiver, 350);
    expect(old).toEqual({});
    expect(() => holdBack(undefined, 350)).not.toThrow();
  });
});
