import { describe, expect, it } from 'vitest';
import { rotationMatrix } from '../../client/src/faces/rigid-fit.ts';
import { canonicalFace } from '../../server/landmarker/canonical-face.ts';
import { motionGroups } from '../../server/motion/motion-groups.ts';
import { motionLayout as L, motionLength, restMotion } from '../../server/motion/motion.ts';
import type { Motion } from '../../server/motion/motion.ts';
import { Retargeter } from '../../server/motion/Retargeter.ts';
import { softClamp } from '../../server/motion/scalars.ts';
import { SteadyFilter } from '../../server/motion/SteadyFilter.ts';
import { driverFace } from '../support/synthetic-face.ts';
import type { FaceOptions } from '../support/synthetic-face.ts';

const frameMs = 1000 / 30;

/** Normally distributed, reproducible. */
function noiseSource(seed: number): () => number {
  let state = seed;
  const uniform = () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) + 1) / 4294967297;
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** A driver's motion, frame by frame, as it is measured with so much noise on every point (face widths). */
function drive(frames: number, options: (frame: number) => FaceOptions, { noise = 0, filter = true } = {}): Motion[] {
  const retargeter = new Retargeter({ motion: 'relative', filter });
  const random = noiseSource(7);
  return Array.from({ length: frames }, (_, i) => {
    const points = driverFace(options(i)).map((v) => v + 0.35 * noise * random());
    return retargeter.observe(points, i * frameMs).slice();
  });
}

/** Mean step from frame to frame of all landmarks' displacement, once calibrated. */
function unrest(motions: Motion[]): number {
  const late = motions.slice(60);
  const steps = late
    .slice(1)
    .map((m, i) =>
      Math.sqrt(m.subarray(L.deltas).reduce((sum, v, k) => sum + (v - late[i]![L.deltas + k]!) ** 2, 0) / (motionLength - L.deltas)),
    );
  return steps.reduce((a, b) => a + b, 0) / steps.length;
}

describe('the filter of a driver’s motion', () => {
  const noise = 0.001;

  it('knows every entry of a motion once', () => {
    expect(motionGroups.flatMap(({ values }) => values).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: motionLength }, (_, i) => i),
    );
  });

  it.each([0.0004, 0.001])('holds a still person still, with a tracker’s noise of %f', (level) => {
    expect(unrest(drive(150, () => ({}), { noise: level }))).toBeLessThan(
      0.45 * unrest(drive(150, () => ({}), { noise: level, filter: false })),
    );
  });

  it('shows a blink and a word as they are, less than half a frame late', () => {
    const pulse = (frame: number) => Math.max(0, 1 - Math.abs(frame - 90) / 3);
    const blinks = drive(100, (i) => ({ blink: pulse(i) }), { noise });
    const words = drive(100, (i) => ({ jaw: 0.08 * pulse(i) }), { noise });
    const [lids, lips] = [blinks.map((m) => m[L.closure]!), words.map((m) => m[L.lips + 4]!)];
    const raw = drive(100, (i) => ({ jaw: 0.08 * pulse(i) }), { filter: false }).map((m) => m[L.lips + 4]!);
    for (let i = 86; i < 95; i++) {
      // half a frame of a pulse that takes three is a sixth of it
      expect(Math.abs(lids[i]! - pulse(i))).toBeLessThan(0.16);
      expect(Math.abs(lips[i]! - raw[i]!)).toBeLessThan(raw[90]! / 6);
    }
    expect(lids[90]).toBeGreaterThan(0.93);
  });

  it('does not drag behind a head that turns', () => {
    const turn = (i: number) => 0.25 * Math.sin(i / 8);
    const [shown, true_] = [noise, 0].map((level) => drive(150, (i) => ({ turn: turn(i) }), { noise: level, filter: level > 0 }));
    const errors = shown!.slice(60).map((m, i) => Math.abs(m[L.rotation + 1]! - true_![60 + i]![L.rotation + 1]!));
    expect(errors.reduce((a, b) => a + b, 0) / errors.length).toBeLessThan(0.01);
  });

  it('a blink does not let the noise of the mouth through', () => {
    const calm = drive(150, () => ({}), { noise });
    const blinking = drive(150, (i) => ({ blink: i % 2 }), { noise });
    const lips = (motions: Motion[]) =>
      motions.slice(61).reduce((sum, m, i) => sum + Math.abs(m[L.lips + 4]! - motions[60 + i]![L.lips + 4]!), 0);
    expect(lips(blinking)).toBeLessThan(1.3 * lips(calm));
  });
});

