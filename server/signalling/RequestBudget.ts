/** A token bucket per socket: joining takes a burst of requests, nobody needs a steady flood. */
const CAPACITY = 120;
const REFILL_PER_SECOND = 30;

export class RequestBudget {
  #left = CAPACITY;
  #updatedMs = performance.now();

  /** Whether one more request may be served now. */
  take(nowMs = performance.now()): boolean {
    this.#left = Math.min(CAPACITY, this.#left + ((nowMs - this.#updatedMs) / 1000) * REFILL_PER_SECOND);
    this.#updatedMs = nowMs;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
