/**
 * Tells when a token is about to expire, and when it has. What is left is measured once, when the token is shown, and then runs by the
 * system's monotonic clock: a clock that is set ahead ends nobody's call. One that was set back makes the token last longer, as
 * everywhere else.
 */

export interface TokenTimerOptions {
  onExpiring: () => void;
  onExpired: () => void;
  /** ms since the Unix epoch. */
  now?: () => number;
}

export const WARNING_MS = 60_000;
/** Where less than that is left from the start, the warning comes so soon, or half way. */
const SOONEST_MS = 5000;
/** Timers cannot be set for longer than 24.8 days. */
const LONGEST_STEP_MS = 24 * 3600 * 1000;

export class TokenTimer {
  readonly #options: TokenTimerOptions;
  readonly #now: () => number;
  #expiresMs = Infinity;
  #endMs = Infinity;
  #warning: NodeJS.Timeout | undefined;
  #end: NodeJS.Timeout | undefined;

  constructor(options: TokenTimerOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** By the monotonic clock. */
  get remainingMs(): number {
    return this.#endMs - performance.now();
  }

  /** The token that counts from now on. A warning comes once for each time of expiry. */
  start(expiresMs: number): void {
    const isNew = expiresMs !== this.#expiresMs;
    const remainingMs = Math.max(0, expiresMs - this.#now());
    this.#expiresMs = expiresMs;
    this.#endMs = performance.now() + remainingMs;
    clearTimeout(this.#end);
    this.#end = undefined;
    this.#watch();
    if (!isNew) return;
    clearTimeout(this.#warning);
    this.#warnIn(Math.max(remainingMs - WARNING_MS, Math.min(SOONEST_MS, remainingMs / 2)));
  }

  stop(): void {
    clearTimeout(this.#warning);
    clearTimeout(this.#end);
  }

  #warnIn(delayMs: number): void {
    const stepMs = Math.min(delayMs, LONGEST_STEP_MS);
    this.#warning = setTimeout(() => (delayMs > stepMs ? this.#warnIn(delayMs - stepMs) : this.#options.onExpiring()), stepMs).unref();
  }

  #watch(): void {
    const leftMs = this.remainingMs;
    if (leftMs > 0) {
      this.#end = setTimeout(() => this.#watch(), Math.min(leftMs, LONGEST_STEP_MS)).unref();
      return;
    }
    // The clock was set back meanwhile: by it there is time left.
    const againMs = this.#expiresMs - this.#now();
    if (againMs > 0) {
      this.#endMs = performance.now() + againMs;
      this.#end = setTimeout(() => this.#watch(), Math.min(againMs, LONGEST_STEP_MS)).unref();
    } else this.#options.onExpired();
  }
}
