import { describe, expect, it } from 'vitest';
import type { DriveState } from '../../client/src/protocol/index.ts';
import { AvatarFace } from '../../server/motion/AvatarFace.ts';
import { DriveFallback } from '../../server/motion/DriveFallback.ts';
import { IdleMotion } from '../../server/motion/idle-motion.ts';
import { motionLayout as L } from '../../server/motion/motion.ts';
import { Retargeter } from '../../server/motion/Retargeter.ts';
import { drawnPortrait, driverFace } from '../support/synthetic-face.ts';
import type { FaceOptions } from '../support/synthetic-face.ts';

const size = 256;
const frameMs = 1000 / 30;

interface Step {
  timeMs: number;
  state: DriveState;
  points: Float32Array;
  closure: number;
}

/** Renders `seconds` at 30 fps; `drive` says what the driver does, or null while packets are missing. */
function play(seconds: number, drive: (timeMs: number) => FaceOptions | null): Step[] {
  const face = new AvatarFace({ points: drawnPortrait(size).points, size });
  const fallback = new DriveFallback({ retargeter: new Retargeter({ motion: 'relative' }), seed: 5 });
  const pose = AvatarFace.newPose();
  return Array.from({ length: Math.round(seconds * 30) }, (_, i) => {
    const timeMs = i * frameMs;
    const options = drive(timeMs);
    const landmarks = options ? { points: driverFace(options), capturedMs: timeMs, confidence: 1 } : null;
    const { motion, state } = fallback.step(landmarks, timeMs);
    face.pose(motion, pose);
    return { timeMs, state, points: pose.points.slice(), closure: pose.closure[0] };
  });
}

/** Largest way of any landmark between two frames, pixels at 256; the lids are left out, they are quick by nature. */
function largestSteps(steps: Step[]): number[] {
  const still = [1, 4, 6, 10, 152, 234, 454, 61, 291, 50, 280, 103, 332, 172, 397];
  return steps.slice(1).map((step, i) =>
    Math.max(
      ...still.map((v) => {
        const before = steps[i]!.points;
        return Math.hypot(step.points[v * 3]! - before[v * 3]!, step.points[v * 3 + 1]! - before[v * 3 + 1]!);
      }),
    ),
  );
}

const away: FaceOptions = { turn: 0.25, nod: 0.1, at: [0.58, 0.52], jaw: 0.05 };
const wander = (t: number): FaceOptions => ({ turn: 0.2 * Math.sin(t / 400), at: [0.5 + 0.03 * Math.sin(t / 700), 0.48] });

