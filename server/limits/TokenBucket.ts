/** A rate with a burst: `capacity` at once, `perSecond` for ever. */
export interface BucketOptions {
  capacity: number;
  perSecond: number;
}

export class TokenBucket {
  readonly #options: BucketOptions;
  #left: number;
  #updatedMs: number;

  constructor(options: BucketOptions, nowMs = performance.now()) {
    this.#options = options;
    this.#left = options.capacity;
    this.#updatedMs = nowMs;
  }

  /** Takes `amount` if it is there. @returns whether it was */
  take(amount = 1, nowMs = performance.now()): boolean {
    if (this.left(nowMs) < amount) return false;
    this.#left -= amount;
    return true;
  }

  /** Takes `amount` whatever is left: the debt has to be paid before `take` succeeds again. @returns whether it was there */
  spend(amount: number, nowMs = performance.now()): boolean {
    const covered = this.left(nowMs) >= amount;
    this.#left -= amount;
    return covered;
  }

  /** What could be taken at once. */
  left(nowMs = performance.now()): number {
    const { capacity, perSecond } = this.#options;
    this.#left = Math.min(capacity, this.#left + ((nowMs - this.#updatedMs) / 1000) * perSecond);
    this.#updatedMs = nowMs;
    return this.#left;
  }

  /** Nothing to remember: a new bucket would be the same. */
  full(nowMs = performance.now()): boolean {
    return this.left(nowMs) >= this.#options.capacity;
  }
}
