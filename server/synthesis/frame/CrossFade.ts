/** How much of the output before is mixed into each new frame, so that what was shown fades evenly into what comes. */
export class CrossFade {
  #startMs: number | null = null;
  #durationMs = 1;
  /** Share of what was shown at the start that is still to be seen. */
  #left = 0;

  /** From what shows now, at `timeMs`; one under way is replaced, as what shows now is its mixture. */
  start(timeMs: number, durationMs: number): void {
    this.#startMs = timeMs;
    this.#durationMs = durationMs;
    this.#left = 1;
  }

  stop(): void {
    this.#startMs = null;
    this.#left = 0;
  }

  /** The share of the previous output in the frame of `timeMs`, 0..1. Once for each frame: the output before is a mixture already. */
  step(timeMs: number): number {
    if (this.#startMs === null) return 0;
    const left = Math.max(0, 1 - (timeMs - this.#startMs) / this.#durationMs);
    const share = left / this.#left;
    if (left > 0) this.#left = left;
    else this.stop();
    return share;
  }
}