describe('the drive fallback', () => {
  it('names its rungs in order', () => {
    const steps = play(5, (t) => (t < 2000 || t > 4000 ? wander(t) : null));
    const at = (ms: number) => steps.find((s) => s.timeMs >= ms)!.state;
    expect([at(500), at(1800), at(2250), at(3500), at(4100)]).toEqual(['calibrating', 'tracking', 'extrapolating', 'idle', 'tracking']);
  });

  it('starts idle while nobody drives', () => {
    expect(play(1, () => null).every((s) => s.state === 'idle')).toBe(true);
  });

  it('never jumps: into idle and back, from a pose far from rest', () => {
    const steps = play(8, (t) =>
      t < 1500
        ? {}
        : t < 3000
          ? { ...away, turn: 0.25 * Math.min(1, (t - 1500) / 500), at: [0.5 + 0.08 * Math.min(1, (t - 1500) / 500), 0.48], nod: 0, jaw: 0 }
          : t < 5000 || t > 7000
            ? null
            : { turn: -0.2, at: [0.45, 0.5] },
    );
    expect(Math.max(...largestSteps(steps.slice(5)))).toBeLessThan(4);
  });

  it('never jumps through short gaps of every length', () => {
    for (const gap of [50, 100, 150, 250, 400, 700, 1000]) {
      const steps = play(4, (t) => (t > 2000 && t < 2000 + gap ? null : wander(t)));
      expect(Math.max(...largestSteps(steps)), `gap ${gap} ms`).toBeLessThan(4);
    }
  });

  describe('a tracker that errs', () => {
    /** One frame in which the face is elsewhere, another size, or turned away. */
    const errors: [string, FaceOptions][] = [
      ['elsewhere', { at: [0.8, 0.3] }],
      ['turned', { turn: 1 }],
      ['on its side', { tilt: 1.2 }],
      ['much larger', { width: 0.6 }],
    ];

    const wrongNow: [string, (frame: number) => boolean][] = [
      ['once', (n) => n === 60],
      ['for two frames', (n) => n === 60 || n === 61],
      ['every other frame', (n) => n > 45 && n % 2 === 0],
    ];

    it.each(errors.flatMap(([what, error]) => wrongNow.map(([when, wrong]) => [what, when, error, wrong] as const)))(
      '%s, %s, is as one who says nothing',
      (_what, _when, error, wrong) => {
        const isWrong = (t: number) => wrong(Math.round(t / frameMs));
        const marred = play(3, (t) => (isWrong(t) ? { ...wander(t), ...error } : wander(t)));
        const missing = play(3, (t) => (isWrong(t) ? null : wander(t)));
        expect(Math.max(...missing.map((step, i) => Math.max(...largestSteps([step, marred[i]!]))))).toBeLessThan(1e-6);
        expect(Math.max(...largestSteps(marred))).toBeLessThan(4);
      },
    );

    it('but who insists is believed, without a jump', () => {
      const steps = play(4, (t) => (t < 2000 ? {} : { turn: -0.25, at: [0.8, 0.5] }));
      expect(Math.max(...largestSteps(steps.slice(5)))).toBeLessThan(10); // of some 80 pixels, which it goes in half a second
      const nose = (i: number) => steps.at(i)!.points[3]!;
      expect(Math.abs(nose(-1) - nose(55))).toBeGreaterThan(5);
    });

    it('a quick head is a head: shaken at two turns a second', () => {
      const shake = (t: number): FaceOptions => (t < 1500 ? {} : { turn: 0.45 * Math.sin((t / 1000) * 2 * Math.PI * 2) });
      const face = new AvatarFace({ points: drawnPortrait(size).points, size });
      const retargeter = new Retargeter({ motion: 'relative' });
      play(3, shake).forEach(({ points, timeMs }) => {
        const followed = face.pose(retargeter.observe(driverFace(shake(timeMs)), timeMs), AvatarFace.newPose());
        expect(points).toEqual(followed.points);
      });
    });
  });

  it('learns the face also from a tracker that manages four frames a second', () => {
    const steps = play(6, (t) => (Math.round(t / frameMs) % 8 === 0 ? wander(t) : null));
    const states = new Set(steps.filter((s) => s.timeMs > 3500).map((s) => s.state));
    expect(states).toEqual(new Set(['tracking', 'extrapolating']));
  });

  it('coasts on before it fades', () => {
    const steps = play(2.5, (t) => (t < 2000 ? { turn: t < 1500 ? 0 : (t - 1500) / 2500 } : null));
    const nose = (ms: number) => steps.find((s) => s.timeMs >= ms)!.points[3]!;
    // the head turns to where the nose goes left
    expect(nose(1990) - nose(2120)).toBeGreaterThan(0.15);
  });

  it('idle is calm, never still, and blinks every 2 to 6 seconds', () => {
    const steps = play(60, () => null);
    const moves = largestSteps(steps);
    expect(Math.max(...moves)).toBeLessThan(0.8);
    for (let i = 0; i + 60 < steps.length; i += 30) {
      const travel = Math.hypot(steps[i + 60]!.points[3]! - steps[i]!.points[3]!, steps[i + 60]!.points[4]! - steps[i]!.points[4]!);
      const path = moves.slice(i, i + 60).reduce((a, b) => a + b, 0);
      expect(travel + path).toBeGreaterThan(0.1);
    }
    const shut = steps.filter((s, i) => s.closure > 0.5 && (steps[i - 1]?.closure ?? 0) <= 0.5).map((s) => s.timeMs);
    const pauses = shut.slice(1).map((t, i) => t - shut[i]!);
    expect(shut.length).toBeGreaterThanOrEqual(8);
    expect(Math.min(...pauses)).toBeGreaterThan(1900);
    expect(Math.max(...pauses)).toBeLessThan(6500);
    expect(Math.max(...steps.map((s) => s.closure))).toBeGreaterThan(0.9);
  });

  it('two seeds do not blink together, one seed repeats itself', () => {
    const trace = (seed: number) => {
      const idle = new IdleMotion(seed);
      return Array.from({ length: 600 }, (_, i) => idle.at(i * 33)[L.closure]!);
    };
    expect(trace(3)).toEqual(trace(3));
    expect(trace(3)).not.toEqual(trace(4));
  });

  it('ignores packets without a face, from the past, or with broken numbers', () => {
    const fallback = new DriveFallback({ retargeter: new Retargeter({ motion: 'relative' }) });
    const good = { points: driverFace(), capturedMs: 1000, confidence: 1 };
    expect(fallback.step(good, 1000).state).toBe('calibrating');
    const before = fallback.step(good, 1010).motion.slice();
    const broken = Float32Array.from(driverFace()).fill(Number.NaN, 30, 33);
    for (const bad of [
      { ...good, capturedMs: 1020, confidence: 0 },
      { ...good, capturedMs: 900 },
      { ...good, points: broken, capturedMs: 1030 },
    ]) {
      const { motion } = fallback.step(bad, 1010);
      expect(motion).toEqual(before);
    }
  });
});
