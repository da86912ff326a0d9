/** The worker's side of one live avatar: newest landmark packet -> picture -> encoded frame, on its own pace. */
import { AppError, type DriveState, LandmarkDecoder, type DecodedLandmarks } from '../../../client/src/protocol/index.ts';
import type { SynthesizedFrame } from '../../call/ports.ts';
import { serverNow } from '../../call/clock.ts';
import type { RenderedFrame, RenderInput } from '../types.ts';
import type { VideoSettings } from './messages.ts';

/** What the session needs of a renderer: `AvatarSession` in production. */
export interface Renderer {
  readonly size: number;
  render(input: RenderInput): Promise<RenderedFrame>;
  recalibrate(): void;
  close(): void;
}

export interface Encoder {
  requestKeyframe(): void;
  encode(i420: Uint8Array, timeMs: number): { data: Uint8Array; keyframe: boolean }[];
  close(): void;
}

export interface LiveSessionOptions {
  renderer: Renderer;
  createEncoder(options: VideoSettings & { width: number; height: number }): Encoder;
  video: VideoSettings;
  deadlineMs: number;
  onFrame(frame: SynthesizedFrame): void;
  onState(state: DriveState): void;
  /** Inference failed or passed its deadline: this process cannot be trusted any more. */
  onFault(error: AppError): void;
}

/** Without a packet for this many frame intervals the session goes on by itself. */
const SILENT_INTERVALS = 1.8;
/** Packets may come a little early; what comes much faster than the frame rate is skipped. */
const EARLY_SHARE = 0.7;
/** Until packets tell: tracking a picture and sending its landmarks. */
const EXPECTED_LATENCY_MS = 60;
const LATENCY_SMOOTHING = 0.05;
const REORDER_WINDOW = 256;

interface Pending {
  packet: Uint8Array;
  arrivedMs: number;
}

export class LiveSession {
  readonly #options: LiveSessionOptions;
  readonly #decoder = new LandmarkDecoder();
  readonly #intervalMs: number;
  /** Exchanged while one of their frames was in flight; closed after it. */
  readonly #retired: Renderer[] = [];
  #renderer: Renderer;
  #encoder: Encoder;
  #pending: Pending | null = null;
  #busy = false;
  #timer: NodeJS.Timeout | undefined;
  #lastFrameMs = 0;
  #lastSequence = -1;
  #lastTimeMs = 0;
  /** Whether the last frame had a packet. */
  #driven = false;
  /** Typical age of a packet's picture when it arrives: frames made without a packet are dated back by it. */
  #latencyMs = EXPECTED_LATENCY_MS;
  #state: DriveState | null = null;
  #malformed = 0;
  #closed = false;

  constructor(options: LiveSessionOptions) {
    this.#options = options;
    this.#renderer = options.renderer;
    this.#encoder = this.#createEncoder();
    this.#intervalMs = 1000 / options.video.fps;
    this.#schedule(0);
  }

  get malformedPackets(): number {
    return this.#malformed;
  }

