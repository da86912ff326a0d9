import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { untilInterrupted } from '../../server/cli/interruption.ts';
import { DriverFraming } from '../../server/render/DriverFraming.ts';
import { loadPortraits } from '../../server/render/portraits.ts';
import { RenderReport } from '../../server/render/RenderReport.ts';
import { RenderTotals } from '../../server/render/RenderTotals.ts';
import type { FrameRecord, ReportHeader } from '../../server/render/report-types.ts';
import type { DetectedFace } from '../../server/landmarker/types.ts';
import { driverFace } from '../support/synthetic-face.ts';
import { errorPercent } from '../support/synthetic-faces.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gioconda-render-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const picture = { width: 640, height: 480, data: new Uint8Array(0) };
const faceOf = (options: Parameters<typeof driverFace>[0]): DetectedFace => ({
  points: driverFace({ width: 0.25, at: [0.5, 0.4], ...options }),
  confidence: 1,
  box: [0, 0, 1, 1],
});

describe('DriverFraming', () => {
  it('stays on the square of the first face, as portraits are framed', () => {
    const framing = new DriverFraming('head');
    expect(framing.frame(picture, null, 0)).toBeNull();
    expect(framing.square).toBeNull();
    framing.frame(picture, faceOf({}), 33);
    const first = framing.square!;
    expect(first.size).toBeGreaterThan(0.25 * 640 * 1.5);
    const moved = framing.frame(picture, faceOf({ at: [0.6, 0.4] }), 66)!;
    expect(framing.square).toEqual(first);
    expect(moved.points[1 * 3]! - framing.frame(picture, faceOf({}), 99)!.points[1 * 3]!).toBeCloseTo((0.1 * 640) / first.size, 2);
  });

  it("gives what a call would carry: relative to the square, within the packet's error", () => {
    const framing = new DriverFraming('head');
    const face = faceOf({ jaw: 0.05, turn: 0.2 });
    const carried = framing.frame(picture, face, 1234.5)!;
    const { x, y, size } = framing.square!;
    const exact = face.points.map((value, i) => (value * 640 - [x, y, 0][i % 3]!) / size);
    expect(carried.capturedMs).toBeCloseTo(1234.5, 3);
    expect(errorPercent(exact, carried.points)).toBeLessThan(0.5);
    expect(errorPercent(exact, carried.points)).toBeGreaterThan(0); // it went through the packet
    expect(framing.meanPacketBytes).toBeGreaterThan(12);
  });

  it('takes the largest centred square as it is without cropping', () => {
    const framing = new DriverFraming('none');
    expect(framing.frame(picture, null, 0)).toBeNull();
    expect(framing.square).toEqual({ x: 80, y: 0, size: 480 });
  });
});

const record = (index: number, face: boolean): FrameRecord => ({
  index,
  timeMs: index * 33.333_333,
  crop: face ? { x: 1, y: 2, size: 3 } : null,
  face,
  confidence: face ? 0.98765 : 0,
  state: face ? 'tracking' : 'idle',
  ms: { decode: 1.000_01, landmarks: 2, packet: 0.5, retarget: 0.25, flow: 3, inference: 4, composition: 1.5, encode: 1 },
});
const header: ReportHeader = {
  format: 1,
  gioconda: '0.0.0',
  model: { name: 'm', version: '1', size: 256 },
  portraits: [],
  motion: 'relative',
  crop: true,
  drive: { file: 'in.mp4', width: 1, height: 1, framesPerSecond: null, durationMs: null, sound: false },
  out: { file: 'out.mp4', size: 256 },
};

describe('RenderReport', () => {
  it('is one JSON document, however many frames, and visible only when committed', async () => {
    const path = join(folder, 'report.json');
    const report = await RenderReport.create(path, header);
    const totals = new RenderTotals();
    for (let i = 0; i < 2000; i += 1) {
      totals.add(record(i, i >= 500));
      await report.add(record(i, i >= 500));
    }
    await report.finish(totals.summary(60.04));
    expect(readdirSync(folder)).not.toContain('report.json');
    await report.commit();
    const parsed = JSON.parse(await readFile(path, 'utf8'));
    expect(parsed).toMatchObject({
      ...header,
      summary: {
        frames: 2000,
        faces: 1500,
        states: { idle: 500, tracking: 1500 },
        meanPacketBytes: 60,
        meanMs: { landmarks: 2, encode: 1 },
      },
    });
    expect(parsed.frames).toHaveLength(2000);
    expect(parsed.frames[1]).toMatchObject({ timeMs: 33.333, crop: null, ms: { decode: 1 } });
    await report.discard();
    expect(readdirSync(folder)).toEqual(['report.json']);
  });

  it('is a document without frames too, and nothing when discarded', async () => {
    const path = join(folder, 'report.json');
    const report = await RenderReport.create(path, header);
    await report.finish(new RenderTotals().summary(0));
    await report.commit();
    expect(JSON.parse(await readFile(path, 'utf8')).frames).toEqual([]);
    const other = await RenderReport.create(join(folder, 'other.json'), header);
    await other.discard();
    await other.discard();
    expect(readdirSync(folder)).toEqual(['report.json']);
  });
});

describe('portraits of the command line', () => {
  const landmarker = { detect: () => Promise.reject(new Error('not reached')), matte: () => Promise.reject(new Error('not reached')) };

  it('are one to eight', async () => {
    for (const count of [0, 9])
      await expect(loadPortraits(Array<string>(count).fill('x.jpg'), { landmarker, size: 256, crop: 'head' })).rejects.toMatchObject({
        code: 'portrait-count',
      });
  });

  it('are refused by name and number', async () => {
    const path = join(folder, 'note.jpg');
    await writeFile(path, 'not a picture');
    await expect(loadPortraits([path], { landmarker, size: 256, crop: 'head' })).rejects.toMatchObject({
      code: 'portrait-not-an-image',
      portrait: 0,
      message: expect.stringMatching(/^note\.jpg: /) as string,
    });
    await expect(loadPortraits([join(folder, 'missing.jpg')], { landmarker, size: 256, crop: 'head' })).rejects.toMatchObject({
      name: 'FileError',
      reason: 'missing',
    });
  });
});

describe('an interruption', () => {
  it('aborts once, knows its exit code, and gives the signal back', () => {
    const before = process.listenerCount('SIGHUP');
    const interruption = untilInterrupted();
    expect([interruption.exitCode, interruption.signal.aborted]).toEqual([0, false]);
    process.emit('SIGHUP', 'SIGHUP');
    process.emit('SIGTERM', 'SIGTERM');
    expect([interruption.exitCode, interruption.signal.aborted]).toEqual([129, true]);
    interruption.close();
    expect(process.listenerCount('SIGHUP')).toBe(before);
  });
});
