/** A live avatar as the call sees it. It stays the same while the process behind it is replaced. */
import { randomUUID } from 'node:crypto';
import { AppError, type DriveState, type ExpressionRequest } from '../../../client/src/protocol/index.ts';
import { serverNow } from '../../base/clock.ts';
import type { RtpOutput, SentFrame, SentReport, SynthesisSessionPort } from '../../call/ports.ts';
import type { RtpState } from '../../video/RtpSender.ts';
import type { AvatarSource, SentMessage, VideoSettings } from './messages.ts';
import { sentFrames } from './sent-frames.ts';
import type { SynthesisProcessPort } from './SynthesisProcess.ts';

const FAULT_MEMORY_MS = 60_000;
const OPEN_TIMEOUT_MS = 10_000;
/** A burst after a stall is thinned out here, before it costs anything: no two packets closer than this. */
const MIN_PACKET_SPACING_MS = 6;
/** Nobody watches: as much as following the driver takes. */
const UNWATCHED_PACKET_SPACING_MS = 60;
/**
 * What a process may have sent after its last report: another one leaves these numbers out. Receivers take the gap for a
 * loss, which the new process's first frame, a keyframe, repairs; a number used twice would be dropped.
 */
const UNREPORTED = { packets: 64, pictures: 16 };

export interface PooledSessionOptions {
  /** Who shares the machine with the others through it. */
  user: string;
  source: AvatarSource;
  video: VideoSettings;
  output: RtpOutput;
  /** avatar id -> weights, for `switchAvatar`. */
  resolve(avatarId: string, model: string): Promise<AvatarSource>;
  onClosed(session: PooledSession): void;
  /** Others watch it now, or nobody does any more. */
  onWatched(session: PooledSession): void;
  /** Its process has sent these. */
  onRendered(session: PooledSession, frames: readonly SentFrame[]): void;
  /** It left its process by itself, and is to be opened again. */
  onLost(session: PooledSession): void;
  /** A packet that goes to no process: there is none, or a newer one came too soon after. */
  onDropped(outcome: 'superseded' | 'unclaimed'): void;
}

export class PooledSession implements SynthesisSessionPort {
  readonly id = randomUUID();
  readonly user: string;
  readonly openedMs = serverNow();
  readonly #options: PooledSessionOptions;
  #source: AvatarSource;
  #process: SynthesisProcessPort | null = null;
  #opening: SynthesisProcessPort | null = null;
  /** What was learned of the driver so far: another process need not calibrate. Kept in memory only, and as long as the session. */
  #driverNeutral: Float32Array | null = null;
  /** Openings and switches are done one after the other, so that what is shown is what was asked for last. */
  #turn: Promise<unknown> = Promise.resolve();
  #turns = 0;
  /** Where the RTP stream stands. */
  #rtp: RtpState | null = null;
  #sentListener: (report: SentReport) => void = () => undefined;
  #stateListener: (state: DriveState) => void = () => undefined;
  #lastSentMs = 0;
  #newest: { packet: Uint8Array; arrivedMs: number } | null = null;
  #timer: NodeJS.Timeout | undefined;
  #watched = false;
  /** Frames a second; 0 while nobody watches. */
  #pace = 0;
  #expressiveness = 1;
  #rateListener: (framesPerSecond: number) => void = () => undefined;
  #repeats = false;
  #faults = 0;
  #lastFaultMs = -Infinity;
  #failedListener: (error: AppError) => void = () => undefined;
  #closed = false;

  constructor(options: PooledSessionOptions) {
    this.#options = options;
    this.#source = options.source;
    this.user = options.user;
  }

  get model(): string {
    return this.#source.model;
  }

  get watched(): boolean {
    return this.#watched;
  }

  /** Frames a second; 0: it is not rendered. */
  get pace(): number {
    return this.#pace;
  }

  /** Open in a process, and not only about to be. */
  get open(): boolean {
    return this.#process !== null;
  }

