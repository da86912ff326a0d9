/** Anti-aliased filling of one polygon: exact horizontally, four sub-rows vertically. */

export interface PixelBox {
  left: number;
  top: number;
  /** Exclusive. */
  right: number;
  bottom: number;
}

const subRows = 4;

/**
 * Adds the polygon's coverage (even-odd) to `out`.
 * @param polygon x, y interleaved, in pixels of `out`; pixel (i, j) covers [i, i + 1) x [j, j + 1).
 * @param out [size, size]
 * @returns the box that was touched, or null when nothing was.
 */
export function fillPolygon(polygon: Float32Array, out: Float32Array, size: number, value = 1): PixelBox | null {
  let [minX, maxX, minY, maxY] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < polygon.length; i += 2) {
    minX = Math.min(minX, polygon[i]!);
    maxX = Math.max(maxX, polygon[i]!);
    minY = Math.min(minY, polygon[i + 1]!);
    maxY = Math.max(maxY, polygon[i + 1]!);
  }
  const box = {
    left: Math.max(0, Math.floor(minX)),
    top: Math.max(0, Math.floor(minY)),
    right: Math.min(size, Math.ceil(maxX)),
    bottom: Math.min(size, Math.ceil(maxY)),
  };
  if (!(box.left < box.right && box.top < box.bottom)) return null;
  const crossings: number[] = [];
  for (let row = box.top; row < box.bottom; row++) {
    for (let sub = 0; sub < subRows; sub++) {
      const y = row + (sub + 0.5) / subRows;
      crossings.length = 0;
      for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
        const [y0, y1] = [polygon[j + 1]!, polygon[i + 1]!];
        if (y0 <= y === y1 <= y) continue;
        crossings.push(polygon[j]! + ((y - y0) / (y1 - y0)) * (polygon[i]! - polygon[j]!));
      }
      crossings.sort((a, b) => a - b);
      for (let k = 0; k + 1 < crossings.length; k += 2) addSpan(out, row * size, [crossings[k]!, crossings[k + 1]!], size, value / subRows);
    }
  }
  return box;
}

function addSpan(out: Float32Array, rowStart: number, [from, to]: [number, number], size: number, weight: number): void {
  const a = Math.max(0, from);
  const b = Math.min(size, to);
  if (a >= b) return;
  const first = Math.floor(a);
  const last = Math.min(size - 1, Math.floor(b));
  if (first === last) {
    out[rowStart + first]! += (b - a) * weight;
    return;
  }
  out[rowStart + first]! += (first + 1 - a) * weight;
  for (let i = first + 1; i < last; i++) out[rowStart + i]! += weight;
  out[rowStart + last]! += (b - last) * weight;
}
