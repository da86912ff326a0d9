/** Between landmarks in the picture and coefficients: pose taken out, projected on the basis, and back. */
import { COORDINATES, halfLength } from './landmark-model.ts';
import type { LandmarkModel } from './landmark-model.ts';
import { LANDMARK_COUNT } from './landmarks.ts';

/** Position of the weighted centre and root mean square radius in picture widths; roll in radians. */
export interface FacePose {
  x: number;
  y: number;
  z: number;
  size: number;
  roll: number;
}

/** Size is the radius over all three axes, which a turn of the head leaves alone; roll fits the mean shape in the picture's plane. */
export function measurePose(model: LandmarkModel, points: Float32Array): FacePose {
  const { weight, weightSum, mean } = model;
  let x = 0,
    y = 0,
    z = 0;
  for (let i = 0; i < LANDMARK_COUNT; i++) {
    const w = weight[i]! / weightSum;
    x += points[i * 3]! * w;
    y += points[i * 3 + 1]! * w;
    z += points[i * 3 + 2]! * w;
  }
  let square = 0,
    along = 0,
    across = 0;
  for (let i = 0; i < LANDMARK_COUNT; i++) {
    const w = weight[i]!;
    const px = points[i * 3]! - x,
      py = points[i * 3 + 1]! - y,
      pz = points[i * 3 + 2]! - z;
    square += w * (px * px + py * py + pz * pz);
    along += w * (px * mean[i * 3]! + py * mean[i * 3 + 1]!);
    across += w * (py * mean[i * 3]! - px * mean[i * 3 + 1]!);
  }
  return { x, y, z, size: Math.sqrt(square / weightSum), roll: Math.atan2(across, along) };
}

/** `shape` [1434] = the points in the pose's own frame, less the mean. */
export function removePose(model: LandmarkModel, points: Float32Array, pose: FacePose, shape: Float64Array): void {
  const c = Math.cos(pose.roll) / pose.size,
    s = Math.sin(pose.roll) / pose.size;
  for (let i = 0; i < COORDINATES; i += 3) {
    const x = points[i]! - pose.x,
      y = points[i + 1]! - pose.y;
    shape[i] = x * c + y * s - model.mean[i]!;
    shape[i + 1] = y * c - x * s - model.mean[i + 1]!;
    shape[i + 2] = (points[i + 2]! - pose.z) / pose.size - model.mean[i + 2]!;
  }
}

export function applyPose(model: LandmarkModel, shape: Float64Array, pose: FacePose, points: Float32Array): void {
  const c = Math.cos(pose.roll) * pose.size,
    s = Math.sin(pose.roll) * pose.size;
  for (let i = 0; i < COORDINATES; i += 3) {
    const x = shape[i]! + model.mean[i]!,
      y = shape[i + 1]! + model.mean[i + 1]!;
    points[i] = x * c - y * s + pose.x;
    points[i + 1] = x * s + y * c + pose.y;
    points[i + 2] = (shape[i + 2]! + model.mean[i + 2]!) * pose.size + pose.z;
  }
}

/** Distance between points 234 and 454 of a shape (mean excluded), in the shape's units. */
export function faceWidth(model: LandmarkModel, shape: Float64Array): number {
  let square = 0;
  for (let axis = 0; axis < 3; axis++) {
    const a = 454 * 3 + axis,
      b = 234 * 3 + axis;
    square += (shape[a]! + model.mean[a]! - shape[b]! - model.mean[b]!) ** 2;
  }
  return Math.sqrt(square);
}

/** Projects shapes on the basis and builds them again, by way of their symmetric and antisymmetric halves; owns its scratch memory. */
export class ShapeProjector {
  readonly #model: LandmarkModel;
  readonly #even: Float64Array;
  readonly #odd: Float64Array;

  constructor(model: LandmarkModel) {
    this.#model = model;
    this.#even = new Float64Array(halfLength(model, false));
    this.#odd = new Float64Array(halfLength(model, true));
  }

  /** Coefficients of the weighted shape (each point's coordinates times the root of its weight). */
  project(shape: Float64Array, coefficients: Float64Array): void {
    this.#fold(shape);
    const { rows, odd } = this.#model;
    for (let k = 0; k < rows.length; k++) {
      const row = rows[k]!,
        half = odd[k] === 1 ? this.#odd : this.#even;
      let sum = 0;
      for (let j = 0; j < row.length; j++) sum += row[j]! * half[j]!;
      coefficients[k] = sum;
    }
  }

  build(coefficients: Float64Array, shape: Float64Array): void {
    const { rows, odd } = this.#model;
    this.#even.fill(0);
    this.#odd.fill(0);
    for (let k = 0; k < rows.length; k++) {
      const value = coefficients[k]!;
      if (value === 0) continue;
      const row = rows[k]!,
        half = odd[k] === 1 ? this.#odd : this.#even;
      for (let j = 0; j < row.length; j++) half[j]! += row[j]! * value;
    }
    this.#unfold(shape);
  }

  #fold(shape: Float64Array): void {
    const { left, right, middle, weight } = this.#model;
    for (let p = 0; p < left.length; p++) {
      const a = left[p]! * 3,
        b = right[p]! * 3,
        root = Math.sqrt(weight[left[p]!]! / 2);
      this.#even[p * 3] = (shape[a]! - shape[b]!) * root;
      this.#odd[p * 3] = (shape[a]! + shape[b]!) * root;
      for (let axis = 1; axis < 3; axis++) {
        this.#even[p * 3 + axis] = (shape[a + axis]! + shape[b + axis]!) * root;
        this.#odd[p * 3 + axis] = (shape[a + axis]! - shape[b + axis]!) * root;
      }
    }
    const base = left.length * 3;
    for (let m = 0; m < middle.length; m++) {
      const a = middle[m]! * 3,
        root = Math.sqrt(weight[middle[m]!]!);
      this.#odd[base + m] = shape[a]! * root;
      this.#even[base + m * 2] = shape[a + 1]! * root;
      this.#even[base + m * 2 + 1] = shape[a + 2]! * root;
    }
  }

  #unfold(shape: Float64Array): void {
    const { left, right, middle, weight } = this.#model;
    for (let p = 0; p < left.length; p++) {
      const a = left[p]! * 3,
        b = right[p]! * 3,
        root = Math.sqrt(0.5 / weight[left[p]!]!);
      shape[a] = (this.#even[p * 3]! + this.#odd[p * 3]!) * root;
      shape[b] = (this.#odd[p * 3]! - this.#even[p * 3]!) * root;
      for (let axis = 1; axis < 3; axis++) {
        shape[a + axis] = (this.#even[p * 3 + axis]! + this.#odd[p * 3 + axis]!) * root;
        shape[b + axis] = (this.#even[p * 3 + axis]! - this.#odd[p * 3 + axis]!) * root;
      }
    }
    const base = left.length * 3;
    for (let m = 0; m < middle.length; m++) {
      const a = middle[m]! * 3,
        root = 1 / Math.sqrt(weight[middle[m]!]!);
      shape[a] = this.#odd[base + m]! * root;
      shape[a + 1] = this.#even[base + m * 2]! * root;
      shape[a + 2] = this.#even[base + m * 2 + 1]! * root;
    }
  }
}
