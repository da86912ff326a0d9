/** A live avatar: landmark packets in, a video track in the room out. One per participant who shows one. */
import type { DriveState, FrameTrace } from '../../client/src/protocol/index.ts';
import { serverNow } from '../base/clock.ts';
import { Emitter } from '../base/Emitter.ts';
import type { AvatarTrackPort, CallMetricsPort, RoomMediaPort, SynthesisPort, SynthesisSessionPort, SynthesizedFrame } from './ports.ts';

/** Stage times are sent in small batches: four messages a second, not thirty. */
const TRACE_FLUSH_MS = 250;
/** Keeps a flush well below the protocol's limits even if a timer is late. */
const MAX_TRACES = 60;
const KEYFRAME_SPACING_MS = 300;

export interface AvatarOptions {
  media: RoomMediaPort;
  synthesis: SynthesisPort;
  metrics: CallMetricsPort;
  participantId: string;
  avatarId: string;
  model: string;
}

export class Avatar {
  readonly events = new Emitter<{ state: DriveState; traces: FrameTrace[]; closed: undefined }>();
  readonly #session: SynthesisSessionPort;
  readonly #track: AvatarTrackPort;
  readonly #metrics: CallMetricsPort;
  readonly #flushTimer: NodeJS.Timeout;
  #avatarId: string;
  #model: string;
  #traces: FrameTrace[] = [];
  #state: DriveState = 'idle';
  #lastKeyframeMs = 0;
  #keyframeTimer: NodeJS.Timeout | undefined;
  #closed = false;

  static async create(options: AvatarOptions): Promise<Avatar> {
    const { media, synthesis, participantId, avatarId, model } = options;
    const session = await synthesis.open({ avatarId, model });
    try {
      const track = await media.createAvatarTrack({ cname: `avatar-${participantId}` });
      return new Avatar(session, track, options);
    } catch (error) {
      session.close();
      throw error;
    }
  }

  private constructor(session: SynthesisSessionPort, track: AvatarTrackPort, options: AvatarOptions) {
    this.#session = session;
    this.#track = track;
    this.#metrics = options.metrics;
    this.#avatarId = options.avatarId;
    this.#model = options.model;
    session.onFrame((frame) => this.#handleFrame(frame));
    session.onState((state) => this.#handleState(state));
    track.onKeyframeRequest(() => this.#requestKeyframe('feedback'));
    this.#flushTimer = setInterval(() => this.#flushTraces(), TRACE_FLUSH_MS);
    this.#metrics.avatarStarted();
  }

  get producerId(): string {
    return this.#track.producerId;
  }

  get info(): { id: string; model: string; synthetic: true } {
    return { id: this.#avatarId, model: this.#model, synthetic: true };
  }

  get state(): DriveState {
    return this.#state;
  }

  handleLandmarks(packet: Uint8Array): void {
    if (this.#closed) return;
    this.#metrics.landmarkPacket(packet.length);
    this.#session.push(packet, serverNow());
  }

  /** Another person into the running stream: no new track, no renegotiation. */
  async switchTo({ avatarId, model }: { avatarId: string; model: string }): Promise<void> {
    await this.#session.switchAvatar({ avatarId, model });
    this.#avatarId = avatarId;
    this.#model = model;
    this.#requestKeyframe('switch');
  }

  recalibrate(): void {
    this.#session.recalibrate();
  }

  /** A newcomer watches: it must not wait for the next change. */
  handleViewer(): void {
    this.#requestKeyframe('viewer');
  }

  /** Spaced out: whatever viewers ask for, the others must not get nothing but keyframes. One that comes too soon is kept for later. */
  #requestKeyframe(reason: 'feedback' | 'switch' | 'viewer'): void {
    this.#metrics.keyframeRequested(reason);
    if (this.#keyframeTimer || this.#closed) return;
    const waitMs = this.#lastKeyframeMs + KEYFRAME_SPACING_MS - serverNow();
    if (waitMs <= 0) return this.#sendKeyframeRequest();
    this.#keyframeTimer = setTimeout(() => {
      this.#keyframeTimer = undefined;
      this.#sendKeyframeRequest();
    }, waitMs);
  }

  #sendKeyframeRequest(): void {
    this.#lastKeyframeMs = serverNow();
    this.#session.requestKeyframe();
  }

  #handleFrame(frame: SynthesizedFrame): void {
    if (this.#closed) return;
    const rtpTimestamp = this.#track.send(frame);
    const trace: FrameTrace = { ...frame.trace, rtpTimestamp, sentMs: serverNow() };
    this.#metrics.frameSent({ bytes: frame.data.length, keyframe: frame.keyframe, trace });
    if (this.#traces.length < MAX_TRACES) this.#traces.push(trace);
  }

  #handleState(state: DriveState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.events.emit('state', state);
  }

  #flushTraces(): void {
    if (this.#traces.length === 0) return;
    const traces = this.#traces;
    this.#traces = [];
    this.events.emit('traces', traces);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#flushTimer);
    clearTimeout(this.#keyframeTimer);
    this.#session.close();
    this.#track.close();
    this.#metrics.avatarStopped();
    this.events.emit('closed', undefined);
    this.events.removeAll();
  }
}
