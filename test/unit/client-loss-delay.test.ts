import { describe, expect, it } from 'vitest';
import { holdBack, LossDelay, lossSampleOf } from '../../client/src/call/LossDelay.ts';

/** One sample a second, with so many requests for lost packets in each; the picture freezes in some of them. */
function run(perSecond: number[], { roundTripMs = 100, freezesAt = [] as number[], counted = true } = {}): number[] {
  const delay = new LossDelay();
  let requests = 0;
  return perSecond.map((count, second) => {
    const freezes = counted ? freezesAt.filter((at) => at <= second).length : null;
    return delay.sample({ requests: (requests += count), roundTripMs, freezes }, second * 1000);
  });
}

const always = (seconds: number): number[] => Array<number>(seconds).fill(3);

describe('LossDelay', () => {
  it('holds nothing back on a good network, nor for a single loss', () => {
    expect(run([0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1], { freezesAt: [3] })).toEqual(Array(13).fill(0));
  });

  it('holds a little back while packets are lost: jitter, and a frame that comes twice', () => {
    expect(run(always(60)).at(-1)).toBe(150);
    expect(run(always(60), { roundTripMs: 20 }).at(-1)).toBe(110);
  });

  it('waits for retransmissions where the picture freezes all the same: two round trips and a little', () => {
    expect(run(always(10), { freezesAt: [6] }).slice(5, 8)).toEqual([150, 350, 350]);
    expect(run(always(10), { freezesAt: [6], roundTripMs: 20 }).at(-1)).toBe(190);
    expect(run(always(10), { freezesAt: [6], roundTripMs: 900 }).at(-1)).toBe(500);
  });

  it('tries less again after ten seconds, and twice as late each time that it was not enough', () => {
    // A freeze whenever little is held back for two seconds.
    const delay = new LossDelay();
    let [freezes, little] = [0, 0];
    const long: number[] = [];
    for (let second = 0; second < 1000; second++) {
      const heldMs = delay.sample({ requests: 3 * second, roundTripMs: 100, freezes }, second * 1000);
      if (heldMs === 350) long.push(second);
      little = heldMs === 150 ? little + 1 : 0;
      if (little === 2) freezes++;
    }
    const lengths: number[] = [];
    for (const second of long) lengths.push(long.includes(second - 1) ? lengths.pop()! + 1 : 1);
    expect(lengths.slice(0, 7)).toEqual([10, 20, 40, 80, 160, 160, 160]);
  });

  it('waits for retransmissions from the beginning where freezes are not counted', () => {
    expect(run(always(60), { counted: false }).at(-1)).toBe(350);
  });

  it('stops 20 s after the losses do, and not between two of them', () => {
    const delays = run([0, 4, 4, ...Array<number>(30).fill(0)], { freezesAt: [2] });
    expect(delays.slice(2, 12).every((delayMs) => delayMs === 350)).toBe(true);
    expect(delays.slice(12, 22).every((delayMs) => delayMs === 150)).toBe(true);
    expect(delays.at(-1)).toBe(0);
  });

  it('reads a browser’s report, and knows what is missing', () => {
    const report = (entries: object[]) => new Map(entries.map((entry, index) => [String(index), entry])) as unknown as RTCStatsReport;
    const video = { type: 'inbound-rtp', nackCount: 7, freezeCount: 2 };
    expect(lossSampleOf(report([video, { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.12 }]))).toEqual({
      requests: 7,
      roundTripMs: 120,
      freezes: 2,
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
