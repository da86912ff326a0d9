/** Order statistics of measured times. */
export interface Quantiles {
  n: number;
  p50: number;
  p95: number;
  max: number;
}

/** Nearest rank; NaN where nothing was measured. */
export function quantiles(values: readonly number[]): Quantiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return { n: sorted.length, p50: at(0.5), p95: at(0.95), max: at(1) };
}