  /** Open, and neither about to be opened elsewhere nor switched. */
  get settled(): boolean {
    return this.#process !== null && this.#turns === 0;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether that process is the one to show it: others may still send what nobody wants any more. */
  isIn(process: SynthesisProcessPort): boolean {
    return process === this.#process || process === this.#opening;
  }

  /** Opens the session in a process: the first time, and again after that process died. @throws AppError: as the worker refuses; `deadline`; `closed`. */
  openIn(process: SynthesisProcessPort): Promise<void> {
    this.#opening = process;
    return this.#inTurn(() => this.#openIn(process));
  }

  async #openIn(process: SynthesisProcessPort): Promise<void> {
    try {
      if (this.#closed) throw new AppError('closed', 'The avatar has left');
      const { video, output } = this.#options;
      const [pace, repeats] = [this.#pace, this.#repeats];
      const request = {
        sessionId: this.id,
        source: this.#source,
        video,
        pace,
        output,
        resume: this.#resumption(),
        repeats,
        driverNeutral: this.#driverNeutral,
        expressiveness: this.#expressiveness,
      };
      await process.call('open', request, OPEN_TIMEOUT_MS);
      if (this.#closed) throw new AppError('closed', 'The avatar has left');
      if (!process.alive) throw new AppError('synthesis-failed', 'The synthesis process ended');
      this.#process = process;
      if (this.#pace !== pace) this.#sendPace();
      if (this.#repeats !== repeats) this.setRepeats(this.#repeats);
    } catch (error) {
      // It may still succeed over there, after its deadline: then nobody wants it any more.
      process.send({ type: 'close', sessionId: this.id });
      throw error;
    } finally {
      this.#opening = null;
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#turns++;
    const done = this.#turn.then(work).finally(() => this.#turns--);
    this.#turn = done.catch(() => undefined); // told to whoever asked; the next one's turn comes all the same
    return done;
  }

  /** @returns how many, of which each came less than a minute after the one before */
  countFault(nowMs: number): number {
    this.#faults = nowMs - this.#lastFaultMs > FAULT_MEMORY_MS ? 1 : this.#faults + 1;
    this.#lastFaultMs = nowMs;
    return this.#faults;
  }

  /** Closes it for good, and says why. */
  fail(error: AppError): void {
    if (this.#closed) return;
    this.close();
    this.#failedListener(error);
  }

  onFailed(listener: (error: AppError) => void): void {
    this.#failedListener = listener;
  }

  /** The process has died; packets go nowhere until the next `openIn`. */
  detach(): void {
    this.#process = null;
  }

  #resumption(): RtpState | null {
    const rtp = this.#rtp;
    if (!rtp) return null;
    return { ...rtp, sequence: (rtp.sequence + UNREPORTED.packets) & 0xffff, pictureId: (rtp.pictureId + UNREPORTED.pictures) & 0x7fff };
  }

  handleSent({ state, keyframeRequests, frames }: SentMessage): void {
    this.#rtp = state;
    if (this.#closed) return;
    const sent = sentFrames(frames);
    this.#options.onRendered(this, sent);
    this.#sentListener({ keyframeRequests, frames: sent });
  }

  handleState(state: DriveState): void {
    if (!this.#closed) this.#stateListener(state);
  }

  handleNeutral(neutral: Float32Array): void {
    this.#driverNeutral = neutral;
  }

  onSent(listener: (report: SentReport) => void): void {
    this.#sentListener = listener;
  }

  onState(listener: (state: DriveState) => void): void {
    this.#stateListener = listener;
  }

  setWatched(watched: boolean): void {
    if (this.#closed || watched === this.#watched) return;
    this.#watched = watched;
    this.#options.onWatched(this);
  }

  /** How fast it is rendered from now on, frames a second; 0: not at all. */
  setPace(pace: number): void {
    if (this.#closed || pace === this.#pace) return;
    const idle = this.#pace === 0;
    this.#pace = pace;
    if (idle) this.#forwardNewest(); // so that the first frame shows it
    this.#sendPace();
    this.#rateListener(pace);
  }

  onRate(listener: (framesPerSecond: number) => void): void {
    this.#rateListener = listener;
  }

  #sendPace(): void {
    this.#process?.send({ type: 'pace', sessionId: this.id, framesPerSecond: this.#pace });
  }

  push(packet: Uint8Array, arrivedMs: number): void {
    if (this.#closed) return;
    if (!this.#process) return this.#options.onDropped('unclaimed');
    const spacingMs = this.#pace > 0 ? MIN_PACKET_SPACING_MS : UNWATCHED_PACKET_SPACING_MS;
    const waitMs = this.#lastSentMs + spacingMs - serverNow();
    if (waitMs <= 0 && !this.#newest) return this.#forward(packet, arrivedMs);
    if (this.#newest) this.#options.onDropped('superseded');
    // The caller's buffer is only lent: keep a copy of the newest.
    this.#newest = { packet: Uint8Array.from(packet), arrivedMs };
    this.#timer ??= setTimeout(() => this.#forwardNewest(), Math.max(1, waitMs));
  }

  #forwardNewest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const newest = this.#newest;
    this.#newest = null;
    if (newest) this.#forward(newest.packet, newest.arrivedMs);
  }

  #forward(packet: Uint8Array, arrivedMs: number): void {
    this.#lastSentMs = serverNow();
    this.#process?.pushLandmarks({ sessionId: this.id, packet, arrivedMs });
  }

  requestKeyframe(): void {
    this.#process?.send({ type: 'keyframe', sessionId: this.id });
  }

  setRepeats(on: boolean): void {
    this.#repeats = on;
    this.#process?.send({ type: 'repeats', sessionId: this.id, on });
  }

  recalibrate(): void {
    this.#driverNeutral = null;
    this.#process?.send({ type: 'recalibrate', sessionId: this.id });
  }

  express(expression: ExpressionRequest): void {
    this.#process?.send({ type: 'express', sessionId: this.id, expression });
  }

  setExpressiveness(share: number): void {
    this.#expressiveness = share;
    this.#process?.send({ type: 'expressiveness', sessionId: this.id, share });
  }

  async switchAvatar({ avatarId, model }: { avatarId: string; model: string }): Promise<void> {
    const source = await this.#options.resolve(avatarId, model);
    await this.#inTurn(() => this.#switchTo(source));
  }

  async #switchTo(source: AvatarSource): Promise<void> {
    if (this.#closed) throw new AppError('closed', 'The avatar has left');
    const process = this.#process;
    try {
      await process?.call('switch', { sessionId: this.id, source }, OPEN_TIMEOUT_MS);
    } catch (error) {
      if (process === this.#process && AppError.from(error).code === 'deadline') this.leave();
      throw error;
    }
    // Remembered only when it is known to work: a crash then reopens what was last shown.
    this.#source = source;
  }

  /** Ends it in its process, and has it opened again: another one is better, or what is shown over there is not known any more. */
  leave(): void {
    this.#process?.send({ type: 'close', sessionId: this.id });
    this.#process = null;
    if (!this.#closed) this.#options.onLost(this);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#process?.send({ type: 'close', sessionId: this.id });
    this.#process = null;
    this.#options.onClosed(this);
  }
}
