import { describe, expect, it } from 'vitest';
import type { DriveState } from '../../client/src/protocol/index.ts';
import { DriveFallback } from '../../server/motion/DriveFallback.ts';
import { motionLayout as L } from '../../server/motion/motion.ts';
import { PersonWatch } from '../../server/motion/PersonWatch.ts';
import { Retargeter } from '../../server/motion/Retargeter.ts';
import { driverAt, moved, somebodyElse } from '../support/people-in-view.ts';

const frameMs = 1000 / 30;

/** Frames in which somebody else is reported; `null` are missing. */
function reports(count: number, face: (frame: number) => Float32Array | null): number[] {
  const watch = new PersonWatch();
  const found: number[] = [];
  let paused = false;
  for (let i = 0; i < count; i++) {
    const points = face(i);
    if (points && watch.observe(points, i * frameMs, paused)) found.push(i);
    paused = points === null;
  }
  return found;
}

/** A tracker's mesh with a hand before the mouth: everything below the eyes is drawn down, and trembles. */
function behindHand(points: Float32Array, frame: number): Float32Array {
  const eyes = points[33 * 3 + 1]!;
  return points.map((value, i) => (i % 3 === 1 && value > eyes ? value + (0.25 + 0.05 * Math.sin(frame)) * (value - eyes) : value));
}

describe('another person', () => {
  const other = (frame: number) => moved(somebodyElse(driverAt(frame)), { x: 0.1, scale: 0.8 });

  it('is noticed once, less than half a second after a cut', () => {
    const found = reports(150, (i) => (i < 60 ? driverAt(i) : other(i)));
    expect(found).toHaveLength(1);
    expect(found[0]! - 60).toBeLessThanOrEqual(14);
  });

  it('and again when the first one is back', () => {
    expect(reports(210, (i) => (i < 60 || i >= 140 ? driverAt(i) : other(i)))).toHaveLength(2);
  });

  it('after a pause, and in the very place of the one before', () => {
    expect(reports(180, (i) => (i < 60 ? driverAt(i) : i < 90 ? null : somebodyElse(driverAt(i))))).toHaveLength(1);
  });
});

describe('the same person', () => {
  it.each([7, 20, 45])('turning, nodding, laughing, with a pause every %i frames', (every) => {
    expect(reports(540, (i) => (i % every < 5 ? null : driverAt(i)))).toEqual([]);
  });

  it('moving fast', () => {
    expect(
      reports(270, (i) => moved(driverAt(i), { x: 0.15 * Math.sin(i / 2), y: 0.06 * Math.cos(i / 3), scale: 1 + 0.3 * Math.sin(i / 6) })),
    ).toEqual([]);
  });

  it('thrown about by a tracker for some frames', () => {
    expect(reports(270, (i) => (i % 40 === 0 ? moved(somebodyElse(driverAt(i)), { x: 0.3 }) : driverAt(i)))).toEqual([]);
  });

  it('with a hand before the mouth for a second', () => {
    expect(reports(270, (i) => (i >= 90 && i < 120 ? behindHand(driverAt(i), i) : driverAt(i)))).toEqual([]);
  });

  it('back from behind something, at another place', () => {
    expect(reports(270, (i) => (i < 60 ? driverAt(i) : i < 120 ? null : moved(driverAt(i), { x: -0.3, scale: 0.6 })))).toEqual([]);
  });
});

describe('a driver at whose place another one sits', () => {
  /** The resting second of the clip, seen larger from a cut on. */
  const play = (face: (frame: number) => Float32Array) => {
    const fallback = new DriveFallback({ retargeter: new Retargeter({ motion: 'relative' }) });
    const states: DriveState[] = [];
    const sizes: number[] = [];
    for (let i = 0; i < 150; i++) {
      const { motion, state } = fallback.step({ points: face(i), capturedMs: i * frameMs, confidence: 1 }, i * frameMs);
      states.push(state);
      sizes.push(motion[L.logScale]!);
    }
    return { states, sizes };
  };

  it('is learned anew: their head is not shown larger for being nearer', () => {
    const { states, sizes } = play((i) => (i < 75 ? driverAt(i % 30) : moved(somebodyElse(driverAt(i % 30)), { scale: 1.4 })));
    expect(states[74]).toBe('tracking');
    expect(states.slice(75)).toContain('calibrating');
    expect(states.at(-1)).toBe('tracking');
    expect(Math.abs(sizes.at(-1)!)).toBeLessThan(0.03);
  });

  it('while one who comes nearer is shown so', () => {
    const { states, sizes } = play((i) => (i < 75 ? driverAt(i % 30) : moved(driverAt(i % 30), { scale: 1.4 })));
    expect(states.slice(75)).not.toContain('calibrating');
    expect(sizes.at(-1)).toBeGreaterThan(0.2);
  });
});
