import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AppError, LANDMARK_COUNT, LandmarkEncoder } from '../../client/src/protocol/index.ts';
import type { SynthesizedFrame } from '../../server/call/ports.ts';
import { serverNow } from '../../server/call/clock.ts';
import { LiveSession, type Encoder, type Renderer } from '../../server/synthesis/process/LiveSession.ts';
import type { RenderedFrame, RenderInput } from '../../server/synthesis/types.ts';

/** A face-like cloud of points; their shape does not matter here. */
function points(): Float32Array {
  return Float32Array.from({ length: LANDMARK_COUNT * 3 }, (_, i) => 0.5 + 0.15 * Math.sin(i * 1.7));
}

class FakeRenderer implements Renderer {
  readonly size: number;
  inputs: RenderInput[] = [];
  takesMs = 5;
  closed = false;
  failure: Error | null = null;

  constructor(size = 64) {
    this.size = size;
  }

  async render(input: RenderInput): Promise<RenderedFrame> {
    this.inputs.push(input);
    await new Promise((resolve) => setTimeout(resolve, this.takesMs));
    if (this.failure) throw this.failure;
    return { i420: new Uint8Array((this.size * this.size * 3) / 2), state: input.landmarks ? 'tracking' : 'idle', timings: { retargetMs: 0, flowMs: 0, inferenceMs: 0 } };
  }

  recalibrate(): void {}

  close(): void {
    this.closed = true;
  }
}

class FakeEncoder implements Encoder {
  keyframe = true;
  closed = false;
  requestKeyframe(): void {
    this.keyframe = true;
  }
  encode(): { data: Uint8Array; keyframe: boolean }[] {
    if (this.closed) throw new Error('used after close');
    const { keyframe } = this;
    this.keyframe = false;
    return [{ data: new Uint8Array(10), keyframe }];
  }
  close(): void {
    this.closed = true;
  }
}

describe('LiveSession', () => {
  let renderer: FakeRenderer;
  let encoders: { encoder: FakeEncoder; width: number }[];
  let frames: SynthesizedFrame[];
  let states: string[];
  let faults: AppError[];
  let session: LiveSession;
  const landmarkEncoder = new LandmarkEncoder();
  const packet = (sequence: number, capturedMs = serverNow() - 20) => landmarkEncoder.encode({ points: points(), capturedMs, confidence: 0.9, sequence, sentMs: capturedMs + 5 }).slice();

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'hrtime'] });
    renderer = new FakeRenderer();
    [encoders, frames, states, faults] = [[], [], [], []];
    session = new LiveSession({
      renderer,
      video: { codec: 'vp8', fps: 30, bitrateBps: 1 },
      deadlineMs: 200,
      createEncoder: ({ width }) => {
        const encoder = new FakeEncoder();
        encoders.push({ encoder, width });
        return encoder;
      },
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
    const stamps = [trace.capturedMs, trace.landmarksSentMs, trace.arrivedMs, trace.synthesisStartMs, trace.synthesisEndMs, trace.encodedMs];
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
    expect(await sequenceSeen(10_001)).toBe(true);
    expect(await sequenceSeen(3)).toBe(true);
  });

  it('counts malformed packets and goes on', async () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(3), new Uint8Array(900).fill(255)]) {
      session.push(bytes, serverNow());
      await vi.advanceTimersByTimeAsync(60);
    }
    expect(session.malformedPackets).toBe(3);
    expect(faults).toEqual([]);
    expect(frames.length).toBeGreaterThan(2);
  });

  it('bounds what a client with a wrong clock can do to the time line', async () => {
    await vi.advanceTimersByTimeAsync(50);
    for (const [sequence, offset] of [[1, -1e9], [2, 1e9], [3, 0]] as const) {
      session.push(packet(sequence, serverNow() + offset), serverNow());
      await vi.advanceTimersByTimeAsync(60);
    }
    const times = frames.map(({ capturedMs }) => capturedMs);
    expect([...times].sort((a, b) => a - b)).toEqual(times);
    expect(Math.abs(times.at(-1)! - serverNow())).toBeLessThan(3000);
  });

  it('reports a frame that passes its deadline, and a renderer that fails', async () => {
    renderer.takesMs = 1000;
    await vi.advanceTimersByTimeAsync(400);
    expect(faults[0]?.code).toBe('deadline');
    renderer.takesMs = 1;
    renderer.failure = new Error('boom');
    await vi.advanceTimersByTimeAsync(1500);
    expect(faults.at(-1)?.code).toBe('synthesis-failed');
  });

  it('switches the person in the running stream and ends the old renderer after its last frame', async () => {
    await vi.advanceTimersByTimeAsync(120);
    const next = new FakeRenderer(128);
    session.switchRenderer(next);
    await vi.advanceTimersByTimeAsync(200);
    expect(renderer.closed).toBe(true);
    expect(next.inputs.length).toBeGreaterThan(1);
    expect(encoders.map(({ width }) => width)).toEqual([64, 128]);
    expect(encoders[0]!.encoder.closed).toBe(true);
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
});
