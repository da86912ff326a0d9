/** How late this process's event loop is. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The histogram samples with a timer of this interval, and records the interval itself too. */
const RESOLUTION_MS = 5;
const NS_PER_MS = 1e6;

export class EventLoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.#histogram.enable();
  }

  /** Delay in ms that a share `quantile` (0 to 1) of the samples since the last `reset` did not exceed; 0 without samples. */
  quantileMs(quantile: number): number {
    if (this.#histogram.count === 0) return 0;
    return Math.max(0, this.#histogram.percentile(Math.max(quantile * 100, Number.MIN_VALUE)) / NS_PER_MS - RESOLUTION_MS);
  }

  reset(): void {
    this.#histogram.reset();
  }

  close(): void {
    this.#histogram.disable();
  }
}
