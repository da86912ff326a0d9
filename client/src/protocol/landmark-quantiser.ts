/** The encoder's judgement: how finely to quantise a face so that its error stays below the target, at the fewest bits. */
import { COORDINATES } from './landmark-model.ts';
import type { LandmarkModel } from './landmark-model.ts';
import { STEPS, coefficientStep, createQuantisedFace, quantisePose, residualStep, restorePose } from './landmark-payload.ts';
import type { ResidualTransform } from './landmark-residual.ts';
import { ShapeProjector, faceWidth, measurePose, removePose } from './landmark-shape.ts';
import { LANDMARK_COUNT } from './landmarks.ts';

/** Rounding offset: a little below a half, since small values are likelier than large ones. The entropy tables assume it. */
const ROUNDING = 0.42;
/** A coefficient stays at its previous value until it is this far (in steps) from it. */
const HOLD = 0.62;
/** Faces smaller or further out than this are none. */
const SMALLEST_SIZE = 0.001;
const LARGEST = 60;
/** With a residual, the coefficients take this share of the error that is allowed and the residual brings the rest down to it. */
const SHARE_WITH_RESIDUAL = 0.4;
/** Where the basis alone leaves more than this share of the allowed error, a residual is cheaper than ever finer coefficients. */
const RESIDUAL_FROM = 0.75;

export class FaceQuantiser {
  /** The latest face's numbers, refilled by `quantise`. */
  readonly face = createQuantisedFace();
  readonly #model: LandmarkModel;
  readonly #transform: ResidualTransform;
  readonly #projector: ShapeProjector;
  readonly #target: number;
  readonly #shape = new Float64Array(COORDINATES);
  readonly #rebuilt = new Float64Array(COORDINATES);
  readonly #coefficients: Float64Array;
  readonly #restored: Float64Array;
  readonly #previous: Int32Array;
  #previousStep = -1;
  #pose = { x: 0, y: 0, z: 0, size: 1, roll: 0 };
  /** Squared error that the face may have, all points together, in normalised units. */
  #allowed = 0;
  /** Unweighted over weighted squared error, as lately seen. */
  #ratio = 0.8;

  constructor(model: LandmarkModel, transform: ResidualTransform, targetErrorPercent: number) {
    this.#model = model;
    this.#transform = transform;
    this.#projector = new ShapeProjector(model);
    // A hair below: points travel as 32-bit floats.
    this.#target = (targetErrorPercent / 100) * 0.999;
    this.#coefficients = new Float64Array(model.rows.length);
    this.#restored = new Float64Array(model.rows.length);
    this.#previous = new Int32Array(model.rows.length);
  }

