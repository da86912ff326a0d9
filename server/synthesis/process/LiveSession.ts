/** The worker's side of one live avatar: newest landmark packet -> picture -> encoded frame, on its own pace. */
import { AppError, type DriveState, type ExpressionRequest } from '../../../client/src/protocol/index.ts';
import type { SynthesizedFrame } from '../../call/ports.ts';
import { serverNow } from '../../base/clock.ts';
import type { EnrolledAvatar } from '../model/types.ts';
import type { RenderedFrame, RenderInput } from '../frame/types.ts';
import type { PacketCounts, VideoSettings } from './messages.ts';
import { FramePace } from './FramePace.ts';
import { PacketIntake, type ArrivedLandmarks } from './PacketIntake.ts';

/** What the session needs of a renderer: `AvatarSession` in production. */
export interface Renderer {
  readonly size: number;
  /** The driver's face at rest as learned so far, or null. */
  readonly driverNeutral: Float32Array | null;
  /** Whether `switchAvatar` can show that one. */
  takes(avatar: EnrolledAvatar): boolean;
  switchAvatar(avatar: EnrolledAvatar): void;
  render(input: RenderInput): Promise<RenderedFrame>;
  /** Follows the driver without making a picture; the next one shows the face where it then is. */
  follow(input: RenderInput): DriveState;
  recalibrate(): void;
  express(request: ExpressionRequest): void;
  setExpressiveness(share: number): void;
  close(): void;
}

export interface Encoder {
  requestKeyframe(): void;
  encode(i420: Uint8Array, timeMs: number): { data: Uint8Array; keyframe: boolean }[];
  close(): void;
}

export interface LiveSessionOptions {
  renderer: Renderer;
  /** For an avatar that the renderer does not take. */
  openRenderer(avatar: EnrolledAvatar, driverNeutral: Float32Array | null): Promise<Renderer>;
  createEncoder(options: VideoSettings & { width: number; height: number }): Encoder;
  video: VideoSettings;
  /** Share of the driver's expression that is transferred at the beginning; 1 unless given. */
  expressiveness?: number;
  /** Frames a second, `video.fps` at most; 0 while nobody watches. */
  pace: number;
  onFrame(frame: SynthesizedFrame): void;
  onState(state: DriveState): void;
  /** The driver's face at rest, now and then while it is refined. */
  onNeutral(neutral: Float32Array): void;
  /** A packet that is not rendered. */
  onDropped(reason: keyof PacketCounts): void;
  /** Frames of one process are made one after the other: a graph holds its thread anyway. Tests may leave it out. */
  inTurn?(work: () => Promise<void>): Promise<void>;
  /** Inference or encoding failed. The session makes no more frames. */
  onFault(error: AppError): void;
}

const NEUTRAL_INTERVAL_MS = 2000;
/** Whatever viewers ask for, the others must not get nothing but keyframes. A request that comes too soon waits. */
const KEYFRAME_SPACING_MS = 300;

export class LiveSession {
  readonly #options: LiveSessionOptions;
  readonly #packets: PacketIntake;
  readonly #pace: FramePace;
  /** What waits for the end of the frame in the making. */
  readonly #between: (() => void)[] = [];
  #renderer: Renderer;
  #encoder: Encoder;
  #busy = false;
  #timer: NodeJS.Timeout | undefined;
  #lastTimeMs = 0;
  /** The next frame is a viewer's first. */
  #waking = false;
  #keyframeWanted = false;
  #lastKeyframeMs = -Infinity;
  #state: DriveState | null = null;
  #neutralMs = -Infinity;
  #expressiveness: number;
  #closed = false;
  #failed = false;

  constructor(options: LiveSessionOptions) {
    this.#options = options;
    this.#packets = new PacketIntake(options.onDropped);
    this.#renderer = options.renderer;
    this.#expressiveness = options.expressiveness ?? 1;
    this.#renderer.setExpressiveness(this.#expressiveness);
    this.#encoder = this.#createEncoder(options.renderer.size);
    this.#pace = new FramePace(options.video.fps, options.pace);
    this.#schedule(0);
  }

