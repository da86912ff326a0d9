/** Cuts a turned square out of a picture, resampled for a network. */
import type { RgbImage } from './types.ts';

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
 * as keep neighbours less than two pixels apart, so that a face in a large photograph does not alias.
 */
export function sampleRegion(image: RgbImage, region: ImageRegion, sampling: RegionSampling, out: Float32Array): void {
  const { size, scale, offset, border } = sampling;
  const samples = Math.min(MAX_SAMPLES_PER_SIDE, Math.max(1, Math.ceil(region.side / size / 2)));
  const step = region.side / (size * samples);
  const half = (size * samples - 1) / 2;
  const walk: Walk = { cos: Math.cos(region.angle) * step, sin: Math.sin(region.angle) * step, samples, x: 0, y: 0 };
  const startX = region.centreX - 0.5 - half * (walk.cos - walk.sin);
  const startY = region.centreY - 0.5 - half * (walk.sin + walk.cos);
  const norm = scale / (samples * samples);
  const plane = size * size;
  const sum = new Float64Array(3);
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      const [u, v] = [column * samples, row * samples];
      walk.x = startX + u * walk.cos - v * walk.sin;
      walk.y = startY + u * walk.sin + v * walk.cos;
      addSamples(image, walk, border === 'replicate', sum);
      const at = row * size + column;
      out[at] = sum[0]! * norm + offset;
      out[at + plane] = sum[1]! * norm + offset;
      out[at + 2 * plane] = sum[2]! * norm + offset;
    }
  }
}

/** The samples of one pixel: the first at x, y (pixel centres at whole numbers), `samples` along and across. */
interface Walk {
  cos: number;
  sin: number;
  samples: number;
  x: number;
  y: number;
}

/** Sets `sum` to the sum of the samples. One loop without calls: this is where the time goes. */
function addSamples(image: RgbImage, walk: Walk, replicate: boolean, sum: Float64Array): void {
  const { data, width, height } = image;
  const { cos, sin, samples } = walk;
  const [maxX, maxY, stride] = [width - 1, height - 1, width * 3];
  let [r, g, b] = [0, 0, 0];
  for (let i = 0; i < samples; i += 1) {
    for (let j = 0; j < samples; j += 1) {
      const x = walk.x + j * cos - i * sin;
      const y = walk.y + j * sin + i * cos;
      if (!replicate && (x < -0.5 || y < -0.5 || x > maxX + 0.5 || y > maxY + 0.5)) continue;
      const cx = x < 0 ? 0 : x > maxX ? maxX : x;
      const cy = y < 0 ? 0 : y > maxY ? maxY : y;
      const left = cx | 0;
      const top = cy | 0;
      const fx = cx - left;
      const fy = cy - top;
      const p = top * stride + left * 3;
      const right = left < maxX ? 3 : 0;
      const q = top < maxY ? p + stride : p;
      const wa = (1 - fx) * (1 - fy);
      const wb = fx * (1 - fy);
      const wc = (1 - fx) * fy;
      const wd = fx * fy;
      r += data[p]! * wa + data[p + right]! * wb + data[q]! * wc + data[q + right]! * wd;
      g += data[p + 1]! * wa + data[p + right + 1]! * wb + data[q + 1]! * wc + data[q + right + 1]! * wd;
      b += data[p + 2]! * wa + data[p + right + 2]! * wb + data[q + 2]! * wc + data[q + right + 2]! * wd;
    }
  }
  sum[0] = r;
  sum[1] = g;
  sum[2] = b;
}
