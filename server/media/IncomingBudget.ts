/**
 * Holds a client to its incoming bit rate. WebRTC only asks senders to keep to a rate; a hostile one does not, and a router passes all of it
 * on to everybody. So what arrives is counted, and who sends more than the rate allows is cut off.
 */

export interface IncomingBudgetOptions {
  bitrateBps: number;
  /** Bytes received so far. */
  received: () => Promise<number>;
  /** Told once a second what has come since. */
  onReceived?: (bytes: number) => void;
  onExceeded: () => void;
}

const INTERVAL_MS = 1000;
/** Seconds' worth of the rate that may come in a burst: what a network held back for a while arrives at once. */
const BURST_S = 3;

export class IncomingBudget {
  readonly #options: IncomingBudgetOptions;
  readonly #bytesPerMs: number;
  #timer: NodeJS.Timeout | undefined;
  #allowance: number;
  #countedBytes = 0;
  #countedMs = performance.now();
  #closed = false;

  constructor(options: IncomingBudgetOptions) {
    this.#options = options;
    this.#bytesPerMs = options.bitrateBps / 8 / 1000;
    this.#allowance = this.#burst;
    this.#later();
  }

  get #burst(): number {
    return this.#bytesPerMs * BURST_S * 1000;
  }

  #later(): void {
    this.#timer = setTimeout(() => {
      // Without an answer the next one counts for both; an owner that has gone closes this.
      this.#options.received().then(
        (bytes) => this.#count(bytes),
        () => this.#closed || this.#later(),
      );
    }, INTERVAL_MS);
    this.#timer.unref();
  }

  #count(bytes: number): void {
    if (this.#closed) return;
    const nowMs = performance.now();
    this.#allowance = Math.min(this.#burst, this.#allowance + (nowMs - this.#countedMs) * this.#bytesPerMs) - (bytes - this.#countedBytes);
    const more = bytes - this.#countedBytes;
    this.#countedMs = nowMs;
    this.#countedBytes = bytes;
    this.#options.onReceived?.(more);
    if (this.#closed) return;
    if (this.#allowance >= 0) return this.#later();
    this.close();
    this.#options.onExceeded();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
