/** The last few values of one measurement, in a ring that never grows. */
export class Series {
  readonly #values: Float64Array;
  #count = 0;

  constructor(capacity = 150) {
    this.#values = new Float64Array(capacity);
  }

  add(value: number): void {
    if (Number.isFinite(value)) this.#values[this.#count++ % this.#values.length] = value;
  }

  get size(): number {
    return Math.min(this.#count, this.#values.length);
  }

  /** `quantile` 0..1; NaN without values. */
  quantile(quantile: number): number {
    if (this.size === 0) return Number.NaN;
    const sorted = this.#values.slice(0, this.size).sort();
    return sorted[Math.min(this.size - 1, Math.floor(quantile * this.size))]!;
  }

  get p50(): number {
    return this.quantile(0.5);
  }

  get p95(): number {
    return this.quantile(0.95);
  }

  clear(): void {
    this.#count = 0;
  }
}
