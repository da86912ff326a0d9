/** Whatever a driver's tracker or a hostile client sends: a face's motion is made of finite numbers, and a real face is followed again afterwards. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LANDMARK_COUNT } from '../../client/src/protocol/index.ts';
import { LandmarkDecoder, LandmarkEncoder } from '../../client/src/protocol/landmark-packet.ts';
import { AvatarFace, type PosedFace } from '../../server/motion/AvatarFace.ts';
import { DriveFallback } from '../../server/motion/DriveFallback.ts';
import { isFace } from '../../server/motion/is-face.ts';
import { IdleMotion } from '../../server/motion/idle-motion.ts';
import { motionLayout as L, restMotion } from '../../server/motion/motion.ts';
import { posingOf } from '../../server/motion/posing.ts';
import { Retargeter } from '../../server/motion/Retargeter.ts';
import { SteadyFilter } from '../../server/motion/SteadyFilter.ts';
import { drawnPortrait, driverFace, type FaceOptions } from '../support/synthetic-face.ts';

const COUNT = LANDMARK_COUNT * 3;
const size = 256;
/** One seed: a failure here is found again, and no run depends on luck. */
const runs = { seed: 11, numRuns: 200 };

/** Recipes, which a failure shows, and not their 1434 numbers. */
type Recipe =
  | { kind: 'real'; options: FaceOptions }
  | { kind: 'squeezed'; axes: number[]; at: number[]; turn: number }
  | { kind: 'collapsed'; points: readonly number[]; onto: number }
  | { kind: 'values'; values: number[] };

const real = { min: -1e9, max: 1e9, noNaN: true, noDefaultInfinity: true } as const;
const axis = fc.oneof(fc.constantFrom(0, 1, -1, 1e-9, 1e-4), fc.double({ min: -1e4, max: 1e4, noNaN: true }));
const float = fc.float({ noNaN: true, noDefaultInfinity: true });
const vertex = fc.nat(LANDMARK_COUNT - 1);
const recipe: fc.Arbitrary<Recipe> = fc.oneof(
  fc.record({
    kind: fc.constant('real' as const),
    options: fc.record({ turn: fc.double({ min: -0.8, max: 0.8, noNaN: true }), jaw: fc.double({ min: 0, max: 0.3, noNaN: true }) }),
  }),
  // squeezed, flattened, mirrored, blown up or shifted, perhaps down to a plane, a line or a point
  fc.record({
    kind: fc.constant('squeezed' as const),
    axes: fc.tuple(axis, axis, axis),
    at: fc.array(fc.oneof(fc.constant(0), fc.double(real)), { minLength: 3, maxLength: 3 }),
    turn: fc.double({ min: -3.2, max: 3.2, noNaN: true }),
  }),
  // some points lie together, so that an eye, the lips or the width have no extent
  fc.record({
    kind: fc.constant('collapsed' as const),
    points: fc.oneof(
      fc.array(vertex, { minLength: 2, maxLength: 40 }),
      fc.constantFrom<(readonly number[])[]>([33, 133], [362, 263], [78, 308], [234, 454], [10, 152], [159, 145]),
    ),
    onto: vertex,
  }),
  // all of them together, or anywhere
  fc.record({ kind: fc.constant('values' as const), values: fc.array(float, { minLength: 1, maxLength: 40 }) }),
);
const spread = (values: readonly number[]): Float32Array =>
  Float32Array.from({ length: COUNT }, (_, i) => values[(i * 7 + (i >> 4)) % values.length]!);

function pointsOf(made: Recipe): Float32Array {
  switch (made.kind) {
    case 'real':
      return driverFace(made.options);
    case 'squeezed':
      return driverFace({ turn: made.turn, at: [0, 0] }).map((v, i) => v * made.axes[i % 3]! + made.at[i % 3]!);
    case 'collapsed': {
      const face = driverFace();
      for (const v of made.points) for (let a = 0; a < 3; a++) face[v * 3 + a] = face[made.onto * 3 + a]!;
      return face;
    }
    case 'values':
      return spread(made.values);
  }
}

const gapMs = fc.oneof(fc.constantFrom(0, 1e-7, 16, 33, 1e5), fc.double({ min: -500, max: 2000, noNaN: true }));
const frames = fc.array(fc.record({ face: recipe, gapMs }), { minLength: 1, maxLength: 6 });

const finite = (values: ArrayLike<number>): boolean => Array.prototype.every.call(values, Number.isFinite);

function expectFinite({ points: posed, scale, rotation, shift, closure, gaze, lipGap }: PosedFace): void {
  for (const values of [posed, [scale, lipGap], rotation, shift, closure, gaze]) expect(finite(values)).toBe(true);
}

/** The same for a model that is shown what a tracker sees, and for one that warps. */
const faces = ([{ landmarks: 'surface' }, { landmarks: 'tracked' }] as const).map(
  (spec) => new AvatarFace({ points: drawnPortrait(size).points, size, posing: posingOf(spec) }),
);

