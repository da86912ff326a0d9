/**
 * The driver's face at rest, learned while it drives: provisional from the first frame, the median of closed-mouth frames
 * during the first second, then refined slowly by frames that look neutral.
 */
import { LANDMARK_COUNT } from '../../client/src/protocol/landmarks.ts';
import { eyeOpenness, faceShape, headAxes, meanLipGap, toHeadAxes } from './head-geometry.ts';
import type { FaceShape } from './head-geometry.ts';
import { rigidPoints } from './mesh-topology.ts';
import { centroid, fitSimilarity, multiply, rotationMatrix, rotationVector } from './rigid-fit.ts';

const COORDINATES = LANDMARK_COUNT * 3;
const calibrationMs = 1000;
const maxSamples = 48;
/** Time constants of the refinement. */
const shapeSeconds = 25;
const placeSeconds = 30;
const eyeFallSeconds = 20;
const eyeRiseSeconds = 1.5;

interface Sample {
  /** [478, 3] head axes of the first frame, pose and size removed. */
  points: Float32Array;
  /** log scale, rotation vector, place: relative to the first frame. */
  pose: Float64Array;
  gap: number;
}

export interface DriverPose {
  scale: number;
  /** Head → image at this frame. */
  rotation: Float64Array;
  centre: Float64Array;
}

export class DriverNeutral {
  /** Given and fixed (absolute mode), or learned. */
  readonly fixed: boolean;
  #shape: FaceShape | null = null;
  #rotation: Float64Array = new Float64Array(9);
  #centre: Float64Array = new Float64Array(3);
  #samples: Sample[] = [];
  #firstRotation: Float64Array = new Float64Array(9);
  #firstShape: Float64Array | null = null;
  #startMs = 0;
  #eyeOpen: [number, number] = [0, 0];

  constructor(fixed?: { shape: FaceShape; rotation: Float64Array; centre: Float64Array }) {
    this.fixed = fixed !== undefined;
    if (!fixed) return;
    this.#shape = fixed.shape;
    this.#rotation = fixed.rotation;
    this.#centre = fixed.centre;
    this.#eyeOpen = [...fixed.shape.eyeOpenness];
  }

  get ready(): boolean {
    return this.#shape !== null;
  }

  /** True during the first second of observations. */
  get calibrating(): boolean {
    return !this.fixed && (this.#shape === null || this.#samples.length > 0);
  }

  get shape(): FaceShape {
    return this.#shape!;
  }

  /** Head → image at rest. */
  get rotation(): Float64Array {
    return this.#rotation;
  }

  get centre(): Float64Array {
    return this.#centre;
  }

  /** Opening of the open eye, over eye width. */
  get eyeOpen(): readonly [number, number] {
    return this.#eyeOpen;
  }

  /** Takes a frame of the first second; returns true when the neutral face changed by a step. */
  calibrate(points: Float32Array, timeMs: number): boolean {
    if (this.#firstShape === null) return this.#begin(points, timeMs);
    if (timeMs - this.#startMs > calibrationMs || this.#samples.length >= maxSamples) {
      this.#samples = [];
      return false;
    }
    this.#samples.push(this.#sample(points));
    const n = this.#samples.length;
    if (n > 4 && n % 3 !== 0) return false;
    this.#adopt();
    return true;
  }

  #begin(points: Float32Array, timeMs: number): boolean {
    this.#startMs = timeMs;
    this.#firstRotation = headAxes(points);
    this.#firstShape = toHeadAxes(points, this.#firstRotation, centroid(points, rigidPoints));
    this.#samples = [this.#sample(points)];
    this.#adopt();
    return true;
  }

  #sample(points: Float32Array): Sample {
    const first = this.#firstShape!;
    const fit = fitSimilarity(first, points, rigidPoints);
    const aligned = toHeadAxes(points, fit.rotation, fit.targetCentre, fit.scale);
    const [rx, ry, rz] = rotationVector(multiply(this.#firstRotation, fit.rotation, true));
    return {
      points: Float32Array.from(aligned),
      pose: Float64Array.of(Math.log(fit.scale), rx, ry, rz, fit.targetCentre[0]!, fit.targetCentre[1]!, fit.targetCentre[2]!),
      gap: meanLipGap(aligned, faceShape(aligned).extents[2]),
    };
  }

  #adopt(): void {
    const gaps = this.#samples.map((s) => s.gap).sort((a, b) => a - b);
    const limit = Math.max(0.03, gaps[Math.floor(gaps.length * 0.4)]!);
    const used = this.#samples.filter((s) => s.gap <= limit);
    const column = new Float64Array(used.length);
    const median = (pick: (s: Sample) => number) => {
      for (let i = 0; i < used.length; i++) column[i] = pick(used[i]!);
      column.sort();
      return (column[(used.length - 1) >> 1]! + column[used.length >> 1]!) / 2;
    };
    const pose = Float64Array.from({ length: 7 }, (_, a) => median((s) => s.pose[a]!));
    const scale = Math.exp(pose[0]!);
    const shape = new Float64Array(COORDINATES);
    for (let i = 0; i < COORDINATES; i++) shape[i] = scale * median((s) => s.points[i]!);
    this.#rotation = multiply(this.#firstRotation, rotationMatrix(pose[1]!, pose[2]!, pose[3]!));
    this.#centre = pose.slice(4, 7);
    this.#shape = faceShape(shape);
    for (const eye of [0, 1] as const) {
      const open = this.#samples.map((s) => eyeOpenness(Float64Array.from(s.points), eye)).sort((a, b) => a - b);
      this.#eyeOpen[eye] = open[Math.floor((open.length - 1) * 0.7)]!;
    }
  }

  /**
   * Refines after the first second. `aligned` is the frame in head axes with pose and size removed; `neutralLike` says that
   * the frame shows no expression to speak of.
   */
  refine(aligned: Float64Array, pose: DriverPose, dtSeconds: number, neutralLike: boolean): void {
    if (this.fixed || this.#samples.length > 0 || this.#shape === null) return;
    const dt = Math.min(dtSeconds, 0.1);
    for (const eye of [0, 1] as const) {
      const open = eyeOpenness(aligned, eye);
      const level = this.#eyeOpen[eye];
      const seconds = open > level ? eyeRiseSeconds : eyeFallSeconds;
      if (open > 0.6 * level) this.#eyeOpen[eye] = level + (open - level) * (dt / seconds);
    }
    const place = dt / placeSeconds;
    for (let a = 0; a < 3; a++) this.#centre[a]! += place * (pose.centre[a]! - this.#centre[a]!);
    if (!neutralLike) return;
    const h = this.#shape.points;
    const share = dt / shapeSeconds;
    for (let i = 0; i < COORDINATES; i++) h[i]! += share * (aligned[i]! - h[i]!);
    this.#shape = faceShape(h);
  }
}