  /** Latest wins: a packet that was not rendered yet is replaced unseen. */
  push(packet: Uint8Array, arrivedMs: number): void {
    this.#packets.push(packet, arrivedMs);
    if (this.#busy) return; // taken as soon as the frame in the making is done
    const waitMs = this.#pace.earliestMs - serverNow();
    if (waitMs <= 0) this.#step();
    else this.#schedule(waitMs);
  }

  /** Frames a second from now on. At 0 the session only follows its driver; the first frame after that comes at once and is a keyframe. */
  setPace(fps: number): void {
    const { idle } = this.#pace;
    this.#pace.set(fps);
    this.#waking = fps > 0 && (idle || this.#waking);
    if (this.#busy) return; // scheduled when the frame in the making is done
    if (this.#waking) this.#step();
    else this.#scheduleNext();
  }

  /** With the next frame, but not within 300 ms of the last keyframe. */
  requestKeyframe(): void {
    this.#keyframeWanted = true;
  }

  recalibrate(): void {
    this.#renderer.recalibrate();
    this.#neutralMs = -Infinity; // the new one is told as soon as it is there
  }

  express(request: ExpressionRequest): void {
    this.#renderer.express(request);
  }

  setExpressiveness(share: number): void {
    this.#expressiveness = share;
    this.#renderer.setExpressiveness(share);
  }

  /** Another person from the next frame on, with what was learned of the driver; cross-faded where model and size stay. One call at a time. */
  async switchAvatar(avatar: EnrolledAvatar): Promise<void> {
    if (this.#renderer.takes(avatar)) return this.#betweenFrames(() => this.#renderer.switchAvatar(avatar));
    const next = await this.#options.openRenderer(avatar, this.#renderer.driverNeutral);
    try {
      await this.#betweenFrames(() => this.#exchange(next));
    } catch (error) {
      next.close();
      throw error;
    }
  }

  #exchange(next: Renderer): void {
    const previous = this.#renderer;
    if (next.size !== previous.size) {
      const encoder = this.#createEncoder(next.size);
      this.#encoder.close();
      this.#encoder = encoder;
    }
    this.#renderer = next;
    next.setExpressiveness(this.#expressiveness);
    this.#encoder.requestKeyframe();
    previous.close();
  }

  /** At once, or after the frame in the making. @throws AppError `closed`; what `work` throws. */
  #betweenFrames(work: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          if (this.#closed) throw new AppError('closed', 'The session has ended');
          resolve(work());
        } catch (error) {
          reject(error as Error);
        }
      };
      if (this.#busy) this.#between.push(run);
      else run();
    });
  }

  #createEncoder(size: number): Encoder {
    return this.#options.createEncoder({ ...this.#options.video, width: size, height: size });
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#closed && !this.#failed) this.#timer = setTimeout(() => this.#step(), delayMs);
  }

  #scheduleNext(): void {
    this.#schedule(Math.max(0, (this.#packets.waiting ? this.#pace.earliestMs : this.#pace.latestMs) - serverNow()));
  }

  #step(): void {
    if (this.#busy || this.#closed || this.#failed) return;
    if (this.#pace.idle) return this.#follow();
    this.#busy = true;
    const inTurn = this.#options.inTurn ?? ((work) => work());
    void inTurn(async () => (this.#closed ? undefined : this.#renderOnce()))
      .catch((error: unknown) => this.#fault(error))
      .finally(() => {
        this.#busy = false;
        for (const work of this.#between.splice(0)) work();
        if (this.#waking) this.#step();
        else this.#scheduleNext();
      });
  }

  #fault(error: unknown): void {
    if (this.#closed) return;
    this.#failed = true;
    this.#options.onFault(error instanceof AppError ? error : new AppError('synthesis-failed', undefined, { cause: error }));
  }

  /** What is to be shown next, of the newest packet if there is one. */
  #nextInput(startMs: number): { landmarks: ArrivedLandmarks | null; input: RenderInput } {
    const landmarks = this.#packets.take();
    const observation = landmarks?.decoded ?? null;
    this.#pace.begin(startMs, landmarks !== null);
    // Time never runs backwards for the renderer, whatever a client stamps.
    const timeMs = Math.max(this.#lastTimeMs + 1, observation?.capturedMs ?? startMs - this.#packets.latencyMs);
    this.#lastTimeMs = timeMs;
    return { landmarks, input: { landmarks: observation && observation.confidence > 0 ? observation : null, timeMs } };
  }

  /** Nobody watches: filters, calibration and state stay as fresh as the driver's packets. */
  #follow(): void {
    const startMs = serverNow();
    try {
      const { landmarks, input } = this.#nextInput(startMs);
      this.#reportState(this.#renderer.follow(input));
      if (landmarks) this.#reportNeutral(startMs);
      this.#scheduleNext();
    } catch (error) {
      this.#fault(error);
    }
  }

  async #renderOnce(): Promise<void> {
    const startMs = serverNow();
    const { landmarks, input } = this.#nextInput(startMs);
    const { timeMs } = input;
    const rendered = await this.#renderer.render(input);
    if (this.#closed) return;
    const synthesisEndMs = serverNow();
    this.#reportState(rendered.state);
    if (this.#waking || (this.#keyframeWanted && startMs - this.#lastKeyframeMs >= KEYFRAME_SPACING_MS)) {
      this.#waking = this.#keyframeWanted = false;
      this.#encoder.requestKeyframe();
    }
    for (const { data, keyframe } of this.#encoder.encode(rendered.i420, timeMs)) {
      if (keyframe) this.#lastKeyframeMs = startMs;
      const trace = {
        capturedMs: timeMs,
        landmarksSentMs: landmarks?.decoded.sentMs ?? startMs,
        arrivedMs: landmarks?.arrivedMs ?? startMs,
        synthesisStartMs: startMs,
        synthesisEndMs,
        encodedMs: serverNow(),
      };
      this.#options.onFrame({ data, keyframe, capturedMs: timeMs, trace });
    }
    if (landmarks) this.#reportNeutral(startMs);
  }

  #reportNeutral(nowMs: number): void {
    if (nowMs - this.#neutralMs < NEUTRAL_INTERVAL_MS) return;
    const neutral = this.#renderer.driverNeutral;
    if (!neutral) return;
    this.#neutralMs = nowMs;
    this.#options.onNeutral(neutral);
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
    if (this.#busy) this.#between.push(() => this.#renderer.close());
    else this.#renderer.close();
  }
}
