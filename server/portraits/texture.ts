/** How the pixels of a face are made: grain, and the few rows and columns that a mosaic or a strong compression leaves all change in. */
import type { RgbImage } from '../landmarker/types.ts';

export interface FaceTexture {
  /** Root mean square of the noise, 0..255: from the median of a mask that is blind to edges (Immerkær 1996). */
  grain: number;
  /** Share of the rows or columns that hold four fifths of all change from pixel to pixel; the larger of both. Blocks leave few. */
  spread: number;
}

/** The middle of the face's box: hair and background do not count. */
const OVAL = 0.8;
const MARGIN = 0.15;
/** The median of a mask's absolute values over the standard deviation of the noise: the mask's own norm, times a normal law's median. */
const MEDIAN_TO_SIGMA = 6 * 0.6745;
const HELD = 0.8;

/** @param points [478, 3] pixels of the image. At the image's own pixels: a mosaic must not be resampled first. */
export function faceTexture(image: RgbImage, points: Float32Array): FaceTexture {
  const box = boxInside(image, points);
  const luma = lumaOf(image);
  const { width } = image;
  const columns = new Float64Array(box.right - box.left);
  const rows = new Float64Array(box.bottom - box.top);
  const masks: number[] = [];
  for (let y = box.top; y < box.bottom; y += 1)
    for (let x = box.left; x < box.right; x += 1) {
      if (!inOval(box, x, y)) continue;
      const i = y * width + x;
      columns[x - box.left]! += (luma[i + 1]! - luma[i]!) ** 2;
      rows[y - box.top]! += (luma[i + width]! - luma[i]!) ** 2;
      const across = (at: number) => luma[at - 1]! - 2 * luma[at]! + luma[at + 1]!;
      masks.push(Math.abs(across(i - width) - 2 * across(i) + across(i + width)));
    }
  masks.sort((a, b) => a - b);
  return { grain: (masks[Math.floor(masks.length / 2)] ?? 0) / MEDIAN_TO_SIGMA, spread: Math.max(spreadOf(columns), spreadOf(rows)) };
}

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Two pixels away from the image's border, which the mask needs. */
function boxInside({ width, height }: RgbImage, points: Float32Array): Box {
  const box = { left: width, right: 0, top: height, bottom: 0 };
  for (let i = 0; i < 468 * 3; i += 3) {
    box.left = Math.min(box.left, points[i]!);
    box.right = Math.max(box.right, points[i]!);
    box.top = Math.min(box.top, points[i + 1]!);
    box.bottom = Math.max(box.bottom, points[i + 1]!);
  }
  return {
    left: Math.max(2, Math.floor(box.left)),
    right: Math.min(width - 3, Math.ceil(box.right)),
    top: Math.max(2, Math.floor(box.top)),
    bottom: Math.min(height - 3, Math.ceil(box.bottom)),
  };
}

const inOval = ({ left, right, top, bottom }: Box, x: number, y: number): boolean =>
  ((x - (left + right) / 2) / ((OVAL * (right - left)) / 2)) ** 2 + ((y - (top + bottom) / 2) / ((OVAL * (bottom - top)) / 2)) ** 2 < 1;

function lumaOf({ data, width, height }: RgbImage): Float32Array {
  const luma = new Float32Array(width * height);
  for (let i = 0; i < luma.length; i += 1) luma[i] = 0.299 * data[3 * i]! + 0.587 * data[3 * i + 1]! + 0.114 * data[3 * i + 2]!;
  return luma;
}

/** 1 where nothing changes at all: that is no mosaic. */
function spreadOf(energies: Float64Array): number {
  const margin = Math.round(MARGIN * energies.length);
  const sorted = energies.slice(margin, energies.length - margin).toSorted((a, b) => b - a);
  const total = sorted.reduce((sum, value) => sum + value, 0);
  if (total === 0) return 1;
  let held = 0;
  let count = 0;
  while (count < sorted.length && held < HELD * total) held += sorted[count++]!;
  return count / sorted.length;
}
