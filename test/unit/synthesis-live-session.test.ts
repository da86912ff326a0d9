import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AppError, LANDMARK_COUNT } from '../../client/src/protocol/index.ts';
import { LandmarkEncoder } from '../../client/src/protocol/landmark-packet.ts';
import type { SynthesizedFrame } from '../../server/call/ports.ts';
import { serverNow } from '../../server/base/clock.ts';
import { LiveSession } from '../../server/synthesis/process/LiveSession.ts';
import { avatarOf, FakeEncoder, FakeRenderer } from '../support/fake-renderer.ts';
import { codeOf } from '../support/outcome.ts';

/** A face-like cloud of points; their shape does not matter here. */
function points(): Float32Array {
  return Float32Array.from({ length: LANDMARK_COUNT * 3 }, (_, i) => 0.5 + 0.15 * Math.sin(i * 1.7));
}

describe('LiveSession', () => {
  let renderer: FakeRenderer;
  let encoders: { encoder: FakeEncoder; width: number }[];
  let frames: SynthesizedFrame[];
  let states: string[];
  let faults: AppError[];
  let neutrals: Float32Array[];
  let dropped: string[];
  let opened: { renderer: FakeRenderer; driverNeutral: Float32Array | null }[];
  let session: LiveSession;
  const landmarkEncoder = new LandmarkEncoder();
  /** Steps to where a frame is in the making. */
  const untilBusy = async (): Promise<void> => {
    for (const { length } = renderer.inputs; renderer.inputs.length === length;) await vi.advanceTimersByTimeAsync(1);
  };
  const packet = (sequence: number, capturedMs = serverNow() - 20) =>
    landmarkEncoder.encode({ points: points(), capturedMs, confidence: 0.9, sequence, sentMs: capturedMs + 5 }).slice();

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'hrtime'] });
    renderer = new FakeRenderer();
    [encoders, frames, states, faults, neutrals, dropped, opened] = [[], [], [], [], [], [], []];
    session = new LiveSession({
      renderer,
      video: { codec: 'vp8', fps: 30, bitrateBps: 1 },
      pace: 30,
      createEncoder: ({ width }) => {
        const encoder = new FakeEncoder(width);
        encoders.push({ encoder, width });
        return encoder;
      },
      openRenderer: async ({ size }, driverNeutral) => {
        const next = new FakeRenderer(size);
        opened.push({ renderer: next, driverNeutral });
        return next;
      },
      onNeutral: (neutral) => neutrals.push(neutral),
      onDropped: (reason) => dropped.push(reason),
      onFrame: (frame) => frames.push(frame),
      onState: (state) => states.push(state),
      onFault: (error) => faults.push(error),
    });
  });
  afterEach(() => {
    session.close();
    vi.useRealTimers();
  });

  it('goes on at the frame rate by itself when no packet comes', async () => {
    await vi.advanceTimersByTimeAsync(1000);
    expect(frames.length).toBeGreaterThanOrEqual(28);
    expect(frames.length).toBeLessThanOrEqual(31);
    expect(states).toEqual(['idle']);
  });

  it('spaces keyframes out, whatever viewers ask for, and forgets no request', async () => {
    for (let n = 0; n < 100; n++) {
      session.requestKeyframe();
      await vi.advanceTimersByTimeAsync(10);
    }
    const keyframes = (): number => frames.filter(({ keyframe }) => keyframe).length;
    expect(keyframes()).toBeGreaterThanOrEqual(3);
    expect(keyframes()).toBeLessThanOrEqual(5);
    await vi.advanceTimersByTimeAsync(400);
    const before = keyframes();
    session.requestKeyframe();
    session.requestKeyframe();
    await vi.advanceTimersByTimeAsync(1000);
    expect(keyframes()).toBe(before + 1);
  });

  it('renders a packet at once, with its capture time and stage stamps in order', async () => {
    await vi.advanceTimersByTimeAsync(100);
    frames.length = 0;
    await vi.advanceTimersByTimeAsync(25);
    const capturedMs = serverNow() - 20;
    session.push(packet(1, capturedMs), serverNow());
    await vi.advanceTimersByTimeAsync(30);
    const frame = frames.find(({ trace }) => trace.arrivedMs < trace.synthesisStartMs || trace.landmarksSentMs < trace.arrivedMs)!;
    expect(frame.capturedMs).toBeCloseTo(capturedMs, 0);
    const { trace } = frame;
    const stamps = [
      trace.capturedMs,
      trace.landmarksSentMs,
      trace.arrivedMs,
      trace.synthesisStartMs,
      trace.synthesisEndMs,
      trace.encodedMs,
    ];
    expect([...stamps].sort((a, b) => a - b)).toEqual(stamps);
    expect(states.at(-1)).toBe('tracking');
  });

  it('drops packets that a newer one has overtaken, while a frame is being made', async () => {
    await vi.advanceTimersByTimeAsync(40);
    renderer.takesMs = 100;
    renderer.inputs.length = 0;
    const now = serverNow();
    session.push(packet(1, now - 30), serverNow());
    await vi.advanceTimersByTimeAsync(20);
    for (let n = 2; n < 8; n++) session.push(packet(n, now - 30 + n), serverNow());
    await vi.advanceTimersByTimeAsync(200);
    const seen = renderer.inputs.map(({ landmarks }) => landmarks?.capturedMs).filter((ms) => ms !== undefined);
    expect(seen.length).toBe(2);
    expect(seen[1]).toBeCloseTo(now - 23, 0);
    expect(dropped).toEqual(Array.from({ length: 5 }, () => 'superseded'));
  });

  it('ignores reordered packets and takes a client that starts anew', async () => {
    const sequenceSeen = async (sequence: number) => {
      renderer.inputs.length = 0;
      session.push(packet(sequence), serverNow());
      await vi.advanceTimersByTimeAsync(60);
      return renderer.inputs.some(({ landmarks }) => landmarks !== null);
    };
    await vi.advanceTimersByTimeAsync(50);
    expect(await sequenceSeen(10_000)).toBe(true);
    expect(await sequenceSeen(9_990)).toBe(false);
    expect(dropped).toEqual(['superseded']);
    expect(await sequenceSeen(10_001)).toBe(true);
    expect(await sequenceSeen(3)).toBe(true);
  });

  it('counts malformed packets and goes on', async () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(3), new Uint8Array(900).fill(255)]) {
      session.push(bytes, serverNow());
      await vi.advanceTimersByTimeAsync(60);
    }
    expect(dropped).toEqual(['malformed', 'malformed', 'malformed']);
    expect(faults).toEqual([]);
    expect(frames.length).toBeGreaterThan(2);
  });

  it('bounds what a client with a wrong clock can do to the time line', async () => {
    await vi.advanceTimersByTimeAsync(50);
    for (const [sequence, offset] of [
      [1, -1e9],
      [2, 1e9],
      [3, 0],
    ] as const) {
      session.push(packet(sequence, serverNow() + offset), serverNow());
      await vi.advanceTimersByTimeAsync(60);
    }
    const times = frames.map(({ capturedMs }) => capturedMs);
    expect([...times].sort((a, b) => a - b)).toEqual(times);
    expect(Math.abs(times.at(-1)! - serverNow())).toBeLessThan(3000);
  });

  it('reports a renderer that fails once, and makes no more frames', async () => {
    renderer.failure = new Error('boom');
    await vi.advanceTimersByTimeAsync(1500);
    expect(faults.map(({ code }) => code)).toEqual(['synthesis-failed']);
    expect(renderer.inputs).toHaveLength(1);
  });

  it('switches the person between two frames, in the same renderer', async () => {
    renderer.takesMs = 25;
    await vi.advanceTimersByTimeAsync(100);
    await untilBusy();
    const switched = session.switchAvatar(avatarOf('the second', 64));
    expect(renderer.shown).toBe('the first');
    await vi.advanceTimersByTimeAsync(100);
    await switched;
    expect(renderer.shown).toBe('the second');
    expect(renderer.closed).toBe(false);
    expect(encoders).toHaveLength(1);
    expect(opened).toEqual([]);
    expect(faults).toEqual([]);
  });

  it('switches to another size: no frame goes to the wrong encoder, and what was learned of the driver goes along', async () => {
    renderer.takesMs = 25;
    renderer.driverNeutral = new Float32Array([1, 2]);
    await vi.advanceTimersByTimeAsync(100);
    await untilBusy();
    const switched = session.switchAvatar(avatarOf('wide', 128));
    await vi.advanceTimersByTimeAsync(300);
    await switched;
    expect(renderer.closed).toBe(true);
    expect(opened[0]!.driverNeutral).toEqual(new Float32Array([1, 2]));
    expect(opened[0]!.renderer.inputs.length).toBeGreaterThan(1);
    expect(encoders.map(({ width }) => width)).toEqual([64, 128]);
    expect(encoders[0]!.encoder.closed).toBe(true);
    expect(faults).toEqual([]);
    session.close();
    await vi.advanceTimersByTimeAsync(50);
    expect(opened[0]!.renderer.closed).toBe(true);
  });

  it('a switch that the end of the session overtakes comes to nothing', async () => {
    renderer.takesMs = 25;
    await vi.advanceTimersByTimeAsync(100);
    await untilBusy();
    const switched = codeOf(session.switchAvatar(avatarOf('wide', 128)));
    await vi.advanceTimersByTimeAsync(0);
    session.close();
    await vi.advanceTimersByTimeAsync(100);
    expect(await switched).toBe('closed');
    expect(opened[0]!.renderer.closed).toBe(true);
    expect(renderer.closed).toBe(true);
  });

  it('reports an encoder that fails: nothing is rejected unheard', async () => {
    await vi.advanceTimersByTimeAsync(100);
    encoders[0]!.encoder.failure = new Error('no more bits');
    await vi.advanceTimersByTimeAsync(50);
    expect(faults[0]).toMatchObject({ code: 'synthesis-failed', cause: { message: 'no more bits' } });
  });

  it('tells what is learned of the driver: as soon as it is there, then now and then, only while somebody drives', async () => {
    let sequence = 0;
    const drive = async (durationMs: number): Promise<void> => {
      for (const end = serverNow() + durationMs; serverNow() < end;) {
        session.push(packet(++sequence), serverNow());
        await vi.advanceTimersByTimeAsync(33);
      }
    };
    await drive(500);
    expect(neutrals).toEqual([]);
    renderer.driverNeutral = new Float32Array([1]);
    await drive(500);
    expect(neutrals).toHaveLength(1);
    await drive(5000);
    expect(neutrals).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(5000);
    expect(neutrals).toHaveLength(3);
    session.recalibrate();
    await drive(200);
    renderer.driverNeutral = new Float32Array([2]);
    await drive(200);
    expect(neutrals).toHaveLength(4);
  });

  it('closes in the middle of a frame without using the encoder again', async () => {
    renderer.takesMs = 50;
    await vi.advanceTimersByTimeAsync(100);
    const before = frames.length;
    session.close();
    session.close();
    await vi.advanceTimersByTimeAsync(500);
    expect(frames.length).toBe(before);
    expect(renderer.closed).toBe(true);
  });

  it('makes no pictures while nobody watches, follows its driver all the same, and comes back at once with a keyframe', async () => {
    await vi.advanceTimersByTimeAsync(500);
    session.setPace(0);
    await vi.advanceTimersByTimeAsync(50);
    const [before, encoded] = [renderer.inputs.length, frames.length];
    for (let n = 1; n <= 60; n++) {
      session.push(packet(n), serverNow());
      await vi.advanceTimersByTimeAsync(33);
    }
    expect([renderer.inputs.length, frames.length]).toEqual([before, encoded]);
    expect(states.at(-1)).toBe('tracking');
    const driven = renderer.followed.filter(({ landmarks }) => landmarks !== null);
    // Cheaper than frames would be, and never so far apart that the driver counts as gone.
    expect(driven.length).toBeGreaterThan(24);
    expect(driven.length).toBeLessThan(40);
    const times = renderer.followed.map(({ timeMs }) => timeMs);
    for (const [index, time] of times.slice(1).entries()) expect(time - times[index]!).toBeGreaterThan(0);
    await vi.advanceTimersByTimeAsync(1000);
    expect(states.at(-1)).toBe('idle');
    expect(frames.length).toBe(encoded);
    session.setPace(30);
    await vi.advanceTimersByTimeAsync(renderer.takesMs);
    expect(frames.length).toBe(encoded + 1);
    expect(frames.at(-1)!.keyframe).toBe(true);
    expect(frames.at(-1)!.capturedMs).toBeGreaterThan(times.at(-1)!);
    await vi.advanceTimersByTimeAsync(1000);
    expect(frames.length).toBeGreaterThan(encoded + 25);
    expect(frames.slice(encoded + 1).some(({ keyframe }) => keyframe)).toBe(false);
  });

  it('shows a viewer who comes while the last picture for another is being made a keyframe', async () => {
    renderer.takesMs = 40;
    await vi.advanceTimersByTimeAsync(500);
    await untilBusy();
    session.setPace(0);
    session.setPace(30);
    const { length } = frames;
    await vi.advanceTimersByTimeAsync(200);
    expect(frames.length).toBeGreaterThan(length + 2);
    expect(frames.slice(length, length + 2).some(({ keyframe }) => keyframe)).toBe(true);
  });

  it('falls to the pace that it is given, and rises again', async () => {
    for (const fps of [12, 20, 30]) {
      session.setPace(fps);
      frames.length = 0;
      await vi.advanceTimersByTimeAsync(2000);
      expect(Math.abs(frames.length - 2 * fps)).toBeLessThanOrEqual(3);
    }
  });

  it('reports a driver who cannot be followed as it reports a frame that cannot be made', async () => {
    session.setPace(0);
    renderer.failure = new Error('boom');
    await vi.advanceTimersByTimeAsync(1000);
    expect(faults.map(({ code }) => code)).toEqual(['synthesis-failed']);
  });
});
