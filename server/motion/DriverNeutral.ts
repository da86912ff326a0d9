/**
 * The driver's face at rest, learned while it drives: there from the first frame, settled after a second, refined for ever.
 *
 * It is the mean of the calmest frames seen: lips together, no smile, brows down, eyes open, looking ahead. A calmer frame
 * than any before outweighs all evidence so far, so that a call that begins in the middle of a word or a smile comes right as
 * soon as the face rests once; and lips apart are never taken for rest, unless they hardly ever meet.
 */
import { LANDMARK_COUNT } from '../../client/src/protocol/landmarks.ts';
import { eyesAreOpen, faceTension } from './face-tension.ts';
import { eyeOpenness, faceShape, headAxes, meanLipGap, toHeadAxes } from './head-geometry.ts';
import type { FaceShape } from './head-geometry.ts';
import { isFaceAtRest } from './is-face.ts';
import { closeLips } from './lip-closing.ts';
import { rigidPoints } from '../landmarker/mesh-topology.ts';
import { centroid, multiply, rotationMatrix, rotationVector } from '../../client/src/faces/rigid-fit.ts';
import { smoothstep } from './scalars.ts';

const COORDINATES = LANDMARK_COUNT * 3;
/** Behind the coordinates of what `save` gives: rotation, centre, size, eyes, evidence, tension, gaps, time. */
const SAVED_SCALARS = 21;
const calibrationMs = 1000;
/** Evidence beyond this is forgotten: the time constant of late refinement. */
const mostEvidenceSeconds = 25;
/** Weight of the first frame of all. */
const firstEvidenceSeconds = 0.03;
/** The least tension must last that long to count, and is forgotten at that rate: slowly, for a smile may be held for minutes. */
const tensionSmoothSeconds = 0.25;
const tensionLeakPerSecond = 0.002;
/** Standard deviation of the bell by which a frame's weight falls with its tension above the least. */
const calmTension = 0.5;
/** The shape in use follows what was learned: time constant, and largest speed in face sizes per second. */
const followSeconds = 0.5;
const followSpeed = 0.08;
/** Lips at rest, over face size; after `lastingSeconds` of lips that never met, their least gap is believed instead. */
const restGap = 0.01;
const lastingSeconds = [20, 60] as const;
const mostRestGap = 0.05;
const placeSeconds = 30;
const turnSeconds = 12;
/** A head that comes back to looking ahead pulls its rest along sooner. */
const aheadSeconds = 2.5;
const eyeFallSeconds = 20;
const eyeRiseSeconds = 1.5;
const firstEyeRiseSeconds = 0.1;
/** No face at rest is more than 20 000 times as large as the first one seen. */
const mostLogScale = 10;
/** Eyes less open than this over their width are shut, not narrow: nobody's eyes at rest. */
const leastEyeOpen = 0.1;

export interface DriverPose {
  scale: number;
  /** Head → image at this frame. */
  rotation: Float64Array;
  centre: Float64Array;
}

export interface KnownNeutral {
  shape: FaceShape;
  rotation: Float64Array;
  centre: Float64Array;
}

export class DriverNeutral {
  /** Given and fixed (absolute mode), or learned. */
  readonly fixed: boolean;
  #shape: FaceShape | null = null;
  #rotation: Float64Array = new Float64Array(9);
  #centre: Float64Array = new Float64Array(3);
  #logScale = 0;
  #eyeOpen: [number, number] = [0, 0];
  readonly #learned = new Float64Array(COORDINATES);
  readonly #goal = new Float64Array(COORDINATES);
  /** Seconds of frames as calm as the calmest. */
  #evidence = 0;
  #smoothTension = 0;
  #leastTension = Infinity;
  #smoothGap = 0;
  #leastGap = Infinity;
  #seconds = 0;

  constructor(known?: KnownNeutral) {
    this.fixed = known !== undefined;
    if (!known) return;
    this.#shape = known.shape;
    this.#rotation = known.rotation;
    this.#centre = known.centre;
    this.#eyeOpen = [...known.shape.eyeOpenness];
  }

  get ready(): boolean {
    return this.#shape !== null;
  }