  /** Latest wins: a packet that was not rendered yet is replaced unseen. */
  push(packet: Uint8Array, arrivedMs: number): void {
    this.#pending = { packet, arrivedMs };
    if (this.#busy) return; // taken as soon as the frame in the making is done
    const waitMs = this.#earliestMs() - serverNow();
    if (waitMs <= 0) this.#step();
    else this.#schedule(waitMs);
  }

  requestKeyframe(): void {
    this.#encoder.requestKeyframe();
  }

  recalibrate(): void {
    this.#renderer.recalibrate();
  }

  /** Another person's picture from the next frame on. */
  switchRenderer(renderer: Renderer): void {
    const previous = this.#renderer;
    this.#renderer = renderer;
    if (renderer.size !== previous.size) {
      this.#encoder.close();
      this.#encoder = this.#createEncoder();
    }
    this.#encoder.requestKeyframe();
    // A frame of the previous one may be in flight; it ends before its renderer does.
    if (this.#busy) this.#retired.push(previous);
    else previous.close();
  }

  #createEncoder(): Encoder {
    const { size } = this.#renderer;
    return this.#options.createEncoder({ ...this.#options.video, width: size, height: size });
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => this.#step(), delayMs);
  }

  #step(): void {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    void this.#renderOnce().finally(() => {
      this.#busy = false;
      for (const renderer of this.#retired.splice(0)) renderer.close();
      this.#schedule(Math.max(0, (this.#pending ? this.#earliestMs() : this.#latestMs()) - serverNow()));
    });
  }

  /** Before this the next frame would be faster than anybody shows. */
  #earliestMs(): number {
    return this.#lastFrameMs + this.#intervalMs * EARLY_SHARE;
  }

  /** After this the session goes on without a packet: a late one is waited for, an absent client is not. */
  #latestMs(): number {
    return this.#lastFrameMs + this.#intervalMs * (this.#driven ? SILENT_INTERVALS : 1);
  }

  async #renderOnce(): Promise<void> {
    const startMs = serverNow();
    const landmarks = this.#takeLandmarks();
    const arrivedMs = landmarks?.arrivedMs ?? startMs;
    const observation = landmarks?.decoded ?? null;
    this.#driven = landmarks !== null;
    // Time never runs backwards for the renderer, whatever a client stamps.
    const timeMs = Math.max(this.#lastTimeMs + 1, observation?.capturedMs ?? startMs - this.#latencyMs);
    this.#lastFrameMs = startMs;
    const rendered = await this.#renderInTime({ landmarks: observation && observation.confidence > 0 ? observation : null, timeMs });
    if (!rendered || this.#closed) return;
    this.#lastTimeMs = timeMs;
    const synthesisEndMs = serverNow();
    this.#reportState(rendered.state);
    for (const { data, keyframe } of this.#encoder.encode(rendered.i420, timeMs)) {
      const trace = { capturedMs: timeMs, landmarksSentMs: observation?.sentMs ?? arrivedMs, arrivedMs, synthesisStartMs: startMs, synthesisEndMs, encodedMs: serverNow() };
      this.#options.onFrame({ data, keyframe, capturedMs: timeMs, trace });
    }
  }

  #takeLandmarks(): { decoded: DecodedLandmarks; arrivedMs: number } | null {
    const pending = this.#pending;
    this.#pending = null;
    if (!pending) return null;
    const decoded = this.#decode(pending.packet);
    if (!decoded) return null;
    // Reordered packets are old news; a longer way backwards means that the client has started anew.
    const behind = (this.#lastSequence - decoded.sequence) & 0xffff;
    if (this.#lastSequence >= 0 && behind < REORDER_WINDOW) return null;
    this.#lastSequence = decoded.sequence;
    // A client whose clock is wrong must not throw lip sync off without bound.
    const age = Math.min(2000, Math.max(0, pending.arrivedMs - decoded.capturedMs));
    decoded.capturedMs = pending.arrivedMs - age;
    this.#latencyMs += LATENCY_SMOOTHING * (age - this.#latencyMs);
    return { decoded, arrivedMs: pending.arrivedMs };
  }

  #decode(packet: Uint8Array): DecodedLandmarks | null {
    try {
      return this.#decoder.decode(packet);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#malformed++; // counted, reported with the worker's statistics: never logged per packet
      return null;
    }
  }

  async #renderInTime(input: RenderInput): Promise<RenderedFrame | null> {
    const { deadlineMs, onFault } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new AppError('deadline', `One frame took longer than ${deadlineMs} ms`)), deadlineMs);
    });
    try {
      return await Promise.race([this.#renderer.render(input), deadline]);
    } catch (error) {
      if (!this.#closed) onFault(error instanceof AppError ? error : new AppError('synthesis-failed', undefined, { cause: error }));
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  #reportState(state: DriveState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onState(state);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#encoder.close();
    if (this.#busy) this.#retired.push(this.#renderer);
    else this.#renderer.close();
  }
}
