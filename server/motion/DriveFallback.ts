/**
 * Never a freeze: landmarks → short extrapolation → calm idle, and back, without a jump at any step; a frame in which the tracker
 * errs is as one that is missing. Works on motions, so that every mixture is a face.
 */
import type { DriveState, LandmarkFrame } from '../../client/src/protocol/index.ts';
import { LANDMARK_COUNT } from '../../client/src/protocol/landmarks.ts';
import { IdleMotion } from './idle-motion.ts';
import { isFace } from './is-face.ts';
import { extentPoints, rigidPoints } from '../landmarker/mesh-topology.ts';
import { mixMotion, motionLayout, motionLength, poseLength, restMotion } from './motion.ts';
import type { Motion } from './motion.ts';
import { PersonWatch } from './PersonWatch.ts';
import type { Retargeter } from './Retargeter.ts';
import { fitSimilarity, rotationVector } from '../../client/src/faces/rigid-fit.ts';
import { clamp, smoothstep } from './scalars.ts';

export const fallbackTimes = {
  /** Older landmarks than this count as missing. */
  staleMs: 120,
  /** Between these ages the face fades from its last motion into idle. */
  fadeFromMs: 280,
  fadeToMs: 900,
  /** Time constant with which the last velocity dies away. */
  coastMs: 110,
  /** Landmarks that come back after a pause take this long to win. */
  returnMs: 450,
} as const;

/** Pose units per second that coasting is limited to: radians, log scale, face sizes. */
const maxCoastSpeed = 1.2;

/** No head does more in a second: radians, log scale, face widths. */
const fastest = { turn: 15, growth: 5, travel: 10 } as const;
/** A face is hardly ever tracked at more than 60 a second; packets that come in one burst are not a fast head. */
const shortestStepMs = 16;
/** A frame after refused ones that lies within a step of this length goes on where the face was: nothing has to glide. */
const goingOnMs = 34;

export interface DriveFallbackOptions {
  retargeter: Retargeter;
  seed?: number;
}

export class DriveFallback {
  readonly #idle: IdleMotion;
  readonly #out = restMotion();
  readonly #target = restMotion();
  readonly #observed = restMotion();
  readonly #velocity = new Float64Array(poseLength);
  /** What showed when landmarks came back, minus what they asked for. */
  readonly #offset = restMotion();
  #retargeter: Retargeter;
  /** The driver's points as last believed. */
  readonly #believed = new Float32Array(LANDMARK_COUNT * 3);
  readonly #person = new PersonWatch();
  #refused = false;
  #capturedMs = -Infinity;
  #arrivedMs: number | null = null;
  #returnedMs = -Infinity;
  #shown = false;

  constructor({ retargeter, seed = 1 }: DriveFallbackOptions) {
    this.#retargeter = retargeter;
    this.#idle = new IdleMotion(seed);
  }

  /** Another portrait: the same driver, perhaps another way to measure it. */
  use(retargeter: Retargeter): void {
    this.#retargeter = retargeter;
  }

