/**
 * Landmarks of a driver → motion relative to the driver's own face at rest. Streaming: needs no future frame and moves
 * from the first frame on. What the motion does to a portrait is `AvatarFace`'s part.
 */
import type { MotionMode } from './motion.ts';
import { DriverNeutral } from './DriverNeutral.ts';
import type { DriverPose, KnownNeutral } from './DriverNeutral.ts';
import { eyeOpenness, gazeOffset, lipGaps, toHeadAxes } from './head-geometry.ts';
import { isFace } from './is-face.ts';
import { lipColumns, rigidPoints } from '../landmarker/mesh-topology.ts';
import { motionLayout, motionLength, restMotion } from './motion.ts';
import type { Motion } from './motion.ts';
import { shutEyeShare } from './posing.ts';
import { SteadyFilter } from './SteadyFilter.ts';
import { fitSimilarity, multiply, rotationVector } from '../../client/src/faces/rigid-fit.ts';

const L = motionLayout;
/** Time constant with which a step of the neutral face is worked off. */
const neutralStepMs = 250;

export interface RetargeterOptions {
  motion: MotionMode;
  /** Absolute mode: the portrait's own face in the driver's coordinates is the face at rest. */
  neutral?: KnownNeutral;
  /** Calms the tracker's noise; off only for measurements. */
  filter?: boolean;
}

export class Retargeter {
  readonly #options: RetargeterOptions;
  readonly #filter = new SteadyFilter();
  readonly #aligned = new Float64Array(motionLength - L.deltas);
  readonly #scratch = new Float64Array(Math.max(lipColumns, 4));
  readonly #motion = restMotion();
  readonly #before = restMotion();
  /** What a step of the neutral face left to be worked off. */
  readonly #offset = restMotion();
  #neutral: DriverNeutral;
  #lastMs: number | null = null;

  constructor(options: RetargeterOptions) {
    this.#options = options;
    this.#neutral = this.#newNeutral();
  }

  get calibrating(): boolean {
    return this.#neutral.calibrating;
  }

  /**
   * @param points [478, 3] isotropic, any unit. Points that are no head (`isFace`) change nothing.
   * @param timeMs when the picture was taken; must not run back.
   * @returns the motion, finite; valid until the next call.
   */
  observe(points: Float32Array, timeMs: number): Motion {
    if (!isFace(points)) return this.#motion;
    const dt = this.#lastMs === null ? 0 : Math.max(0, timeMs - this.#lastMs);
    this.#lastMs = timeMs;
    const m = this.#motion;
    const neutral = this.#neutral;
    if (!neutral.ready) neutral.begin(points);
    const stepping = neutral.calibrating;
    const pose = this.#measure(points, m);
    neutral.learn(this.#aligned, pose, dt / 1000);
    if (stepping) {
      // in the first second the neutral face steps: what that changes is worked off over some frames
      this.#before.set(m);
      this.#measure(points, m);
      for (let i = 0; i < motionLength; i++) if (!isClosure(i)) this.#offset[i]! += this.#before[i]! - m[i]!;
    }
    if (this.#options.filter ?? true) this.#filter.apply(m, timeMs);
    const keep = Math.exp(-dt / neutralStepMs);
    for (let i = 0; i < motionLength; i++) {
      this.#offset[i]! *= keep;
      m[i]! += this.#offset[i]!;
    }
    return m;
  }

  /** Learns the driver's face at rest anew; the motion glides to the new reference. */
  recalibrate(): void {
    this.#neutral = this.#newNeutral();
    // the new neutral makes the next frame the origin: carry what shows now over and let it fade
    for (let i = 0; i < motionLength; i++) this.#offset[i] = this.#motion[i]!;
    this.#filter.reset();
  }

  /** The driver's face at rest as learned so far, or null: see `DriverNeutral.save`. */
  saveNeutral(): Float32Array | null {
    return this.#neutral.save();
  }

  /** Before the first frame: goes on with what `saveNeutral` gave elsewhere. */
  restoreNeutral(saved: Float32Array): void {
    this.#neutral.restore(saved);
  }

  /** After a pause: the filters' speed means nothing any more. The face at rest is learned on: a slow tracker is all pauses. */
  resume(): void {
    this.#filter.reset();
  }

  #newNeutral(): DriverNeutral {
    return new DriverNeutral(this.#options.motion === 'absolute' ? this.#options.neutral : undefined);
  }

  /** Unfiltered motion of one frame against the neutral face. */
  #measure(points: Float32Array, out: Motion): DriverPose {
    const { shape, rotation: atRest, centre, logScale, eyeOpen } = this.#neutral;
    const fit = fitSimilarity(shape.points, points, rigidPoints);
    // the neutral's own centroid at these points is not quite its origin once it has been refined
    const origin = fit.sourceCentre;
    const aligned = toHeadAxes(points, fit.rotation, fit.targetCentre, fit.scale, this.#aligned);
    for (let i = 0; i < aligned.length; i++) aligned[i]! += origin[i % 3]!;
    const size = shape.extents[2];
    const sizeAtRest = size * Math.exp(logScale);
    out[L.logScale] = Math.log(fit.scale) - logScale;
    out.set(rotationVector(multiply(atRest, fit.rotation, true)), L.rotation);
    for (let a = 0; a < 3; a++) out[L.translation + a] = (fit.targetCentre[a]! - centre[a]!) / sizeAtRest;
    for (let i = 0; i < aligned.length; i++) out[L.deltas + i] = (aligned[i]! - shape.points[i]!) / shape.extents[(i % 3) as 0 | 1 | 2];
    lipGaps(aligned, size, this.#scratch);
    for (let i = 0; i < lipColumns; i++) out[L.lips + i] = this.#scratch[i]! - shape.lipGaps[i]!;
    for (const eye of [0, 1] as const) {
      const closed = (1 - eyeOpenness(aligned, eye) / eyeOpen[eye]) / (1 - shutEyeShare);
      out[L.closure + eye] = closed;
      gazeOffset(aligned, eye, this.#scratch, 0);
      out[L.gaze + eye * 2] = this.#scratch[0]! - shape.gaze[eye * 2]!;
      out[L.gaze + eye * 2 + 1] = this.#scratch[1]! - shape.gaze[eye * 2 + 1]!;
    }
    return { scale: fit.scale, rotation: fit.rotation, centre: fit.targetCentre };
  }
}

/** Lids are right at once: what an eye that was shut at first taught would be a stare for half a second. */
function isClosure(i: number): boolean {
  return i === L.closure || i === L.closure + 1;
}