  /** Takes in [478, 3] points; false where they are no face (not finite, no extent, far outside of the picture). */
  measure(points: Float32Array): boolean {
    const pose = measurePose(this.#model, points);
    const inside = Math.abs(pose.x) <= LARGEST && Math.abs(pose.y) <= LARGEST && Math.abs(pose.z) <= LARGEST;
    // Written so that NaN fails; an infinite point makes the size infinite or NaN.
    if (!(inside && pose.size >= SMALLEST_SIZE && pose.size <= 2)) return false;
    quantisePose(pose, this.face.pose);
    restorePose(this.face.pose, this.#pose);
    removePose(this.#model, points, this.#pose, this.#shape);
    this.#projector.project(this.#shape, this.#coefficients);
    return true;
  }

  quantise(): void {
    this.#allowed = (this.#target * faceWidth(this.#model, this.#shape)) ** 2 * LANDMARK_COUNT;
    const outside = this.#outside();
    if (this.#ratio * outside < RESIDUAL_FROM * this.#allowed && this.#quantiseAlone(outside)) return;
    this.#quantiseWithResidual();
  }

  /** For the packet's size limit: the next coarser residual, and without any, coarser coefficients. */
  coarsen(): void {
    if (this.face.hasResidual && this.face.residualIndex < STEPS - 3) {
      this.face.residualIndex += 2;
      this.#roundResidual();
      return;
    }
    this.face.hasResidual = false;
    this.#round(Math.min(STEPS - 1, this.face.stepIndex + 8));
  }

  /** Weighted squared error that the basis leaves. */
  #outside(): number {
    let square = 0;
    for (let i = 0; i < COORDINATES; i++) square += this.#model.weight[(i / 3) | 0]! * this.#shape[i]! ** 2;
    for (let k = 0; k < this.#coefficients.length; k++) square -= this.#coefficients[k]! ** 2;
    return Math.max(0, square);
  }

  #quantiseAlone(outside: number): boolean {
    const best = this.#coarsestStep((this.#allowed / this.#ratio) * 0.99 - outside);
    if (best < 0) return false;
    let index = this.#steadyStep(best);
    for (let attempt = 0; attempt < 4 && index >= 0; attempt++, index -= 1 + attempt) {
      this.#round(index);
      const error = this.#rebuild();
      this.#learnRatio(error, outside);
      if (error > this.#allowed) continue;
      this.face.hasResidual = false;
      return true;
    }
    return false;
  }

  #quantiseWithResidual(): void {
    this.#round(this.#steadyStep(this.#coarsestStep((this.#allowed / 0.8) * SHARE_WITH_RESIDUAL)));
    this.#rebuild();
    this.face.hasResidual = true;
    for (let i = 0; i < COORDINATES; i++) this.#rebuilt[i] = this.#shape[i]! - this.#rebuilt[i]!;
    this.#transform.forward(this.#rebuilt);
    let low = 0,
      high = STEPS - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#residualError(middle) <= this.#allowed) low = middle;
      else high = middle - 1;
    }
    this.face.residualIndex = low;
    this.#roundResidual();
  }

  /** The coarsest step whose rounding error (weighted) stays within `allowed`; -1 if none does. */
  #coarsestStep(allowed: number): number {
    let low = -1,
      high = STEPS - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#roundingError(middle) <= allowed) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** A step that changes with every frame would make a still face tremble: keep the previous one while it is nearly the best. */
  #steadyStep(best: number): number {
    const previous = this.#previousStep;
    if (previous >= 0 && best >= previous && best <= previous + 4) return previous;
    return Math.max(0, best - 1);
  }

  #roundingError(index: number): number {
    const step = coefficientStep(index);
    let square = 0;
    for (let k = 0; k < this.#coefficients.length; k++) {
      const value = Math.abs(this.#coefficients[k]!);
      square += (value - Math.floor(value / step + ROUNDING) * step) ** 2;
    }
    return square;
  }

  #round(index: number): void {
    const step = coefficientStep(index);
    const held = index === this.#previousStep;
    const { coefficients } = this.face;
    this.face.stepIndex = index;
    for (let k = 0; k < coefficients.length; k++) {
      const value = this.#coefficients[k]! / step;
      const before = this.#previous[k]!;
      if (held && Math.abs(value - before) < HOLD) coefficients[k] = before;
      else coefficients[k] = Math.sign(value) * Math.floor(Math.abs(value) + ROUNDING);
      this.#restored[k] = coefficients[k]! * step;
    }
    this.#previous.set(coefficients);
    this.#previousStep = index;
  }

  /** Builds the face again from its coefficients; returns the squared error over all points. */
  #rebuild(): number {
    this.#projector.build(this.#restored, this.#rebuilt);
    let square = 0;
    for (let i = 0; i < COORDINATES; i++) square += (this.#shape[i]! - this.#rebuilt[i]!) ** 2;
    return square;
  }

  #learnRatio(error: number, outside: number): void {
    let weighted = outside;
    for (let k = 0; k < this.#coefficients.length; k++) weighted += (this.#coefficients[k]! - this.#restored[k]!) ** 2;
    if (weighted > 0) this.#ratio += (error / weighted - this.#ratio) * 0.1;
  }

  #residualError(index: number): number {
    const step = residualStep(index);
    let square = 0;
    for (let i = 0; i < COORDINATES; i++) {
      const value = Math.abs(this.#rebuilt[i]!);
      square += (value - Math.floor(value / step + ROUNDING) * step) ** 2;
    }
    return square;
  }

  #roundResidual(): void {
    const step = residualStep(this.face.residualIndex);
    for (let i = 0; i < COORDINATES; i++) {
      const value = this.#rebuilt[i]! / step;
      this.face.residual[i] = Math.sign(value) * Math.floor(Math.abs(value) + ROUNDING);
    }
  }
}