describe('any finite landmarks', () => {
  it.each(['relative', 'absolute'] as const)('give finite motion, also to the face at rest that is learned (%s)', (motion) => {
    fc.assert(
      fc.property(frames, fc.boolean(), (sequence, filter) => {
        const neutral = motion === 'absolute' ? { neutral: faces[0]!.inPictureWidths() } : {};
        const retargeter = new Retargeter({ motion, filter, ...neutral });
        let timeMs = 0;
        for (const frame of sequence) {
          expect(finite(retargeter.observe(pointsOf(frame.face), (timeMs += frame.gapMs)))).toBe(true);
          expect(finite(retargeter.saveNeutral() ?? [])).toBe(true);
        }
      }),
      runs,
    );
  });

  it('give a finite face, on the way to idle and back', () => {
    fc.assert(
      fc.property(frames, fc.double({ min: 0, max: 1500, noNaN: true }), (sequence, silenceMs) => {
        const fallback = new DriveFallback({ retargeter: new Retargeter({ motion: 'relative' }), seed: 3 });
        const pose = AvatarFace.newPose();
        let timeMs = 1000;
        for (const frame of sequence) {
          timeMs += Math.max(0, frame.gapMs);
          for (const landmarks of [{ points: pointsOf(frame.face), capturedMs: timeMs, confidence: 1 }, null]) {
            const { motion } = fallback.step(landmarks, timeMs);
            expect(finite(motion)).toBe(true);
            for (const face of faces) expectFinite(face.pose(motion, pose));
            timeMs += landmarks ? 1 : silenceMs;
          }
        }
      }),
      runs,
    );
  });

  it('spoil nothing for the face that comes after them', () => {
    fc.assert(
      fc.property(frames, (sequence) => {
        const [spoiled, clean] = [0, 1].map(() => new Retargeter({ motion: 'relative', filter: false }));
        let timeMs = 0;
        for (const points of sequence.map(({ face }) => pointsOf(face)))
          if (!isFace(points)) expect(spoiled!.observe(points, (timeMs += 33)).every((value) => value === 0)).toBe(true);
        const motion = spoiled!.observe(driverFace(), timeMs + 33);
        expect(finite(motion)).toBe(true);
        clean!.observe(driverFace(), timeMs + 33);
        const [one, other] = [spoiled!, clean!].map((retargeter) => retargeter.observe(driverFace({ turn: 0.2 }), timeMs + 66));
        expect(Math.abs(one![L.rotation + 1]! - other![L.rotation + 1]!)).toBeLessThan(0.02);
      }),
      runs,
    );
  });

  it('restored as a face at rest are one, or are ignored', () => {
    const saved = fc.record({ face: recipe, rest: fc.array(fc.double(real), { minLength: 1, maxLength: 21 }) });
    fc.assert(
      fc.property(saved, ({ face, rest }) => {
        const retargeter = new Retargeter({ motion: 'relative', filter: false });
        retargeter.restoreNeutral(Float32Array.from([...pointsOf(face), ...Array.from({ length: 21 }, (_, i) => rest[i % rest.length]!)]));
        expect(finite(retargeter.observe(driverFace(), 0))).toBe(true);
        expect(finite(retargeter.observe(driverFace({ turn: 0.2 }), 33))).toBe(true);
      }),
      runs,
    );
  });
});

describe('any motion', () => {
  it('poses a finite face', () => {
    fc.assert(
      fc.property(fc.array(fc.double(real), { minLength: 1, maxLength: 30 }), (values) => {
        const motion = restMotion().map((_, i) => values[i % values.length]!);
        for (const face of faces) expectFinite(face.pose(motion, AvatarFace.newPose()));
      }),
      runs,
    );
  });

  it('is filtered into finite numbers, whatever the clock does', () => {
    const step = fc.record({ value: fc.double(real), gapMs });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
        const filter = new SteadyFilter();
        let timeMs = 0;
        for (const { value, gapMs: gap } of steps) {
          const motion = restMotion().fill(value);
          filter.apply(motion, (timeMs += gap));
          expect(finite(motion)).toBe(true);
        }
      }),
      runs,
    );
  });

  it('of an idle face is finite at any time', () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: -1e13, max: 1e13, noNaN: true }), (seed, timeMs) => {
        expect(finite(new IdleMotion(seed).at(timeMs))).toBe(true);
      }),
      runs,
    );
  });
});

describe('the landmark packet of any numbers', () => {
  it('is a packet that decodes to finite points, or one that says that there is no face', () => {
    const number = fc.oneof(fc.float(), fc.constantFrom(NaN, Infinity, -Infinity, 0));
    const wild = fc.array(number, { minLength: 1, maxLength: 40 });
    const times = fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, -1, 1e12));
    fc.assert(
      fc.property(fc.oneof(recipe, wild), times, times, fc.float(), (given, capturedMs, sentMs, confidence) => {
        const points = Array.isArray(given) ? spread(given) : pointsOf(given);
        const packet = new LandmarkEncoder().encode({ points, capturedMs, sentMs, confidence });
        const decoded = new LandmarkDecoder().decode(packet);
        expect(finite(decoded.points)).toBe(true);
        expect(finite([decoded.capturedMs, decoded.sentMs, decoded.confidence])).toBe(true);
      }),
      runs,
    );
  });
});
