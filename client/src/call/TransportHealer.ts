import { AppError } from '../protocol/index.ts';

export interface TransportHealerOptions {
  restartIce: () => Promise<void>;
  /** Restarting did not help; the transport has to be built anew. */
  failed: (error: AppError) => void;
  /** 'disconnected' often fixes itself within this time. */
  graceMs?: number;
  /** A first connection that takes longer is treated as failed; browsers themselves wait half a minute. */
  connectMs?: number;
  /** How long one restart may take until the next is tried. */
  attemptMs?: number;
  attempts?: number;
}

/**
 * Watches one transport's connection state: a short 'disconnected' is waited out, then ICE is restarted a few times, then it
 * gives up. While the signalling link is down it holds still, because nothing can be asked of the server: `retry` goes on.
 */
export class TransportHealer {
  readonly #options: Required<TransportHealerOptions>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #ailing = false;
  #closed = false;

  constructor(options: TransportHealerOptions) {
    this.#options = { graceMs: 1500, connectMs: 8000, attemptMs: 4000, attempts: 3, ...options };
  }

  handleState(state: string): void {
    if (this.#closed) return;
    if (state === 'connected') this.#recovered();
    else if (state === 'failed') this.#begin(0);
    else if (state === 'disconnected') this.#begin(this.#options.graceMs);
    else if (state === 'connecting' && !this.#ailing) this.#begin(this.#options.connectMs);
  }

  retry(): void {
    if (!this.#ailing || this.#closed) return;
    this.#attempt = 0;
    this.#schedule(0);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #begin(delayMs: number): void {
    // A 'failed' after 'disconnected' must not wait for the grace time of the latter.
    if (this.#ailing && (delayMs > 0 || this.#attempt > 0)) return;
    this.#ailing = true;
    this.#schedule(delayMs);
  }

  #recovered(): void {
    this.#ailing = false;
    this.#attempt = 0;
    clearTimeout(this.#timer);
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#restart(), delayMs);
  }

  async #restart(): Promise<void> {
    if (this.#closed) return;
    if (this.#attempt++ >= this.#options.attempts) return this.#giveUp();
    this.#schedule(this.#options.attemptMs);
    try {
      await this.#options.restartIce();
    } catch (thrown) {
      const error = AppError.from(thrown);
      // The server forgot the transport: no restart will bring it back.
      if (error.code === 'transport-not-found') this.#giveUp(error);
      // Nothing can be asked of the server now; `retry` goes on when the link is back.
      else if (error.code === 'server-unreachable') clearTimeout(this.#timer);
    }
  }

  #giveUp(cause?: AppError): void {
    if (this.#closed) return;
    this.close();
    this.#options.failed(new AppError('transport-failed', undefined, { cause }));
  }
}