  /** True during the first second of observations. */
  get calibrating(): boolean {
    return !this.fixed && (this.#shape === null || this.#seconds * 1000 <= calibrationMs);
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

  /** Of the size at rest over the shape's. */
  get logScale(): number {
    return this.#logScale;
  }

  /** Opening of the open eye, over eye width. */
  get eyeOpen(): readonly [number, number] {
    return this.#eyeOpen;
  }

  /** What was learned, [1434 + 21], for `restore` elsewhere; null until calibrated, and if fixed. It is personal: never stored, never logged. */
  save(): Float32Array | null {
    if (this.fixed || this.calibrating) return null;
    const saved = new Float32Array(COORDINATES + SAVED_SCALARS);
    saved.set(this.#learned);
    saved.set([...this.#rotation, ...this.#centre, this.#logScale, ...this.#eyeOpen, this.#evidence], COORDINATES);
    saved.set([this.#smoothTension, this.#leastTension, this.#smoothGap, this.#leastGap, this.#seconds], COORDINATES + 16);
    return saved;
  }

  /** Goes on from what `save` gave. What cannot have come from it is not taken: the face is learned anew. */
  restore(saved: Float32Array): void {
    if (this.fixed || saved.length !== COORDINATES + SAVED_SCALARS || !saved.every(Number.isFinite) || !isFaceAtRest(saved)) return;
    const at = (i: number): number => saved[COORDINATES + i]!;
    const rotates = saved.subarray(COORDINATES, COORDINATES + 9).every((value) => Math.abs(value) <= 1.001);
    if (!rotates || Math.abs(at(12)) > mostLogScale || at(15) < 0 || at(20) < 0) return;
    this.#learned.set(saved.subarray(0, COORDINATES));
    this.#rotation = Float64Array.from(saved.subarray(COORDINATES, COORDINATES + 9));
    this.#centre = Float64Array.from(saved.subarray(COORDINATES + 9, COORDINATES + 12));
    this.#logScale = at(12);
    this.#eyeOpen = [Math.max(leastEyeOpen, at(13)), Math.max(leastEyeOpen, at(14))];
    [this.#evidence, this.#smoothTension, this.#leastTension] = [at(15), at(16), at(17)];
    [this.#smoothGap, this.#leastGap, this.#seconds] = [at(18), at(19), at(20)];
    this.#updateGoal();
    this.#shape = faceShape(Float64Array.from(this.#goal));
  }

  /** Takes the first frame as it is. */
  begin(points: Float32Array): void {
    this.#rotation = headAxes(points);
    this.#centre = centroid(points, rigidPoints);
    const aligned = toHeadAxes(points, this.#rotation, this.#centre);
    this.#learned.set(aligned);
    this.#shape = faceShape(aligned);
    const [left, right] = this.#shape.eyeOpenness;
    this.#eyeOpen = [Math.max(leastEyeOpen, left), Math.max(leastEyeOpen, right)];
    this.#smoothGap = meanLipGap(aligned, this.#shape.extents[2]);
    this.#smoothTension = this.#leastTension = faceTension(aligned, yawOf(this.#rotation));
    this.#evidence = firstEvidenceSeconds;
    this.#updateGoal();
    this.#shape = faceShape(Float64Array.from(this.#goal));
  }

  /**
   * Learns from one more frame. During the first second the shape steps to what was learned, afterwards it glides.
   * @param aligned [478, 3] the frame in head axes of `shape`, pose and size removed.
   */
  learn(aligned: Float64Array, pose: DriverPose, dtSeconds: number): void {
    if (this.fixed || this.#shape === null || dtSeconds <= 0) return;
    const dt = Math.min(dtSeconds, 0.1);
    const stepping = this.calibrating;
    this.#seconds += dt;
    this.#learnEyes(aligned, dt, stepping);
    this.#learnPose(pose, dt, stepping);
    this.#learnShape(aligned, pose, dt);
    this.#updateGoal();
    this.#follow(stepping ? null : dt);
  }

  #learnEyes(aligned: Float64Array, dt: number, stepping: boolean): void {
    for (const eye of [0, 1] as const) {
      const open = eyeOpenness(aligned, eye);
      const level = this.#eyeOpen[eye];
      const seconds = open <= level ? eyeFallSeconds : stepping ? firstEyeRiseSeconds : eyeRiseSeconds;
      if (open > 0.6 * level) this.#eyeOpen[eye] = level + (open - level) * Math.min(1, dt / seconds);
    }
  }

  #learnPose(pose: DriverPose, dt: number, stepping: boolean): void {
    const early = dt / Math.max(this.#seconds, dt);
    const away = rotationVector(multiply(this.#rotation, pose.rotation, true));
    const angle = Math.hypot(away[0], away[1], away[2]);
    const ahead = Math.abs(yawOf(pose.rotation)) < Math.abs(yawOf(this.#rotation)) - 0.08;
    const turn = stepping ? early : ahead ? dt / aheadSeconds : ((0.02 + Math.exp(-((angle / 0.15) ** 2))) * dt) / turnSeconds;
    this.#rotation = multiply(this.#rotation, rotationMatrix(turn * away[0], turn * away[1], turn * away[2]));
    // a face that turns moves sideways, too: where it rests belongs to how it rests
    const place = stepping ? early : Math.max(dt / placeSeconds, ahead ? turn : 0);
    for (let a = 0; a < 3; a++) this.#centre[a]! += place * (pose.centre[a]! - this.#centre[a]!);
    this.#logScale += place * (Math.log(pose.scale) - this.#logScale);
  }

  #learnShape(aligned: Float64Array, pose: DriverPose, dt: number): void {
    const size = this.#shape!.extents[2];
    const smooth = Math.min(1, dt / tensionSmoothSeconds);
    const gap = meanLipGap(aligned, size);
    this.#smoothGap += smooth * (gap - this.#smoothGap);
    this.#leastGap = Math.min(this.#leastGap, Math.max(gap, this.#smoothGap));
    const now = faceTension(aligned, yawOf(pose.rotation));
    this.#smoothTension += smooth * (now - this.#smoothTension);
    if (!eyesAreOpen(aligned, this.#eyeOpen)) return;
    const tension = Math.max(now, this.#smoothTension);
    if (tension < this.#leastTension) {
      // what was learned from tenser frames weighs less from now on
      this.#evidence *= Math.exp(Math.max(tension - this.#leastTension, -60));
      this.#leastTension = tension;
    } else this.#leastTension += tensionLeakPerSecond * dt;
    const weight = Math.exp(-(Math.max(0, tension - this.#leastTension) ** 2) / (2 * calmTension ** 2)) * dt;
    this.#evidence = Math.min(this.#evidence + weight, mostEvidenceSeconds);
    const share = weight / this.#evidence;
    for (let i = 0; i < COORDINATES; i++) this.#learned[i]! += share * (aligned[i]! - this.#learned[i]!);
  }

  /** What was learned, with the lips together. */
  #updateGoal(): void {
    const lasting = smoothstep(lastingSeconds[0], lastingSeconds[1], this.#seconds) * Math.min(mostRestGap, this.#leastGap);
    this.#goal.set(this.#learned);
    closeLips(this.#goal, Math.max(restGap, Number.isFinite(lasting) ? lasting : 0));
  }

  /** @param dt seconds to glide, or null for a step. */
  #follow(dt: number | null): void {
    const h = this.#shape!.points;
    let share = 1;
    if (dt !== null) {
      let most = 0;
      for (let i = 0; i < COORDINATES; i++) most = Math.max(most, Math.abs(this.#goal[i]! - h[i]!));
      share = Math.min(dt / followSeconds, (followSpeed * dt * this.#shape!.extents[2]) / Math.max(most, 1e-9), 1);
    }
    for (let i = 0; i < COORDINATES; i++) h[i]! += share * (this.#goal[i]! - h[i]!);
    this.#shape = faceShape(h);
  }
}

/** How far a head is turned from looking into the camera, radians. */
function yawOf(rotation: Float64Array): number {
  return Math.atan2(rotation[2]!, rotation[8]!);
}
