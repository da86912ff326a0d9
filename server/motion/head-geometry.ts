/**
 * What a 478-point mesh says about the head: its own axes, its extents, and the openings of mouth and eyes.
 * Head axes: x to the picture's right, y down, z into the head, origin at the centroid of `rigidPoints`.
 */
import { LANDMARK_COUNT } from '../../client/src/protocol/landmarks.ts';
import { extentPoints, eyes, innerLowerLip, innerUpperLip, lipColumns, mirrorPairs, rigidPoints } from '../landmarker/mesh-topology.ts';
import { centroid } from '../../client/src/faces/rigid-fit.ts';

/** Face width, face height, and the geometric mean of both, which scales what belongs to neither. */
export type Extents = [width: number, height: number, size: number];

/** A face at rest, in its own head axes. */
export interface FaceShape {
  /** [478, 3] head axes, centred. */
  points: Float64Array;
  extents: Extents;
  /** Per lip column, opening over face size. */
  lipGaps: Float64Array;
  /** Per eye, mean opening over eye width. */
  eyeOpenness: [number, number];
  /** Per eye, iris centre from the middle of the corners, over eye width: x0, y0, x1, y1. */
  gaze: Float64Array;
}

/** Rotation head → image (row-major; its columns are the head's axes in the image), from the mesh's mirror symmetry. */
export function headAxes(points: Float32Array | Float64Array): Float64Array {
  const x = new Float64Array(3);
  for (const [l, r] of mirrorPairs) for (let a = 0; a < 3; a++) x[a]! += points[r * 3 + a]! - points[l * 3 + a]!;
  normalise(x);
  const y = new Float64Array(3);
  for (let a = 0; a < 3; a++) {
    for (const i of [152, 148, 377]) y[a]! += points[i * 3 + a]! / 3;
    for (const i of [10, 109, 338]) y[a]! -= points[i * 3 + a]! / 3;
  }
  const along = x[0]! * y[0]! + x[1]! * y[1]! + x[2]! * y[2]!;
  for (let a = 0; a < 3; a++) y[a]! -= along * x[a]!;
  normalise(y);
  const z = [x[1]! * y[2]! - x[2]! * y[1]!, x[2]! * y[0]! - x[0]! * y[2]!, x[0]! * y[1]! - x[1]! * y[0]!];
  return Float64Array.of(x[0]!, y[0]!, z[0]!, x[1]!, y[1]!, z[1]!, x[2]!, y[2]!, z[2]!);
}

function normalise(v: Float64Array): void {
  const length = Math.hypot(v[0]!, v[1]!, v[2]!) || 1;
  for (let a = 0; a < 3; a++) v[a]! /= length;
}

/** out = rotationᵀ · (points − centre) / scale: image → head axes. */
export function toHeadAxes(
  points: Float32Array | Float64Array,
  rotation: Float64Array,
  centre: ArrayLike<number>,
  scale = 1,
  out = new Float64Array(LANDMARK_COUNT * 3),
): Float64Array {
  for (let i = 0; i < LANDMARK_COUNT * 3; i += 3) {
    const x = (points[i]! - centre[0]!) / scale;
    const y = (points[i + 1]! - centre[1]!) / scale;
    const z = (points[i + 2]! - centre[2]!) / scale;
    out[i] = rotation[0]! * x + rotation[3]! * y + rotation[6]! * z;
    out[i + 1] = rotation[1]! * x + rotation[4]! * y + rotation[7]! * z;
    out[i + 2] = rotation[2]! * x + rotation[5]! * y + rotation[8]! * z;
  }
  return out;
}

export function faceExtents(h: Float64Array): Extents {
  const { left, right, top, bottom } = extentPoints;
  const width = Math.abs(h[right * 3]! - h[left * 3]!);
  const height = Math.abs(h[bottom * 3 + 1]! - h[top * 3 + 1]!);
  return [width, height, Math.sqrt(width * height)];
}

/** Opening of each lip column over `size`, into `out`. */
export function lipGaps(h: Float64Array, size: number, out: Float64Array = new Float64Array(lipColumns)): Float64Array {
  for (let i = 0; i < lipColumns; i++) out[i] = (h[innerLowerLip[i + 1]! * 3 + 1]! - h[innerUpperLip[i + 1]! * 3 + 1]!) / size;
  return out;
}

export function meanLipGap(h: Float64Array, size: number): number {
  let sum = 0;
  for (let i = 0; i < lipColumns; i++) sum += h[innerLowerLip[i + 1]! * 3 + 1]! - h[innerUpperLip[i + 1]! * 3 + 1]!;
  return sum / lipColumns / size;
}

function cornerDistance(h: Float64Array, eye: 0 | 1): number {
  const [a, b] = eyes[eye].corners;
  return Math.hypot(h[a * 3]! - h[b * 3]!, h[a * 3 + 1]! - h[b * 3 + 1]!, h[a * 3 + 2]! - h[b * 3 + 2]!);
}

/** Mean lid opening over eye width. */
export function eyeOpenness(h: Float64Array, eye: 0 | 1): number {
  const { upper, lower } = eyes[eye];
  let sum = 0;
  for (let i = 0; i < upper.length; i++) sum += h[lower[i]! * 3 + 1]! - h[upper[i]! * 3 + 1]!;
  return sum / upper.length / cornerDistance(h, eye);
}

/** Iris centre from the middle of the eye's corners, over eye width: x, y into out[at], out[at + 1]. */
export function gazeOffset(h: Float64Array, eye: 0 | 1, out: Float64Array, at: number): void {
  const { corners, iris } = eyes[eye];
  const width = cornerDistance(h, eye);
  for (let a = 0; a < 2; a++) {
    out[at + a] = (h[iris[0]! * 3 + a]! - (h[corners[0] * 3 + a]! + h[corners[1] * 3 + a]!) / 2) / width;
  }
}

export function eyeWidth(h: Float64Array, eye: 0 | 1): number {
  return cornerDistance(h, eye);
}

/** Everything at rest from a mesh in head axes. */
export function faceShape(points: Float64Array): FaceShape {
  const extents = faceExtents(points);
  const gaze = new Float64Array(4);
  gazeOffset(points, 0, gaze, 0);
  gazeOffset(points, 1, gaze, 2);
  return { points, extents, lipGaps: lipGaps(points, extents[2]), eyeOpenness: [eyeOpenness(points, 0), eyeOpenness(points, 1)], gaze };
}

/** A mesh in image coordinates, taken apart into place, orientation and shape. */
export function analyseHead(points: Float32Array | Float64Array): { shape: FaceShape; rotation: Float64Array; centre: Float64Array } {
  const rotation = headAxes(points);
  const centre = centroid(points, rigidPoints);
  return { shape: faceShape(toHeadAxes(points, rotation, centre)), rotation, centre };
}