describe('a jaw that a tracker throws about, as when a hand comes before the mouth', () => {
  /** Chin and jaw down and aside by so much at frame 70, in face widths; the lips stay. */
  const chinSteps = (by: number) => {
    const retargeter = new Retargeter({ motion: 'relative' });
    const chin = Array.from({ length: 100 }, (_, i) => {
      const points = driverFace();
      if (i >= 70) for (const v of [152, 148, 377, 176, 400, 199, 175]) points[v * 3 + 1]! += 0.35 * by;
      return retargeter.observe(points, i * frameMs)[L.deltas + 152 * 3 + 1]!;
    });
    return { most: Math.max(...chin.slice(1).map((v, i) => Math.abs(v - chin[i]!))), last: chin.at(-1)! };
  };

  it('moves by less than 3 % of the face in a frame, and gets there', () => {
    const { most, last } = chinSteps(0.08);
    expect(most).toBeLessThan(0.03);
    expect(last).toBeGreaterThan(0.04);
  });

  /** Where the chin of an average face is seen, frame by frame, in face sizes: what the head does counts in. */
  const chinPlaces = (motions: Motion[]) =>
    motions.map((m) => {
      const r = rotationMatrix(m[L.rotation]!, m[L.rotation + 1]!, m[L.rotation + 2]!);
      const own = [0, 1, 2].map((a) => canonicalFace[152 * 3 + a]! + m[L.deltas + 152 * 3 + a]!);
      const scale = Math.exp(m[L.logScale]!);
      return [0, 1].map((a) => scale * (r[a * 3]! * own[0]! + r[a * 3 + 1]! * own[1]! + r[a * 3 + 2]! * own[2]!) + m[L.translation + a]!);
    });
  const largestStep = (places: number[][]) =>
    Math.max(...places.slice(61).map((p, i) => Math.hypot(p[0]! - places[60 + i]![0]!, p[1]! - places[60 + i]![1]!)));
  /** A hand that comes at frame 70 and goes at 90: the jaw goes down by 8 % of the face, the head grows by 5 % and nods by two degrees. */
  const behindHand = (filter: boolean) => {
    const retargeter = new Retargeter({ motion: 'relative', filter });
    return Array.from({ length: 120 }, (_, i) => {
      const hand = i >= 70 && i < 90;
      const points = driverFace(hand ? { width: 0.35 * 1.05, nod: -0.035 } : {});
      if (hand) for (const v of [152, 148, 377, 176, 400, 199, 175]) points[v * 3 + 1]! += 0.35 * 0.08;
      return retargeter.observe(points, i * frameMs).slice();
    });
  };

  it('with the head’s size and nod thrown about as well, is seen to move by less than 3 % in a frame', () => {
    expect(largestStep(chinPlaces(behindHand(false)))).toBeGreaterThan(0.06);
    expect(largestStep(chinPlaces(behindHand(true)))).toBeLessThan(0.03);
  });

  it('a head that really nods, fast, is not held back', () => {
    const nods = drive(100, (i) => ({ nod: i < 70 ? 0 : 0.12 }));
    expect(nods[70]![L.rotation]).toBeGreaterThan(0.11);
  });

  it('one that comes nearer is shown so within half a second', () => {
    const nearer = drive(100, (i) => ({ width: i < 70 ? 0.35 : 0.42 }));
    expect(nearer[85]![L.logScale]).toBeGreaterThan(0.9 * Math.log(0.42 / 0.35));
  });

  it('does not hold the lips of a word back', () => {
    const words = drive(100, (i) => ({ jaw: i < 70 ? 0 : 0.1 }));
    const raw = drive(100, (i) => ({ jaw: i < 70 ? 0 : 0.1 }), { filter: false });
    expect(words[70]![L.lips + 4]).toBeGreaterThan(0.95 * raw[70]![L.lips + 4]!);
  });
});

describe('the filter and time', () => {
  const of = (value: number) => restMotion().fill(value);
  const apply = (filter: SteadyFilter, value: number, timeMs: number) => {
    const motion = of(value);
    filter.apply(motion, timeMs);
    return motion[0]!;
  };

  it('passes the first value and a constant unchanged', () => {
    const filter = new SteadyFilter();
    expect([0, 40, 95, 100].map((t) => apply(filter, 3, t))).toEqual([3, 3, 3, 3]);
  });

  it('two packets of the same time, or one from the past, show what was shown', () => {
    const filter = new SteadyFilter();
    apply(filter, 1, 0);
    expect([apply(filter, 1, 40), apply(filter, 100, 40), apply(filter, 100, 20), apply(filter, 1, 80)]).toEqual([1, 1, 1, 1]);
  });

  it('shows a frame after a gap or a reset as it is', () => {
    const filter = new SteadyFilter();
    apply(filter, 0, 0);
    expect(apply(filter, 1e-4, 300)).toBe(1e-4);
    filter.reset();
    expect(apply(filter, 2e-4, 320)).toBe(2e-4);
  });
});

describe('soft clamp', () => {
  it('is the identity before the knee, odd, monotonic and below its limit', () => {
    expect(softClamp(0.4, 0.5, 1)).toBe(0.4);
    let last = -Infinity;
    for (let x = -5; x <= 5; x += 0.05) {
      const y = softClamp(x, 0.5, 1);
      expect(y).toBeCloseTo(-softClamp(-x, 0.5, 1), 12);
      expect(Math.abs(y)).toBeLessThanOrEqual(1);
      expect(y).toBeGreaterThan(last);
      last = y;
    }
  });
});
