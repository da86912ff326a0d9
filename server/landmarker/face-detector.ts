/**
 * Decodes the short-range face detector (BlazeFace, Bazarevsky et al. 2019, arXiv 1907.05047): 896 fixed anchors on a 128x128 input,
 * each with a box and six key points. Pure functions; the network itself runs in `Landmarker`.
 */
import type { ImageRegion } from './image-region.ts';

export const DETECTOR_SIZE = 128;

export interface Detection {
  /** 0..1. */
  score: number;
  /** x, y of the corner, width, height, in pixels of the picture. */
  box: [x: number, y: number, width: number, height: number];
  /** Eye on the picture's left, eye on its right, nose tip, mouth, ear left, ear right: x, y each. */
  keypoints: Float32Array;
}

const KEYPOINTS = 6;
const VALUES = 4 + 2 * KEYPOINTS;
/** Boxes that overlap by more than this (intersection over union) are one face. */
const SAME_FACE_OVERLAP = 0.3;

/** Two anchors in each cell of the 16x16 map, six in each of the 8x8 map, all at the cell's centre: x, y in 0..1. */
export const anchors: Float32Array = (() => {
  const places: number[] = [];
  for (const [cells, perCell] of [
    [16, 2],
    [8, 6],
  ] as const)
    for (let y = 0; y < cells; y += 1)
      for (let x = 0; x < cells; x += 1) for (let i = 0; i < perCell; i += 1) places.push((x + 0.5) / cells, (y + 0.5) / cells);
  return Float32Array.from(places);
})();

/**
 * @param boxes [896, 16] pixels of the 128x128 input relative to the anchor
 * @param scores [896] logits
 * @param region the square of the picture that the input showed (unturned)
 * @returns every anchor at or above `minScore`, in pixels of the picture
 */
export function decodeDetections(boxes: Float32Array, scores: Float32Array, region: ImageRegion, minScore: number): Detection[] {
  const scale = region.side / DETECTOR_SIZE;
  const left = region.centreX - region.side / 2;
  const top = region.centreY - region.side / 2;
  const found: Detection[] = [];
  scores.forEach((logit, i) => {
    const score = 1 / (1 + Math.exp(-Math.min(100, Math.max(-100, logit))));
    if (score < minScore) return;
    const anchorX = left + (anchors[2 * i] ?? 0) * region.side;
    const anchorY = top + (anchors[2 * i + 1] ?? 0) * region.side;
    const raw = boxes.subarray(i * VALUES, (i + 1) * VALUES);
    const [x = 0, y = 0, width = 0, height = 0] = raw;
    const keypoints = Float32Array.from(raw.subarray(4), (value, axis) => value * scale + (axis % 2 === 0 ? anchorX : anchorY));
    found.push({
      score,
      box: [anchorX + (x - width / 2) * scale, anchorY + (y - height / 2) * scale, width * scale, height * scale],
      keypoints,
    });
  });
  return found;
}

type Box = Detection['box'];

function commonArea(a: Box, b: Box): number {
  const width = Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]);
  return width <= 0 || height <= 0 ? 0 : width * height;
}

/** Intersection over union. */
export function overlap(a: Box, b: Box): number {
  const common = commonArea(a, b);
  return common / (a[2] * a[3] + b[2] * b[3] - common);
}

/** Intersection over the smaller of the two: 1 where one box lies in the other. */
export const sharedPart = (a: Box, b: Box): number => commonArea(a, b) / Math.min(a[2] * a[3], b[2] * b[3]);

/** Weighted non-maximum suppression: neighbours of a peak are averaged by score, which steadies the box. Best first. */
export function suppress(detections: Detection[]): Detection[] {
  let rest = [...detections].sort((a, b) => b.score - a.score);
  const kept: Detection[] = [];
  for (let best = rest[0]; best !== undefined; best = rest[0]) {
    const peak = best;
    const group = rest.filter((other) => other === peak || overlap(peak.box, other.box) > SAME_FACE_OVERLAP);
    rest = rest.filter((other) => !group.includes(other));
    kept.push(average(group, peak.score));
  }
  return kept;
}

function average(group: Detection[], score: number): Detection {
  const total = group.reduce((sum, detection) => sum + detection.score, 0);
  const box: Detection['box'] = [0, 0, 0, 0];
  const keypoints = new Float32Array(2 * KEYPOINTS);
  for (const detection of group) {
    const weight = detection.score / total;
    for (let i = 0; i < 4; i += 1) box[i]! += detection.box[i]! * weight;
    for (let i = 0; i < keypoints.length; i += 1) keypoints[i]! += detection.keypoints[i]! * weight;
  }
  return { score, box, keypoints };
}