  /** The motion to show at `timeMs`; valid until the next call. */
  step(landmarks: LandmarkFrame | null, timeMs: number): { motion: Motion; state: DriveState } {
    const idle = this.#idle.at(timeMs);
    if (landmarks && landmarks.confidence > 0 && landmarks.capturedMs > this.#capturedMs && isFace(landmarks.points)) {
      if (this.#believable(landmarks, timeMs)) this.#observe(landmarks, timeMs);
      else this.#refused = true;
    }
    const age = this.#arrivedMs === null ? Infinity : timeMs - this.#arrivedMs;
    this.#mix(age, timeMs, idle);
    this.#shown = true;
    return { motion: this.#out, state: this.#state(age) };
  }

  /** Forgets what was shown: the next frame may jump. */
  reset(): void {
    this.#person.forget();
    this.#arrivedMs = null;
    this.#capturedMs = -Infinity;
    this.#returnedMs = -Infinity;
    this.#offset.fill(0);
    this.#velocity.fill(0);
    this.#shown = false;
    this.#refused = false;
    this.#retargeter.resume();
  }

  /**
   * False for a step that no head can do since the last frame that was believed, or in `mostMs`. The longer a tracker insists the more is
   * possible; after `staleMs` all is: perhaps another face has come.
   */
  #believable({ points, capturedMs }: LandmarkFrame, timeMs: number, mostMs = Infinity): boolean {
    if (this.#isStale(timeMs)) return true;
    const seconds = Math.min(mostMs, Math.max(shortestStepMs, capturedMs - this.#capturedMs)) / 1000;
    const { scale, rotation, sourceCentre, targetCentre } = fitSimilarity(this.#believed, points, rigidPoints);
    const { left, right } = extentPoints;
    const width = Math.hypot(...[0, 1, 2].map((a) => this.#believed[left * 3 + a]! - this.#believed[right * 3 + a]!));
    const travel = Math.hypot(...[0, 1].map((a) => targetCentre[a]! - sourceCentre[a]!)) / width;
    return (
      Math.hypot(...rotationVector(rotation)) < fastest.turn * seconds &&
      Math.abs(Math.log(scale)) < fastest.growth * seconds &&
      travel < fastest.travel * seconds
    );
  }

  #isStale(timeMs: number): boolean {
    return this.#arrivedMs === null || timeMs - this.#arrivedMs > fallbackTimes.staleMs;
  }

  #state(age: number): DriveState {
    if (age > fallbackTimes.fadeToMs) return 'idle';
    if (age > fallbackTimes.staleMs) return 'extrapolating';
    return this.#retargeter.calibrating ? 'calibrating' : 'tracking';
  }

  #observe(landmarks: LandmarkFrame, timeMs: number): void {
    const dt = landmarks.capturedMs - this.#capturedMs;
    const paused = this.#isStale(timeMs) || (this.#refused && !this.#believable(landmarks, timeMs, goingOnMs));
    if (paused) this.#retargeter.resume();
    // another person's face at rest is another one: nobody's head is to look too large, nobody's mouth parted, by the one's before
    if (this.#person.observe(landmarks.points, landmarks.capturedMs, paused)) this.#retargeter.recalibrate();
    const motion = this.#retargeter.observe(landmarks.points, landmarks.capturedMs);
    if (paused) {
      this.#velocity.fill(0);
    } else {
      for (let i = 0; i < poseLength; i++) {
        const v = clamp(((motion[i]! - this.#observed[i]!) / dt) * 1000, -maxCoastSpeed, maxCoastSpeed);
        this.#velocity[i]! += 0.4 * (v - this.#velocity[i]!);
      }
    }
    this.#observed.set(motion);
    if (paused && this.#shown) {
      for (let i = 0; i < motionLength; i++) this.#offset[i] = this.#out[i]! - motion[i]!;
      this.#returnedMs = timeMs;
    }
    this.#believed.set(landmarks.points);
    this.#refused = false;
    this.#capturedMs = landmarks.capturedMs;
    this.#arrivedMs = timeMs;
  }

  /** Puts the motion for landmarks of that age into `#out`. */
  #mix(age: number, timeMs: number, idle: Motion): void {
    const { fadeFromMs, fadeToMs, coastMs, returnMs } = fallbackTimes;
    if (age > fadeToMs && timeMs - this.#returnedMs > returnMs) {
      this.#out.set(idle);
      return;
    }
    const target = this.#target;
    target.set(this.#observed);
    const coast = (coastMs / 1000) * (1 - Math.exp(-Math.min(age, 2000) / coastMs));
    for (let i = 0; i < poseLength; i++) target[i]! += this.#velocity[i]! * coast;
    // a mouth or a blink caught half way must not stay
    const settle = smoothstep(60, 350, age);
    for (let i = motionLayout.closure; i < motionLayout.gaze; i++) target[i]! *= 1 - settle;
    const back = 1 - smoothstep(0, returnMs, timeMs - this.#returnedMs);
    if (back > 0) for (let i = 0; i < motionLength; i++) target[i]! += back * this.#offset[i]!;
    mixMotion(target, idle, smoothstep(fadeFromMs, fadeToMs, age), this.#out);
  }
}
