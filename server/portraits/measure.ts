/** What the checks look at: light and sharpness of the face's skin, and how open eyes and mouth are. Pure functions. */
import { headPose, type HeadPose } from '../landmarker/head-pose.ts';
import { sampleRegion } from '../landmarker/image-region.ts';
import { eyes, faceOval, innerLowerLip, innerUpperLip } from '../landmarker/mesh-topology.ts';
import type { DetectedFace, RgbImage } from '../landmarker/types.ts';
import { faceTexture, type FaceTexture } from './texture.ts';

/** Side of the patch that light and sharpness are measured on; a smaller face is measured at its own size. */
const PATCH_SIZE = 128;

export interface PortraitMeasures extends FaceTexture {
  pose: HeadPose;
  /** Width of the face in pixels of the picture, as from the front. */
  faceWidthPx: number;
  /** Share of the mesh's points that lie outside of the picture. */
  outside: number;
  /** Luma that nine tenths of the face stay under, 0..255. */
  brightLuma: number;
  /** Share of the face that is burnt out. */
  burnt: number;
  /** Energy of the finest detail against that of all contrast, 0 (smooth) and up. */
  sharpness: number;
  /** Lid gap over eye width, of the more open and of the less open eye. */
  eyesOpen: [more: number, less: number];
  /** Gap between the lips over the face's height. */
  mouthOpen: number;
}

export function measurePortrait(image: RgbImage, face: DetectedFace): PortraitMeasures {
  const points = face.points.map((value) => value * image.width);
  const pose = headPose(points);
  let outside = 0;
  for (let i = 0; i < 468 * 3; i += 3)
    if (points[i]! < 0 || points[i + 1]! < 0 || points[i]! > image.width || points[i + 1]! > image.height) outside += 1 / 468;
  const open = eyes.map((eye) => meanGap(points, eye.upper, eye.lower) / distance(points, eye.corners[0], eye.corners[1]));
  return {
    pose,
    faceWidthPx: pose.faceWidth,
    outside,
    ...measureSkin(image, points),
    ...faceTexture(image, points),
    eyesOpen: [Math.max(...open), Math.min(...open)],
    mouthOpen: meanGap(points, innerUpperLip.slice(1, -1), innerLowerLip.slice(1, -1)) / distance(points, 10, 152),
  };
}

function distance(points: Float32Array, a: number, b: number): number {
  return Math.hypot(...[0, 1, 2].map((axis) => points[a * 3 + axis]! - points[b * 3 + axis]!));
}

/** In the picture's plane: the lids' z is too rough to count. */
function meanGap(points: Float32Array, upper: readonly number[], lower: readonly number[]): number {
  const gaps = upper.map((above, i) =>
    Math.hypot(points[above * 3]! - points[lower[i]! * 3]!, points[above * 3 + 1]! - points[lower[i]! * 3 + 1]!),
  );
  return gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
}

function measureSkin(image: RgbImage, points: Float32Array): Pick<PortraitMeasures, 'brightLuma' | 'burnt' | 'sharpness'> {
  const xs = faceOval.map((i) => points[i * 3]!);
  const ys = faceOval.map((i) => points[i * 3 + 1]!);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const side = Math.max(right - left, bottom - top);
  const size = Math.max(24, Math.min(PATCH_SIZE, Math.round(side)));
  const patch = new Float32Array(3 * size * size);
  const region = { centreX: (left + right) / 2, centreY: (top + bottom) / 2, side, angle: 0 };
  sampleRegion(image, region, { size, scale: 1, offset: 0, border: 'replicate' }, patch);
  const inside = ovalMask(
    faceOval.map((i) => [
      ((points[i * 3]! - region.centreX) / side + 0.5) * size,
      ((points[i * 3 + 1]! - region.centreY) / side + 0.5) * size,
    ]),
    size,
  );
  const plane = size * size;
  const luma = new Float32Array(plane);
  const values: number[] = [];
  let burnt = 0;
  for (let i = 0; i < plane; i += 1) {
    const [r, g, b] = [patch[i]!, patch[i + plane]!, patch[i + 2 * plane]!];
    luma[i] = 0.299 * r + 0.587 * g + 0.114 * b;
    if (inside[i] === 0) continue;
    values.push(luma[i]!);
    if (Math.min(r, g, b) >= 250) burnt += 1;
  }
  values.sort((a, b) => a - b);
  return {
    brightLuma: values[Math.floor(values.length * 0.9)] ?? 0,
    burnt: burnt / Math.max(1, values.length),
    sharpness: sharpness(luma, inside, size),
  };
}

/** Variance of the Laplacian over the variance of luma: exposure and contrast cancel out. */
function sharpness(luma: Float32Array, inside: Uint8Array, size: number): number {
  let [count, sum, squares, detail] = [0, 0, 0, 0];
  for (let y = 1; y < size - 1; y += 1)
    for (let x = 1; x < size - 1; x += 1) {
      const i = y * size + x;
      if (inside[i] === 0) continue;
      const laplacian = luma[i - 1]! + luma[i + 1]! + luma[i - size]! + luma[i + size]! - 4 * luma[i]!;
      count += 1;
      sum += luma[i]!;
      squares += luma[i]! ** 2;
      detail += laplacian ** 2;
    }
  const variance = squares / Math.max(1, count) - (sum / Math.max(1, count)) ** 2;
  return detail / Math.max(1, count) / Math.max(1, variance);
}

/** 1 inside the polygon (even–odd rule), drawn in a little so that the background does not count. */
function ovalMask(polygon: number[][], size: number): Uint8Array {
  const mask = new Uint8Array(size * size);
  const [cx, cy] = [0, 1].map((axis) => polygon.reduce((sum, point) => sum + point[axis]!, 0) / polygon.length) as [number, number];
  const inner = polygon.map(([x = 0, y = 0]) => [cx + 0.92 * (x - cx), cy + 0.92 * (y - cy)] as const);
  for (let y = 0; y < size; y += 1) {
    const crossings: number[] = [];
    inner.forEach(([x1, y1], i) => {
      const [x2, y2] = inner[(i + 1) % inner.length]!;
      if (y1 > y + 0.5 !== y2 > y + 0.5) crossings.push(x1 + ((y + 0.5 - y1) / (y2 - y1)) * (x2 - x1));
    });
    crossings.sort((a, b) => a - b);
    for (let k = 0; k + 1 < crossings.length; k += 2)
      for (let x = Math.max(0, Math.ceil(crossings[k]! - 0.5)); x < Math.min(size, crossings[k + 1]! - 0.5); x += 1) mask[y * size + x] = 1;
  }
  return mask;
}
