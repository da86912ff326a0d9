/** Turns an ever-growing counter into a rate. */
export class Rate {
  #count: number | null = null;
  #atMs = 0;
  perSecond = 0;

  sample(count: number, nowMs: number): void {
    // A counter that fell belongs to a new stream: its first sample only sets the start.
    if (this.#count !== null && count >= this.#count && nowMs > this.#atMs)
      this.perSecond = ((count - this.#count) * 1000) / (nowMs - this.#atMs);
    else this.perSecond = 0;
    this.#count = count;
    this.#atMs = nowMs;
  }
}
