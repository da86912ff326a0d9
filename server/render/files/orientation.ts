/** The display matrix of phone videos: pictures are stored as the sensor lies, and turned when shown. */
import type { RgbImage } from '../../landmarker/types.ts';

/** Where a stored pixel (x, y) is shown: (a x + c y, b x + d y), each of a, b, c, d being -1, 0 or 1. */
export interface Orientation {
  a: number;
  b: number;
  c: number;
  d: number;
}

export const upright: Orientation = { a: 1, b: 0, c: 0, d: 1 };

/**
 * @param matrix FFmpeg's display matrix (libavutil/display.h): 3 x 3 int32 in the machine's own byte order.
 * @returns the nearest turn by a multiple of 90 degrees, mirrored or not
 */
export function orientationOf(matrix: Uint8Array | null | undefined): Orientation {
  if (!matrix || matrix.byteLength < 36) return upright;
  const view = new DataView(matrix.buffer, matrix.byteOffset, matrix.byteLength);
  const at = (i: number): number => view.getInt32(i * 4, true);
  const [a, b, c, d] = [at(0), at(1), at(3), at(4)] as const;
  const straight = Math.abs(a) + Math.abs(d);
  const crossed = Math.abs(b) + Math.abs(c);
  if (straight === crossed) return upright; // all zero, or exactly between two turns: no sense in either
  if (straight > crossed) return { a: Math.sign(a) || 1, b: 0, c: 0, d: Math.sign(d) || 1 };
  return { a: 0, b: Math.sign(b) || 1, c: Math.sign(c) || 1, d: 0 };
}

/** Whether width and height change places. */
export const swapsSides = (orientation: Orientation): boolean => orientation.a === 0;

/** The picture as it is shown; the same object when nothing is to be done. */
export function orient(image: RgbImage, { a, b, c, d }: Orientation): RgbImage {
  if (a === 1 && d === 1) return image;
  const { width, height, data } = image;
  const shown = a === 0 ? { width: height, height: width } : { width, height };
  const out = new Uint8Array(data.length);
  // The matrix is orthogonal: its transpose leads back.
  const originX = a + b < 0 ? width - 1 : 0;
  const originY = c + d < 0 ? height - 1 : 0;
  let to = 0;
  for (let v = 0; v < shown.height; v += 1) {
    let from = ((d * v + originY) * width + b * v + originX) * 3;
    const step = (c * width + a) * 3;
    for (let u = 0; u < shown.width; u += 1, from += step) {
      out[to++] = data[from]!;
      out[to++] = data[from + 1]!;
      out[to++] = data[from + 2]!;
    }
  }
  return { ...shown, data: out };
}
