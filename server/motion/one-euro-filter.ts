/**
 * The one-euro filter (Casiez, Roussel, Vogel, CHI 2012) over a vector, with the true time between samples: landmark
 * packets come irregularly.
 */
export interface OneEuroOptions {
  /** Cut-off at rest, Hz. */
  minCutoffHz: number;
  /** Added cut-off per unit/s of speed. */
  beta: number;
  /** Cut-off of the speed estimate, Hz. */
  derivativeCutoffHz?: number;
}

const gain = (cutoffHz: number, dtSeconds: number) => {
  const r = 2 * Math.PI * cutoffHz * dtSeconds;
  return r / (r + 1);
};

export class OneEuroFilter {
  readonly #options: Required<OneEuroOptions>;
  readonly #value: Float64Array;
  readonly #speed: Float64Array;
  #lastMs: number | null = null;

  constructor(length: number, options: OneEuroOptions) {
    this.#options = { derivativeCutoffHz: 1, ...options };
    this.#value = new Float64Array(length);
    this.#speed = new Float64Array(length);
  }

  /** Filters `values[from … from + length)` in place. Time that stands still or runs back leaves the state as it is. */
  apply(values: Float64Array, timeMs: number, from = 0): void {
    const { minCutoffHz, beta, derivativeCutoffHz } = this.#options;
    const n = this.#value.length;
    if (this.#lastMs === null) {
      for (let i = 0; i < n; i++) this.#value[i] = values[from + i]!;
      this.#lastMs = timeMs;
      return;
    }
    const dt = Math.min(0.5, (timeMs - this.#lastMs) / 1000);
    if (dt <= 0) {
      for (let i = 0; i < n; i++) values[from + i] = this.#value[i]!;
      return;
    }
    this.#lastMs = timeMs;
    const speedGain = gain(derivativeCutoffHz, dt);
    for (let i = 0; i < n; i++) {
      const step = values[from + i]! - this.#value[i]!;
      this.#speed[i]! += speedGain * (step / dt - this.#speed[i]!);
      this.#value[i]! += gain(minCutoffHz + beta * Math.abs(this.#speed[i]!), dt) * step;
      values[from + i] = this.#value[i]!;
    }
  }

  reset(): void {
    this.#lastMs = null;
    this.#speed.fill(0);
  }
}
