import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { messagesSentOf, receivedBytesOf, SessionWatch, Silence, SilenceWatch } from '../../client/src/call/SilenceWatch.ts';

const SAMPLE_MS = 300;

/** A sample every 300 ms. @returns when silence is first told, ms; null: never. */
function firstAlarm(samples: { bytes: number; due: number }[]): number | null {
  const silence = new Silence();
  const at = samples.findIndex((sample, index) => silence.sample(sample, index * SAMPLE_MS));
  return at === -1 ? null : at * SAMPLE_MS;
}

const steps = (count: number, sample: (step: number) => { bytes: number; due: number }) =>
  Array.from({ length: count }, (_, step) => sample(step));

describe('Silence', () => {
  it('is told little more than a second after the last byte, while frames are still said to be sent', () => {
    const flow = steps(10, (step) => ({ bytes: 1 + step * 20_000, due: step * 9 }));
    const cut = steps(10, (step) => ({ bytes: flow.at(-1)!.bytes, due: (10 + step) * 9 }));
    const lastByteMs = 9 * SAMPLE_MS;
    expect(firstAlarm([...flow, ...cut])! - lastByteMs).toBe(1200);
  });

  it('is not told where nothing was due: the others have left, or are muted', () => {
    expect(
      firstAlarm([...steps(10, (step) => ({ bytes: 1 + step, due: step * 9 })), ...steps(100, () => ({ bytes: 10, due: 81 }))]),
    ).toBeNull();
  });

  it('is not told while anything comes, however little', () => {
    expect(firstAlarm(steps(100, (step) => ({ bytes: 1 + Math.floor(step / 3), due: step * 9 })))).toBeNull();
  });

  it('is not told of a transport that has never received anything: that is the business of its first connection', () => {
    expect(firstAlarm(steps(100, (step) => ({ bytes: 0, due: step * 9 })))).toBeNull();
  });

  it('is told again and again, until bytes come', () => {
    const silence = new Silence();
    silence.sample({ bytes: 1, due: 0 }, 0);
    expect([1000, 1300, 1600].map((atMs) => silence.sample({ bytes: 1, due: 30 }, atMs))).toEqual([true, true, true]);
    expect(silence.sample({ bytes: 2, due: 60 }, 1900)).toBe(false);
    expect(silence.sample({ bytes: 2, due: 90 }, 2800)).toBe(false);
  });
});

const report = (entries: object[]) => new Map(entries.map((entry, index) => [String(index), entry])) as unknown as RTCStatsReport;

describe('a report of the browser', () => {
  it('gives the bytes of the transport, or of its pairs where the browser counts only those', () => {
    const pairs = [
      { type: 'candidate-pair', bytesReceived: 5 },
      { type: 'candidate-pair', bytesReceived: 6 },
    ];
    expect(receivedBytesOf(report([{ type: 'transport', bytesReceived: 100 }, ...pairs]))).toBe(100);
    expect(receivedBytesOf(report(pairs))).toBe(11);
    expect(receivedBytesOf(report([{ type: 'codec' }]))).toBe(0);
  });

  it('gives the messages sent over all data channels', () => {
    expect(
      messagesSentOf(report([{ type: 'data-channel', messagesSent: 3 }, { type: 'data-channel', messagesSent: 4 }, { type: 'codec' }])),
    ).toBe(7);
  });
});

describe('SilenceWatch', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('looks on until it is closed', async () => {
    const silent = vi.fn<() => void>();
    let due = 0;
    const watch = new SilenceWatch({ sample: async () => ({ bytes: 1, due: (due += 9) }), silent });
    await vi.advanceTimersByTimeAsync(3000);
    expect(silent.mock.calls.length).toBeGreaterThan(1);
    watch.close();
    silent.mockClear();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([silent.mock.calls.length, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it('is quiet where the stack has no statistics', async () => {
    const sample = vi.fn<() => Promise<never>>(async () => {
      throw new Error('not implemented');
    });
    const watch = new SilenceWatch({ sample, silent: () => expect.unreachable() });
    await vi.advanceTimersByTimeAsync(60_000);
    expect([sample.mock.calls.length, vi.getTimerCount()]).toEqual([1, 0]);
    watch.close();
  });
});

describe('SessionWatch', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const transport = (entries: () => object[]) => ({ getStats: vi.fn<() => Promise<RTCStatsReport>>(async () => report(entries())) });

  it('tells where frames are said to be sent and none comes, and where landmarks are not acknowledged', async () => {
    let [sent, now] = [0, { sends: false, receives: false }];
    const send = transport(() => [
      { type: 'transport', bytesReceived: 1000 },
      { type: 'data-channel', messagesSent: (sent += 9) },
    ]);
    const receive = transport(() => [{ type: 'transport', bytesReceived: 1000 }]);
    const silent = vi.fn<() => void>();
    const watch = new SessionWatch({ send, receive, sends: () => now.sends, receives: () => now.receives, silent });
    const pass = async (frames: number): Promise<number> => {
      silent.mockClear();
      for (let n = 0; n < 10; n++) {
        watch.handleSentFrames(frames);
        await vi.advanceTimersByTimeAsync(300);
      }
      return silent.mock.calls.length;
    };
    expect([await pass(9), send.getStats.mock.calls.length, receive.getStats.mock.calls.length]).toEqual([0, 0, 0]);
    now = { sends: false, receives: true };
    expect(await pass(9)).toBeGreaterThan(0);
    now = { sends: true, receives: false };
    expect(await pass(0)).toBeGreaterThan(0);
    now = { sends: false, receives: false };
    expect(await pass(9)).toBe(0);
    watch.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
