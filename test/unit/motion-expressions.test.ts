import { describe, expect, it } from 'vitest';
import { expressionNames, type ExpressionName } from '../../client/src/protocol/index.ts';
import { AvatarFace } from '../../server/motion/AvatarFace.ts';
import { Expressions } from '../../server/motion/Expressions.ts';
import { motionLayout as L, restMotion, type Motion } from '../../server/motion/motion.ts';
import { canonicalFace } from '../../server/landmarker/canonical-face.ts';

const SIZE = 256;
const face = new AvatarFace({ points: canonicalFace.map((v, i) => v * 110 + (i % 3 === 2 ? 0 : SIZE / 2)), size: SIZE });
/** Positions of the posed points when an expression is at its height, or so many ms after it began. */
function posed(name: ExpressionName, { atMs = 240, intensity = 1, motion = restMotion() } = {}): Float32Array {
  const expressions = new Expressions();
  expressions.over(motion, 1000);
  expressions.start({ name, intensity });
  expressions.over(motion, 1000);
  return Float32Array.from(face.pose(expressions.over(motion, 1000 + atMs), AvatarFace.newPose()).points);
}
const rest = Float32Array.from(face.pose(restMotion(), AvatarFace.newPose()).points);
const y = (points: Float32Array, point: number): number => points[point * 3 + 1]!;
const x = (points: Float32Array, point: number): number => points[point * 3]!;
const mouthWidth = (points: Float32Array): number => x(points, 291) - x(points, 61);
const mouthOpening = (points: Float32Array): number => y(points, 14) - y(points, 13);
const eyeOpening = (points: Float32Array, eye: 'left' | 'right'): number =>
  eye === 'right' ? y(points, 145) - y(points, 159) : y(points, 374) - y(points, 386);

describe('expressions on demand', () => {
  it('look like what they are called', () => {
    const smile = posed('smile');
    expect(mouthWidth(smile)).toBeGreaterThan(mouthWidth(rest) * 1.08);
    expect(y(smile, 61)).toBeLessThan(y(rest, 61) - 1); // corners up
    const surprise = posed('surprise');
    expect(mouthOpening(surprise)).toBeGreaterThan(mouthOpening(rest) + 6);
    expect(y(surprise, 105)).toBeLessThan(y(rest, 105) - 1.5); // brows up
    expect(eyeOpening(surprise, 'left')).toBeGreaterThan(eyeOpening(rest, 'left') * 1.1);
    const angry = posed('angry');
    expect(y(angry, 105)).toBeGreaterThan(y(rest, 105) + 1); // brows down
    expect(y(posed('sad'), 61)).toBeGreaterThan(y(rest, 61)); // corners down
  });

  it("wink shuts the person's own eye and leaves the other open", () => {
    const left = posed('wink-left', { atMs: 150 });
    expect(eyeOpening(left, 'left')).toBeLessThan(0.35 * eyeOpening(rest, 'left'));
    expect(eyeOpening(left, 'right')).toBeGreaterThan(0.85 * eyeOpening(rest, 'right'));
    const right = posed('wink-right', { atMs: 150 });
    expect(eyeOpening(right, 'right')).toBeLessThan(0.35 * eyeOpening(rest, 'right'));
  });

  it('nod begins downwards, shake goes to both sides, and the head ends where it was', () => {
    expect(y(posed('nod', { atMs: 120 }), 1)).toBeGreaterThan(y(rest, 1) + 1);
    const shaken = [110, 330, 550, 770].map((atMs) => x(posed('shake', { atMs }), 1) - x(rest, 1));
    expect(Math.max(...shaken)).toBeGreaterThan(2);
    expect(Math.min(...shaken)).toBeLessThan(-2);
    for (const name of ['nod', 'shake'] as const) expect(posed(name, { atMs: 1200 })).toEqual(rest);
  });

  it('fade without a jump, and leave nothing behind', () => {
    for (const name of expressionNames) {
      const expressions = new Expressions();
      expressions.start({ name, intensity: 1.5 });
      let before = rest;
      let step = 0;
      for (let timeMs = 0; timeMs <= 3000; timeMs += 1000 / 60) {
        const points = Float32Array.from(face.pose(expressions.over(restMotion(), timeMs), AvatarFace.newPose()).points);
        for (const [i, value] of points.entries()) step = Math.max(step, Math.abs(value - before[i]!));
        before = points;
      }
      expect(before, name).toEqual(rest);
      expect(step, name).toBeLessThan(5); // pixels of 256 in a sixtieth of a second
    }
  });

  it('do not come on top of what the driver shows already', () => {
    const expressions = new Expressions();
    expressions.start({ name: 'smile' });
    expressions.over(restMotion(), 0);
    const smiling = Float64Array.from(expressions.over(restMotion(), 600));
    const both = Float32Array.from(face.pose(smiling, AvatarFace.newPose()).points);
    expect(mouthWidth(posed('smile', { motion: smiling }))).toBeCloseTo(mouthWidth(both), 0);
  });

  it('a stronger intensity moves more, none moves nothing', () => {
    const width = (intensity: number): number => mouthWidth(posed('smile', { intensity })) - mouthWidth(rest);
    expect(width(0)).toBe(0);
    expect(width(0.5)).toBeGreaterThan(0.3 * width(1));
    expect(width(0.5)).toBeLessThan(0.7 * width(1));
    expect(width(1.5)).toBeGreaterThan(1.2 * width(1));
  });

  it('asked for again, one does not dip in between', () => {
    const expressions = new Expressions();
    const widths: number[] = [];
    for (let timeMs = 0; timeMs <= 2400; timeMs += 20) {
      if (timeMs === 0 || timeMs === 1000) expressions.start({ name: 'smile' });
      widths.push(mouthWidth(face.pose(expressions.over(restMotion(), timeMs), AvatarFace.newPose()).points));
    }
    const held = widths.slice(20, 110);
    expect(Math.min(...held)).toBeGreaterThan(0.98 * Math.max(...held));
  });

  it('hundreds at once are four, and finite', () => {
    const expressions = new Expressions();
    for (let i = 0; i < 500; i++)
      expressions.start({ name: expressionNames[i % expressionNames.length]!, intensity: 1.5, durationMs: 60_000 });
    const motion: Motion = expressions.over(restMotion(), 0);
    expressions.over(restMotion(), 30_000);
    expect([...motion].every(Number.isFinite)).toBe(true);
  });

  it('expressiveness scales the face and leaves pose, lids and gaze alone', () => {
    const expressions = new Expressions();
    const motion = restMotion().fill(0.1);
    expressions.setExpressiveness(0.5);
    const half = expressions.over(motion, 0);
    expect([...half.subarray(0, L.lips)]).toEqual([...motion.subarray(0, L.lips)]);
    expect(half[L.lips]).toBeCloseTo(0.05);
    expect(half[L.deltas + 40]).toBeCloseTo(0.05);
  });
});
