/** Pictures in memory, put together for tests. */
import type { Sharp } from 'sharp';
import type { RgbImage } from '../../server/landmarker/types.ts';

export async function picture(from: Sharp): Promise<RgbImage> {
  const { data, info } = await from.flatten().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

export const plain = (width: number, height: number, grey: number): RgbImage => ({
  width,
  height,
  data: new Uint8Array(width * height * 3).fill(grey),
});

/** A copy of `image` with another one laid on it at x, y; what sticks out is cut. */
export function paste(image: RgbImage, top: RgbImage, [left, above]: readonly [number, number]): RgbImage {
  const data = Uint8Array.from(image.data);
  for (let y = Math.max(0, -above); y < Math.min(top.height, image.height - above); y += 1) {
    const from = Math.max(0, -left);
    const to = Math.min(top.width, image.width - left);
    data.set(top.data.subarray((y * top.width + from) * 3, (y * top.width + to) * 3), ((y + above) * image.width + left + from) * 3);
  }
  return { ...image, data };
}
