import { describe, expect, it } from 'vitest';
import { FrameMatcher } from '../../client/src/call/statistics/FrameMatcher.ts';
import { ParticipantStatistics } from '../../client/src/call/statistics/ParticipantStatistics.ts';
import { Rate } from '../../client/src/call/statistics/Rate.ts';
import { Series } from '../../client/src/call/statistics/Series.ts';
import type { FrameTrace } from '../../client/src/protocol/index.ts';

const trace = (rtpTimestamp: number, capturedMs = 1000): FrameTrace => ({
  rtpTimestamp,
  capturedMs,
  landmarksSentMs: capturedMs + 25,
  arrivedMs: capturedMs + 30,
  synthesisStartMs: capturedMs + 32,
  synthesisEndMs: capturedMs + 44,
  encodedMs: capturedMs + 46,
  sentMs: capturedMs + 47,
});

describe('Series', () => {
  it('keeps the last values only and ignores what is no number', () => {
    const series = new Series(4);
    for (const value of [100, 1, 2, Number.NaN, 3, 4]) series.add(value);
    expect(series.size).toBe(4);
    expect(series.p95).toBe(4);
    expect(series.quantile(0)).toBe(1);
  });

  it('has no quantiles while it is empty', () => expect(new Series().p50).toBeNaN());
});

describe('Rate', () => {
  it('turns a counter into a rate, and starts anew when the counter falls', () => {
    const rate = new Rate();
    rate.sample(100, 0);
    rate.sample(130, 500);
    expect(rate.perSecond).toBe(60);
    rate.sample(5, 1000);
    expect(rate.perSecond).toBe(0);
    rate.sample(15, 2000);
    expect(rate.perSecond).toBe(10);
  });
});

describe('ParticipantStatistics', () => {
  it('tells how fast the server renders the avatar, once it has said so', () => {
    const statistics = new ParticipantStatistics({ fromPerformanceMs: (ms) => ms });
    expect(statistics.snapshot().renderedFramesPerSecond).toBeNull();
    statistics.handleRate(17);
    expect(statistics.snapshot().renderedFramesPerSecond).toBe(17);
  });
});

describe('FrameMatcher', () => {
  const collect = () => {
    const matched: [number, number][] = [];
    return { matched, matcher: new FrameMatcher((found, presentedMs) => matched.push([found.rtpTimestamp, presentedMs])) };
  };

  it('matches whichever comes first, once', () => {
    const { matched, matcher } = collect();
    matcher.handleTrace(trace(10));
    matcher.handlePresented({ rtpTimestamp: 10, presentedMs: 70 });
    matcher.handlePresented({ rtpTimestamp: 20, presentedMs: 80 });
    matcher.handleTrace(trace(20));
    matcher.handleTrace(trace(20));
    expect(matched).toEqual([
      [10, 70],
      [20, 80],
    ]);
  });

  it('treats timestamps as unsigned 32-bit numbers', () => {
    const { matched, matcher } = collect();
    matcher.handleTrace(trace(0xffff_fff0));
    matcher.handlePresented({ rtpTimestamp: -16, presentedMs: 5 });
    expect(matched).toHaveLength(1);
  });

  it('does not keep frames for ever that are never presented', () => {
    const { matched, matcher } = collect();
    for (let i = 0; i < 5000; i++) matcher.handleTrace(trace(i));
    matcher.handlePresented({ rtpTimestamp: 0, presentedMs: 1 });
    expect(matched).toEqual([]);
    matcher.handlePresented({ rtpTimestamp: 4999, presentedMs: 1 });
    expect(matched).toHaveLength(1);
  });
});

describe('ParticipantStatistics', () => {
  const clock = { fromPerformanceMs: (performanceMs: number) => performanceMs + 900 };
  const report = (entry: object) => new Map([['x', { type: 'inbound-rtp', ...entry }]]) as unknown as RTCStatsReport;

  it('splits the way from the camera to the screen into its stages', () => {
    const statistics = new ParticipantStatistics(clock);
    statistics.handleTrace(trace(90_000));
    statistics.handlePresented({ rtpTimestamp: 90_000, presentationTime: 160 });
    const { stages, latency, glassToGlass, matched } = statistics.snapshot();
    expect(matched).toBe(1);
    expect(Object.values(stages).map(({ p50Ms }) => p50Ms)).toEqual([25, 5, 2, 12, 2, 1, 13]);
    expect([latency.p50Ms, glassToGlass.p50Ms]).toEqual([35, 60]);
    expect(statistics.takeLatencies()).toEqual([60]);
    expect(statistics.takeLatencies()).toEqual([]);
  });

  it('knows camera to screen without the stages, from the RTP timestamp, also where that wraps', () => {
    const aMonthMs = 2 ** 32 / 90;
    for (const capturedMs of [1000, aMonthMs * 400 - 20]) {
      const statistics = new ParticipantStatistics({ fromPerformanceMs: (performanceMs) => performanceMs + capturedMs });
      statistics.handlePresented({ rtpTimestamp: Math.round(capturedMs * 90) % 2 ** 32, presentationTime: 60 });
      expect(statistics.snapshot().glassToGlass.p50Ms).toBeCloseTo(60, 1);
      expect(statistics.snapshot().latency.p50Ms).toBeNaN();
      expect(statistics.takeLatencies()).toEqual([expect.closeTo(60, 1)]);
    }
  });

  it('measures skew as audio playout minus video playout of the same person', async () => {
    const statistics = new ParticipantStatistics(clock);
    statistics.setConsumer('audio', 'a');
    statistics.setConsumer('video', 'v');
    await statistics.refresh(async (id) =>
      id === 'a'
        ? report({ kind: 'audio', estimatedPlayoutTimestamp: 5030 })
        : report({ kind: 'video', estimatedPlayoutTimestamp: 5012, timestamp: 0, framesDecoded: 0 }),
    );
    await statistics.refresh(async (id) =>
      id === 'a' ? null : report({ kind: 'video', timestamp: 1000, framesDecoded: 29, bytesReceived: 0 }),
    );
    expect(statistics.skewMs).toBe(18);
    expect(statistics.framesPerSecond).toBe(29);
  });

  it('is idle without consumers', () => {
    const statistics = new ParticipantStatistics(clock);
    statistics.setConsumer('video', 'v');
    expect(statistics.idle).toBe(false);
    statistics.setConsumer('video', null);
    expect(statistics.idle).toBe(true);
  });
});
