/// <reference lib="dom" preserve="true" />
import type { FaceLight } from './Tracker.ts';

const SIZE = 24;
const INTERVAL_MS = 200;
const OVEREXPOSED = 250;

/** Mean brightness of the face, from a 24 x 24 copy of it, five times a second. Runs inside the tracker's worker. */
export class LightMeter {
  #context: OffscreenCanvasRenderingContext2D | null = null;
  #last: FaceLight | null = null;
  #lastMs = Number.NEGATIVE_INFINITY;

  measure(picture: ImageBitmap | VideoFrame, points: Float32Array): FaceLight | null {
    const nowMs = performance.now();
    if (nowMs - this.#lastMs < INTERVAL_MS) return this.#last;
    this.#lastMs = nowMs;
    this.#context ??= new OffscreenCanvas(SIZE, SIZE).getContext('2d', { willReadFrequently: true });
    if (!this.#context) return null;
    const width = 'displayWidth' in picture ? picture.displayWidth : picture.width;
    const box = faceBox(points);
    this.#context.drawImage(picture, box.x * width, box.y * width, box.width * width, box.height * width, 0, 0, SIZE, SIZE);
    this.#last = summarise(this.#context.getImageData(0, 0, SIZE, SIZE).data);
    return this.#last;
  }
}

function faceBox(points: Float32Array): { x: number; y: number; width: number; height: number } {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < points.length; i += 3) {
    left = Math.min(left, points[i]!);
    right = Math.max(right, points[i]!);
    top = Math.min(top, points[i + 1]!);
    bottom = Math.max(bottom, points[i + 1]!);
  }
  // The inner part: the corners of the box are hair and background.
  const [width, height] = [right - left, bottom - top];
  return { x: left + width * 0.15, y: top + height * 0.1, width: width * 0.7, height: height * 0.8 };
}

/** `rgba`: [n, 4] 0..255; luma by Rec. 601. */
export function summarise(rgba: Uint8ClampedArray): FaceLight {
  let sum = 0;
  let overexposed = 0;
  const count = rgba.length / 4;
  for (let i = 0; i < rgba.length; i += 4) {
    const luma = 0.299 * rgba[i]! + 0.587 * rgba[i + 1]! + 0.114 * rgba[i + 2]!;
    sum += luma;
    if (luma >= OVEREXPOSED) overexposed++;
  }
  return { mean: sum / count, overexposed: overexposed / count };
}
