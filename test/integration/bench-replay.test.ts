/** The load test itself: a server with avatars that show a recording, and participants without pictures who drive and watch them. */
import { beforeAll, describe, expect, it } from 'vitest';
import { cacheFolder } from '../../server/base/paths.ts';
import type { BenchReport } from '../../server/bench/bench-report.ts';
import { runBench } from '../../server/bench/run-bench.ts';
import { table } from '../../server/cli/bench.ts';
import { parseConfig } from '../../server/config/index.ts';
import { ensureSetup } from '../../server/setup/index.ts';

const AVATARS = 4;

describe('gioconda bench --replay', () => {
  let report: BenchReport;
  const steps: string[] = [];

  beforeAll(async () => {
    await ensureSetup();
    report = await runBench({
      model: 'warp',
      avatars: AVATARS,
      seconds: 6, // so that a busy machine, too, shows frames
      size: 256,
      replay: true,
      uploads: false,
      cacheDir: cacheFolder(),
      video: parseConfig({}).video,
      onStep: (text) => steps.push(text),
    });
  });

  it('gives every avatar a driver whose packets arrive, and a viewer who gets its frames', () => {
    expect(report.settings).toMatchObject({ avatars: AVATARS, replay: true, model: 'warp' });
    expect(report.joinToFirstFrameMs).toHaveLength(AVATARS);
    expect(report.joinToFirstFrameMs.every((ms) => ms > 0)).toBe(true);
    expect(report.framesPerSecond).toBeGreaterThan(1);
    expect(report.framesPerSecondSeen).toBeGreaterThan(1);
    // What is seen has been sent.
    expect(report.framesPerSecondSeen).toBeLessThanOrEqual(report.framesPerSecond * 1.2);
    expect(report.uplinkKbps).toBeGreaterThan(0);
    expect(report.bytesPerPacket).toBeGreaterThan(20);
    expect(report.videoKbps).toBeGreaterThan(10);
  });

  it('tells the stages up to the viewer, and nothing of a presentation that did not happen', () => {
    expect(Object.keys(report.stages)).toEqual(['uplink', 'queue', 'synthesis', 'encode', 'send', 'downlink', 'landmarks sent → received']);
    for (const { n, p50, max } of Object.values(report.stages)) {
      expect(n).toBeGreaterThan(AVATARS);
      expect(max).toBeGreaterThanOrEqual(p50);
    }
  });

  it('tells what the main process did, apart from everybody else', () => {
    const { main, mainThread, mediaWorkers, clients, synthesisPerAvatar } = report.cpuPercent;
    for (const percent of [main, mainThread, mediaWorkers, clients!, synthesisPerAvatar]) expect(percent).toBeGreaterThan(0);
    expect(mainThread).toBeLessThanOrEqual(main + 1);
    const { p50, p99, max } = report.eventLoopDelayMs;
    expect(p50).toBeLessThanOrEqual(p99);
    expect(p99).toBeLessThanOrEqual(max);
  });

  it('is a table', () => {
    const text = table(report);
    expect(text).toContain('4 avatars, a recording of warp');
    expect(text).toContain('event-loop delay of the main process');
    expect(text).not.toContain('NaN');
    expect(steps).toContain(`starting ${AVATARS} viewers`);
  });
});
