/**
 * How far chin and jaw go in one frame. A hand before a mouth throws a tracker's jaw about, its idea of the head's size, too, and both at once
 * look like a blow. A jaw's own pace is limited, what the head does in the same frame counts in, and where the jaw is plainly thrown (no jaw
 * goes so fast) the head waits as well. Lips are not held back: they are a group of their own.
 */
import { canonicalFace } from '../landmarker/canonical-face.ts';
import { motionLayout as L } from './motion.ts';
import type { Motion } from './motion.ts';

/** Face sizes a second: of shouting people's frames one in a hundred goes faster, and it is only the chin that shows it. */
const FASTEST_JAW = 0.5;
/** With what the head adds. */
const FASTEST_CHIN = 0.8;
/** A jaw that goes further in a frame of a thirtieth of a second is thrown: faster than a shout by half. */
const THROWN = 1.1;
/** However fast the head, the jaw may do so much. */
const LEAST_JAW = 0.12;
/** Natural logarithm a second: leaning forward quickly. */
const FASTEST_GROWTH = 0.45;
/** Packets that were delayed do not make a jaw any faster. */
const LONGEST_STEP_SECONDS = 0.05;

const CHIN = 152;
const chin = [0, 1, 2].map((a) => canonicalFace[CHIN * 3 + a]!) as [number, number, number];
const jawPoints = [152, 148, 377, 176, 400].map((v) => L.deltas + v * 3);

type Step = readonly [x: number, y: number];

/**
 * @param motion as measured; `shown` before it
 * @param gains that the filter would take of the head's and the jaw's step, 0..1
 * @returns the gains to take; `growth` of the head's size
 */
export function chinGains(motion: Motion, shown: Motion, gains: { head: number; jaw: number }, seconds: number): ChinGains {
  const time = Math.min(seconds, LONGEST_STEP_SECONDS);
  const own = furthest(motion, shown);
  const grown = Math.abs(motion[L.logScale]! - shown[L.logScale]!);
  const growth = Math.min(gains.head, (FASTEST_GROWTH * time) / Math.max(grown, 1e-9));
  const headStep = headShift(motion, shown, gains.head, growth);
  const most = FASTEST_CHIN * time;
  const thrown = Math.hypot(...own) > THROWN * time;
  const slow = thrown ? Math.min(1, most / Math.max(Math.hypot(...headStep), 1e-9)) : 1;
  const ahead: Step = [slow * headStep[0], slow * headStep[1]];
  const alone = Math.min(gains.jaw, (FASTEST_JAW * time) / Math.max(Math.hypot(...own), 1e-9));
  const together = Math.min(alone, shareWithin(own, ahead, Math.max(most, Math.hypot(...ahead))));
  const least = Math.min(alone, (LEAST_JAW * time) / Math.max(Math.hypot(...own), 1e-9));
  return { head: slow * gains.head, growth: slow * growth, jaw: Math.max(least, together) };
}

export interface ChinGains {
  head: number;
  growth: number;
  jaw: number;
}

/** The longest way of the jaw's points, in face sizes. */
function furthest(motion: Motion, shown: Motion): Step {
  let most: Step = [0, 0];
  for (const i of jawPoints) {
    const step: Step = [motion[i]! - shown[i]!, motion[i + 1]! - shown[i + 1]!];
    if (Math.hypot(...step) > Math.hypot(...most)) most = step;
  }
  return most;
}

/** What the head's step does to the chin in the picture. */
function headShift(motion: Motion, shown: Motion, gain: number, growth: number): Step {
  const [x, y, z] = chin;
  const [pitch, yaw, roll] = [0, 1, 2].map((a) => gain * (motion[L.rotation + a]! - shown[L.rotation + a]!)) as [number, number, number];
  const size = growth * (motion[L.logScale]! - shown[L.logScale]!);
  const [right, down] = [0, 1].map((a) => gain * (motion[L.translation + a]! - shown[L.translation + a]!)) as [number, number];
  return [right + yaw * z - roll * y + size * x, down + roll * x - pitch * z + size * y];
}

/** The largest share 0..1 of `own` that keeps `own * share + head` within `most`; `head` alone is. */
function shareWithin(own: Step, head: Step, most: number): number {
  const square = own[0] ** 2 + own[1] ** 2;
  if (square < 1e-18) return 1;
  const along = (own[0] * head[0] + own[1] * head[1]) / square;
  const beyond = (head[0] ** 2 + head[1] ** 2 - most ** 2) / square;
  return Math.max(0, Math.min(1, -along + Math.sqrt(Math.max(0, along ** 2 - beyond))));
}
