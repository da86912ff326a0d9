const WINDOW_MS = 5000;

/**
 * Turns media timestamps, whose origin is unknown, into capture times on a known clock. A picture can be seen late but
 * never early, so the smallest delay of the last seconds is taken as the true offset.
 */
export class CaptureTimes {
  #offsetMs = Number.POSITIVE_INFINITY;
  #nextOffsetMs = Number.POSITIVE_INFINITY;
  #windowStartMs = Number.NEGATIVE_INFINITY;

  /** Both in ms; `nowMs` is when the picture reached this code. */
  captureTime(mediaMs: number, nowMs: number): number {
    const offsetMs = nowMs - mediaMs;
    // A jump means that the source has begun anew.
    if (Math.abs(offsetMs - this.#offsetMs) > WINDOW_MS) this.#reset(offsetMs, nowMs);
    // Two overlapping windows: the clocks may drift, so an old minimum must not rule for ever.
    if (nowMs - this.#windowStartMs > WINDOW_MS) {
      this.#offsetMs = Math.min(this.#nextOffsetMs, offsetMs);
      this.#nextOffsetMs = offsetMs;
      this.#windowStartMs = nowMs;
    }
    this.#offsetMs = Math.min(this.#offsetMs, offsetMs);
    this.#nextOffsetMs = Math.min(this.#nextOffsetMs, offsetMs);
    return mediaMs + this.#offsetMs;
  }

  #reset(offsetMs: number, nowMs: number): void {
    this.#offsetMs = offsetMs;
    this.#nextOffsetMs = offsetMs;
    this.#windowStartMs = nowMs;
  }
}
