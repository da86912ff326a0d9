/** Resizes one channel: the mean of what a pixel covers when shrinking, linear between pixel centres when enlarging. */
export interface Plane {
  /** [height, width]. */
  data: Float32Array;
  width: number;
  height: number;
}

interface Tap {
  from: number;
  weights: Float32Array;
}

/** For each target pixel the source pixels and their weights: a triangle as wide as the larger of the two pixels. */
function taps(from: number, to: number): Tap[] {
  const ratio = from / to;
  const reach = Math.max(1, ratio);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * ratio - 0.5;
    const first = Math.max(0, Math.ceil(centre - reach));
    const last = Math.min(from - 1, Math.floor(centre + reach));
    const weights = Float32Array.from({ length: Math.max(1, last - first + 1) }, (__, k) =>
      Math.max(1e-6, 1 - Math.abs(first + k - centre) / reach),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { from: Math.min(first, from - 1), weights: weights.map((weight) => weight / total) };
  });
}

/** @returns [height, width] of the new size */
export function resizePlane(plane: Plane, width: number, height: number): Float32Array {
  const columns = taps(plane.width, width);
  const narrowed = new Float32Array(plane.height * width);
  for (let y = 0; y < plane.height; y += 1) {
    columns.forEach(({ from, weights }, x) => {
      let sum = 0;
      for (let k = 0; k < weights.length; k += 1) sum += weights[k]! * plane.data[y * plane.width + from + k]!;
      narrowed[y * width + x] = sum;
    });
  }
  const out = new Float32Array(height * width);
  taps(plane.height, height).forEach(({ from, weights }, y) => {
    for (let k = 0; k < weights.length; k += 1) {
      const weight = weights[k]!;
      const row = (from + k) * width;
      for (let x = 0; x < width; x += 1) out[y * width + x]! += weight * narrowed[row + x]!;
    }
  });
  return out;
}

/** 0..1 → 0..255. */
export const toBytes = (values: Float32Array): Uint8Array =>
  Uint8Array.from(values, (value) => Math.min(255, Math.max(0, Math.round(value * 255))));
