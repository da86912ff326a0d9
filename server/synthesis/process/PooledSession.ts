/** A live avatar as the call sees it. It stays the same while the process behind it is replaced. */
import { randomUUID } from 'node:crypto';
import type { DriveState } from '../../../client/src/protocol/index.ts';
import { serverNow } from '../../call/clock.ts';
import type { SynthesisSessionPort, SynthesizedFrame } from '../../call/ports.ts';
import type { AvatarSource, VideoSettings } from './messages.ts';
import type { SynthesisProcess } from './SynthesisProcess.ts';

const OPEN_TIMEOUT_MS = 10_000;
/** A burst after a stall is thinned out here, before it costs anything: no two packets closer than this. */
const MIN_PACKET_SPACING_MS = 6;

export interface PooledSessionOptions {
  source: AvatarSource;
  video: VideoSettings;
  /** avatar id -> weights, for `switchAvatar`. */
  resolve(avatarId: string, model: string): Promise<AvatarSource>;
  onClosed(session: PooledSession): void;
}

export class PooledSession implements SynthesisSessionPort {
  readonly id = randomUUID();
  readonly #options: PooledSessionOptions;
  #source: AvatarSource;
  #process: SynthesisProcess | null = null;
  #frameListener: (frame: SynthesizedFrame) => void = () => undefined;
  #stateListener: (state: DriveState) => void = () => undefined;
  #lastSentMs = 0;
  #newest: { packet: Uint8Array; arrivedMs: number } | null = null;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: PooledSessionOptions) {
    this.#options = options;
    this.#source = options.source;
  }

  get model(): string {
    return this.#source.model;
  }

  get process(): SynthesisProcess | null {
    return this.#process;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Opens the session in a process: the first time, and again after that process died. */
  async openIn(process: SynthesisProcess): Promise<void> {
    await process.call('open', { sessionId: this.id, source: this.#source, video: this.#options.video }, OPEN_TIMEOUT_MS);
    if (this.#closed) process.send({ type: 'close', sessionId: this.id });
    else this.#process = process;
  }

  /** The process has died; packets go nowhere until the next `openIn`. */
  orphan(): void {
    this.#process = null;
  }

  handleFrame(frame: SynthesizedFrame): void {
    if (!this.#closed) this.#frameListener(frame);
  }

  handleState(state: DriveState): void {
    if (!this.#closed) this.#stateListener(state);
  }

  onFrame(listener: (frame: SynthesizedFrame) => void): void {
    this.#frameListener = listener;
  }

  onState(listener: (state: DriveState) => void): void {
    this.#stateListener = listener;
  }

  push(packet: Uint8Array, arrivedMs: number): void {
    if (this.#closed || !this.#process) return;
    const waitMs = this.#lastSentMs + MIN_PACKET_SPACING_MS - serverNow();
    if (waitMs <= 0 && !this.#newest) return this.#forward(packet, arrivedMs);
    // The caller's buffer is only lent: keep a copy of the newest.
    this.#newest = { packet: Uint8Array.from(packet), arrivedMs };
    this.#timer ??= setTimeout(() => this.#forwardNewest(), Math.max(1, waitMs));
  }

  #forwardNewest(): void {
    this.#timer = undefined;
    const newest = this.#newest;
    this.#newest = null;
    if (newest) this.#forward(newest.packet, newest.arrivedMs);
  }

  #forward(packet: Uint8Array, arrivedMs: number): void {
    this.#lastSentMs = serverNow();
    this.#process?.send({ type: 'landmarks', sessionId: this.id, packet, arrivedMs });
  }

  requestKeyframe(): void {
    this.#process?.send({ type: 'keyframe', sessionId: this.id });
  }

  recalibrate(): void {
    this.#process?.send({ type: 'recalibrate', sessionId: this.id });
  }

  async switchAvatar({ avatarId, model }: { avatarId: string; model: string }): Promise<void> {
    const source = await this.#options.resolve(avatarId, model);
    // Remembered only when it is known to work: a crash then reopens what was last shown.
    if (this.#process) await this.#process.call('switch', { sessionId: this.id, source }, OPEN_TIMEOUT_MS);
    this.#source = source;
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
