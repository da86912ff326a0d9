import { describe, expect, it } from 'vitest';
import { measured } from '../../server/bench/bench-report.ts';
import type { PresentedFrame } from '../../server/bench/presented.ts';
import type { Usage } from '../../server/bench/usage.ts';

const usage = (values: Partial<Usage>): Usage => ({
  atMs: 0,
  synthesisMs: 0,
  mainMs: 0,
  mainThreadMs: 0,
  mediaMs: 0,
  clientsMs: 0,
  packets: 0,
  bytes: 0,
  videoBytes: 0,
  frames: 0,
  ...values,
});

const frame = (sentMs: number, presentedMs = NaN): PresentedFrame => ({
  rtpTimestamp: sentMs * 90,
  capturedMs: sentMs - 30,
  landmarksSentMs: sentMs - 10,
  arrivedMs: sentMs - 9,
  synthesisStartMs: sentMs - 8,
  synthesisEndMs: sentMs - 2,
  encodedMs: sentMs - 1,
  sentMs,
  receivedMs: sentMs + 4,
  presentedMs,
});

const viewer = (presented: PresentedFrame[]) => ({ joinToFirstFrameMs: 100, presented, framesDropped: 1 });

describe('the figures of a measured call', () => {
  const start = usage({ atMs: 1000, mainMs: 500, mediaMs: 50, clientsMs: 10, frames: 30, bytes: 100, packets: 10 });
  const end = usage({
    atMs: 3000,
    mainMs: 600,
    mainThreadMs: 90,
    mediaMs: 250,
    clientsMs: 210,
    synthesisMs: 400,
    frames: 150,
    bytes: 1100,
    packets: 30,
  });

  it('are shares of the time between two counts, and those of avatars are divided among them', () => {
    const figures = measured(start, end, { viewers: [], avatars: 2 });
    expect(figures.cpuPercent).toEqual({ main: 5, mainThread: 4.5, mediaWorkers: 10, clients: 10, synthesisPerAvatar: 10 });
    expect(figures.framesPerSecond).toBe(30);
    expect(figures.uplinkKbps).toBe(2);
    expect(figures.bytesPerPacket).toBe(50);
  });

  it('count frames that were sent in that time, though their stage times came later', () => {
    const viewers = [viewer([frame(999), frame(1000), frame(2999)]), viewer([frame(3000), frame(1500)])];
    const figures = measured(start, end, { viewers, avatars: 2 });
    expect(figures.framesPerSecondSeen).toBe(0.75);
    expect(figures.stages['downlink']).toMatchObject({ n: 3, p50: 4, max: 4 });
    expect(figures.framesDropped).toBe(2);
  });

  it('leave out what nobody measured', () => {
    const { stages } = measured(start, end, { viewers: [viewer([frame(1500)])], avatars: 1 });
    expect(Object.keys(stages)).not.toContain('decode and present');
    const seen = measured(start, end, { viewers: [viewer([frame(1500, 1530)])], avatars: 1 });
    expect(seen.stages['landmarks sent → presented']).toMatchObject({ n: 1, max: 40 });
    expect(measured({ ...start, clientsMs: null }, { ...end, clientsMs: null }, { viewers: [], avatars: 1 }).cpuPercent.clients).toBeNull();
  });
});
