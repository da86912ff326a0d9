/** Cuts a turned square out of a picture, resampled for a network. */
import type { RgbImage } from '../types.ts';

/** A square in a picture, in its pixels (a pixel's centre lies at .5). `angle` in radians, clockwise on the screen. */
export interface ImageRegion {
  centreX: number;
  centreY: number;
  side: number;
  angle: number;
}

export interface RegionSampling {
  /** Side of the result in pixels. */
  size: number;
  /** Values are value * scale + offset of the byte. */
  scale: number;
  offset: number;
  /** What lies outside of the picture: its border pixel again, or black. */
  border: 'replicate' | 'black';
}

/** More samples a pixel than this are not taken, however far the square is shrunk. */
const MAX_SAMPLES_PER_SIDE = 8;

/**
 * Fills `out` with the region as [3, size, size]. Bilinear; where the region is shrunk, each pixel is the mean of as many samples
 * as keep neighbours less than 1.5 pixels apart, so that a face in a large photograph does not alias.
 */
export function sampleRegion(image: RgbImage, region: ImageRegion, sampling: RegionSampling, out: Float32Array): void {
  const { size, scale, offset, border } = sampling;
  const samples = Math.min(MAX_SAMPLES_PER_SIDE, Math.max(1, Math.ceil(region.side / size / 1.5)));
  const step = region.side / (size * samples);
  const [cos, sin] = [Math.cos(region.angle) * step, Math.sin(region.angle) * step];
  const half = (size * samples - 1) / 2;
  const startX = region.centreX - 0.5 - half * (cos - sin);
  const startY = region.centreY - 0.5 - half * (sin + cos);
  const norm = scale / (samples * samples);
  const plane = size * size;
  const sum = new Float64Array(3);
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      sum.fill(0);
      for (let i = 0; i < samples; i += 1) {
        const v = row * samples + i;
        for (let j = 0; j < samples; j += 1) {
          const u = column * samples + j;
          addBilinear(image, startX + u * cos - v * sin, startY + u * sin + v * cos, border === 'replicate', sum);
        }
      }
      const at = row * size + column;
      out[at] = sum[0]! * norm + offset;
      out[at + plane] = sum[1]! * norm + offset;
      out[at + 2 * plane] = sum[2]! * norm + offset;
    }
  }
}

/** Adds the picture's value at x, y (pixel centres at whole numbers) to `sum`. */
function addBilinear(image: RgbImage, x: number, y: number, replicate: boolean, sum: Float64Array): void {
  const { data, width, height } = image;
  if (!replicate && (x < -0.5 || y < -0.5 || x > width - 0.5 || y > height - 0.5)) return;
  const cx = x < 0 ? 0 : x > width - 1 ? width - 1 : x;
  const cy = y < 0 ? 0 : y > height - 1 ? height - 1 : y;
  const left = cx | 0;
  const top = cy | 0;
  const fx = cx - left;
  const fy = cy - top;
  const a = (top * width + left) * 3;
  const b = left + 1 < width ? a + 3 : a;
  const down = top + 1 < height ? width * 3 : 0;
  const wa = (1 - fx) * (1 - fy);
  const wb = fx * (1 - fy);
  const wc = (1 - fx) * fy;
  const wd = fx * fy;
  sum[0]! += data[a]! * wa + data[b]! * wb + data[a + down]! * wc + data[b + down]! * wd;
  sum[1]! += data[a + 1]! * wa + data[b + 1]! * wb + data[a + down + 1]! * wc + data[b + down + 1]! * wd;
  sum[2]! += data[a + 2]! * wa + data[b + 2]! * wb + data[a + down + 2]! * wc + data[b + down + 2]! * wd;
}
