/** A live avatar: landmark packets in, a video track in the room out. One per participant who shows one. */
import type { AppError, DriveState, ExpressionRequest, FrameTrace } from '../../client/src/protocol/index.ts';
import { serverNow } from '../base/clock.ts';
import { endAll } from '../base/end-all.ts';
import { Emitter } from '../base/Emitter.ts';
import type { AvatarTrackPort, CallMetricsPort, RoomMediaPort, SynthesisPort, SentReport, SynthesisSessionPort } from './ports.ts';

/** Stage times are sent in small batches: four messages a second, not thirty. */
const TRACE_FLUSH_MS = 250;
/** How many frames have left is told with every second batch. */
const COUNT_EVERY = 2;
/** Keeps a flush well below the protocol's limits even if a timer is late. */
const MAX_TRACES = 60;

export interface AvatarOptions {
  media: RoomMediaPort;
  synthesis: SynthesisPort;
  metrics: CallMetricsPort;
  participantId: string;
  /** Whose it is. */
  user: string;
  avatarId: string;
  model: string;
}

export class Avatar {
  readonly events = new Emitter<{
    state: DriveState;
    rate: number;
    traces: FrameTrace[];
    sent: number;
    failed: AppError;
    closed: undefined;
  }>();
  readonly #session: SynthesisSessionPort;
  readonly #track: AvatarTrackPort;
  readonly #metrics: CallMetricsPort;
  readonly #flushTimer: NodeJS.Timeout;
  readonly #watches = new Set<symbol>();
  #avatarId: string;
  #model: string;
  #traces: FrameTrace[] = [];
  #sent = 0;
  #flushes = 0;
  #state: DriveState = 'idle';
  /** Frames a second that it is rendered at: now, and as last told. */
  #rate = 0;
  #toldRate = 0;
  /** Whether each frame is sent twice. */
  #repeats = false;
  #closed = false;

  static async create(options: AvatarOptions): Promise<Avatar> {
    const { media, synthesis, participantId, user, avatarId, model } = options;
    const track = await media.createAvatarTrack({ cname: `avatar-${participantId}` });
    try {
      return new Avatar(await synthesis.open({ avatarId, model, output: track.output, user }), track, options);
    } catch (error) {
      endAll(() => track.close());
      throw error;
    }
  }

  private constructor(session: SynthesisSessionPort, track: AvatarTrackPort, options: AvatarOptions) {
    this.#session = session;
    this.#track = track;
    this.#metrics = options.metrics;
    this.#avatarId = options.avatarId;
    this.#model = options.model;
    session.onSent((report) => this.#handleSent(report));
    session.onFailed((error) => this.events.emit('failed', error));
    session.onState((state) => this.#handleState(state));
    session.onRate((rate) => (this.#rate = Math.round(rate)));
    track.onKeyframeRequest(() => this.#requestKeyframe('feedback'));
    track.onRepeats((on) => this.#setRepeats(on));
    this.#flushTimer = setInterval(() => this.#flush(), TRACE_FLUSH_MS);
    this.#metrics.avatarStarted();
  }

  get producerId(): string {
    return this.#track.producerId;
  }

  get info(): { id: string; model: string; synthetic: true } {
    return { id: this.#avatarId, model: this.#model, synthetic: true };
  }

  /** Whole frames a second that it is rendered at; 0 while nobody watches. */
  get framesPerSecond(): number {
    return this.#rate;
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

  express(request: ExpressionRequest): void {
    if (!this.#closed) this.#session.express(request);
  }

  setExpressiveness(share: number): void {
    if (!this.#closed) this.#session.setExpressiveness(share);
  }

  /**
   * For as long as anybody or anything watches the video (a viewer, and later a recording or another output), it is rendered.
   * @param keyframe whether the new one may cost the others a keyframe, rather than wait for the next
   * @returns how to stop watching
   */
  watch({ keyframe }: { keyframe: boolean }): () => void {
    const watch = Symbol('watch');
    const first = this.#watches.size === 0;
    this.#watches.add(watch);
    if (first && !this.#closed) {
      this.#metrics.keyframeRequested('viewer');
      this.#session.setWatched(true); // begins with a keyframe
    } else if (keyframe) {
      this.#requestKeyframe('viewer');
    }
    return () => this.#unwatch(watch);
  }

  #unwatch(watch: symbol): void {
    if (this.#watches.delete(watch) && this.#watches.size === 0 && !this.#closed) this.#session.setWatched(false);
  }

  /** The session spaces keyframes out, whatever viewers ask for. */
  #requestKeyframe(reason: 'feedback' | 'switch' | 'viewer'): void {
    this.#metrics.keyframeRequested(reason);
    if (!this.#closed) this.#session.requestKeyframe();
  }

  #setRepeats(on: boolean): void {
    if (on === this.#repeats) return;
    this.#repeats = on;
    this.#session.setRepeats(on);
    this.#metrics.repeatsChanged(on);
  }

  #handleSent({ frames, keyframeRequests }: SentReport): void {
    if (this.#closed) return;
    for (let n = 0; n < keyframeRequests; n++) this.#metrics.keyframeRequested('feedback');
    for (const frame of frames) {
      this.#metrics.frameSent(frame);
      this.#sent++;
      if (this.#traces.length < MAX_TRACES) this.#traces.push(frame.trace);
    }
  }

  #handleState(state: DriveState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.events.emit('state', state);
  }

  /** A rate that comes and goes within the interval is told to nobody. */
  #flush(): void {
    this.#flushTraces();
    this.#flushCount();
    if (this.#rate === this.#toldRate) return;
    this.#toldRate = this.#rate;
    this.events.emit('rate', this.#rate);
  }

  #flushCount(): void {
    if (++this.#flushes % COUNT_EVERY !== 0 || this.#sent === 0) return;
    const sent = this.#sent;
    this.#sent = 0;
    this.events.emit('sent', sent);
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
    this.#setRepeats(false);
    endAll(
      () => this.#session.close(),
      () => this.#track.close(),
    );
    this.#metrics.avatarStopped();
    this.events.emit('closed', undefined);
    this.events.removeAll();
  }
}
