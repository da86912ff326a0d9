/**
 * Calms a tracker's noise without lag. What belongs together in a face (head, mouth, lids, irises, the rest) moves by one gain: as far as a group's
 * points differ from what is shown by no more than their noise, little of it is taken; what is plainly more than noise is taken whole, at once.
 * Hundreds of noisy points agree well on which of both it is, where a filter of each point alone must wait for its speed to be sure.
 * How noisy the tracker is, is learned: it depends on camera, light and distance.
 */
import { chinGains } from './chin-pace.ts';
import { motionGroups } from './motion-groups.ts';
import type { MotionGroup } from './motion-groups.ts';
import { motionLayout, motionLength } from './motion.ts';
import type { Motion } from './motion.ts';
import { clamp, smoothstep } from './scalars.ts';

/** A group's distance from what is shown, over its noise: up to `still` it is noise, from `moving` on motion. */
const thresholds = { still: 1.6, moving: 3.2 } as const;
/** Cut-off of a face that is still. */
const stillCutoffHz = 2.5;
/** Frames further apart have nothing to do with each other. */
const gapSeconds = 0.2;
/** Noise of this tracker over the usual one. */
const noiseScale = { least: 0.2, most: 1.5 } as const;
/** The scale follows this quantile of what it sees: most of the time a face is not still. */
const noiseQuantile = 0.5;
const noiseStep = 0.04;
const quietGroup = 2;
/** Second differences of white noise are so much larger than itself. */
const secondDifference = Math.sqrt(6);

export class SteadyFilter {
  readonly #value = new Float64Array(motionLength);
  readonly #before = [new Float64Array(motionLength), new Float64Array(motionLength)] as const;
  #seen = 0;
  #noise = 1;
  #lastMs: number | null = null;

  /** Filters a motion in place. Time that stands still or runs back shows what was shown before. */
  apply(motion: Motion, timeMs: number): void {
    const seconds = this.#lastMs === null ? Infinity : (timeMs - this.#lastMs) / 1000;
    if (seconds <= 0) {
      motion.set(this.#value);
      return;
    }
    this.#lastMs = timeMs;
    if (seconds > gapSeconds) this.#seen = 0;
    this.#learnNoise(motion);
    if (this.#seen === 1) {
      this.#value.set(motion);
      return;
    }
    const r = 2 * Math.PI * stillCutoffHz * seconds;
    const least = r / (r + 1);
    const gains = new Map(
      motionGroups.map((group) => {
        const away = distance(group, motion, this.#value) / (group.noise * this.#noise);
        return [group.name, least + (1 - least) * smoothstep(thresholds.still, thresholds.moving, away)];
      }),
    );
    const chin = chinGains(motion, this.#value, { head: gains.get('head')!, jaw: gains.get('jaw')! }, seconds);
    gains.set('head', chin.head).set('jaw', chin.jaw);
    for (const { name, values } of motionGroups)
      for (const i of values) {
        this.#value[i]! += (i === motionLayout.logScale ? chin.growth : gains.get(name)!) * (motion[i]! - this.#value[i]!);
        motion[i] = this.#value[i]!;
      }
  }

  /** The next frame is shown as it is; how noisy the tracker is stays known. */
  reset(): void {
    this.#lastMs = null;
    this.#seen = 0;
  }

  #learnNoise(motion: Motion): void {
    const [last, beforeLast] = this.#before;
    if (this.#seen >= 2) {
      // of one of the quietest groups: some of them hardly move most of the time
      const seen = motionGroups.map((group) => curvature(group, motion, last, beforeLast) / group.noise).toSorted((a, b) => a - b)[
        quietGroup
      ]!;
      this.#noise *= seen < this.#noise ? 1 - noiseStep * (1 - noiseQuantile) : 1 + noiseStep * noiseQuantile;
      this.#noise = clamp(this.#noise, noiseScale.least, noiseScale.most);
    }
    beforeLast.set(last);
    last.set(motion);
    this.#seen++;
  }
}

/** Root mean square of a group's judging values, each over its unit. */
function distance({ judges, units }: MotionGroup, a: Motion, b: Motion): number {
  let sum = 0;
  for (let k = 0; k < judges.length; k++) sum += ((a[judges[k]!]! - b[judges[k]!]!) / units[k]!) ** 2;
  return Math.sqrt(sum / judges.length);
}

function curvature({ judges, units }: MotionGroup, a: Motion, b: Motion, c: Motion): number {
  let sum = 0;
  for (let k = 0; k < judges.length; k++) {
    const i = judges[k]!;
    sum += ((a[i]! - 2 * b[i]! + c[i]!) / units[k]!) ** 2;
  }
  return Math.sqrt(sum / judges.length) / secondDifference;
}
