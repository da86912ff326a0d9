import { describe, expect, it } from 'vitest';
import { AvatarFace } from '../../server/motion/AvatarFace.ts';
import type { PosedFace } from '../../server/motion/AvatarFace.ts';
import { eyeOpenness, headAxes, toHeadAxes } from '../../server/motion/head-geometry.ts';
import { canonicalFace } from '../../server/landmarker/canonical-face.ts';
import { motionLayout as L } from '../../server/motion/motion.ts';
import { fitSimilarity, multiply, rotationMatrix, rotationVector } from '../../client/src/faces/rigid-fit.ts';
import { Retargeter } from '../../server/motion/Retargeter.ts';
import { rigidPoints } from '../../server/landmarker/mesh-topology.ts';
import { driver, readDriverLandmarks } from '../support/fixtures.ts';
import { drawnPortrait, driverFace, mirrored } from '../support/synthetic-face.ts';

const size = 256;
const portrait = () => drawnPortrait(size).points;

/** Calibrates on the first face for a second and a half, then shows the second one for a second. */
function drive(rest: Float32Array, then: Float32Array, face: AvatarFace, stepMs = 33): PosedFace {
  const retargeter = new Retargeter({ motion: 'relative' });
  let timeMs = 0;
  for (; timeMs < 1500; timeMs += stepMs) retargeter.observe(rest, timeMs);
  let motion = retargeter.observe(rest, timeMs);
  for (const end = timeMs + 1000; timeMs < end;) motion = retargeter.observe(then, (timeMs += stepMs));
  return face.pose(motion, AvatarFace.newPose());
}

function largestDistance(a: ArrayLike<number>, b: ArrayLike<number>, points = 468): number {
  let most = 0;
  for (let i = 0; i < points * 3; i += 3) most = Math.max(most, Math.hypot(a[i]! - b[i]!, a[i + 1]! - b[i + 1]!));
  return most;
}

describe('rigid fit', () => {
  it('finds scale, rotation and place of a moved mesh', () => {
    const r = rotationMatrix(0.2, -0.5, 0.9);
    const moved = Float32Array.from(canonicalFace, (_, i) => {
      const p = i - (i % 3);
      const a = i % 3;
      return 2.5 * (r[a * 3]! * canonicalFace[p]! + r[a * 3 + 1]! * canonicalFace[p + 1]! + r[a * 3 + 2]! * canonicalFace[p + 2]!) + a;
    });
    const fit = fitSimilarity(canonicalFace, moved, rigidPoints);
    expect(fit.scale).toBeCloseTo(2.5, 4);
    expect(rotationVector(fit.rotation)).toEqual([expect.closeTo(0.2, 4), expect.closeTo(-0.5, 4), expect.closeTo(0.9, 4)]);
  });

  it('a rotation vector survives the way to a matrix and back, also near half a turn', () => {
    for (const [x, y, z] of [
      [0, 0, 0],
      [1e-7, 0, 0],
      [0.3, -0.2, 0.1],
      [0, 3.1, 0],
    ] as const) {
      expect(rotationVector(rotationMatrix(x, y, z))).toEqual([x, y, z].map((v) => expect.closeTo(v, 5)));
    }
  });

  it("the head's axes turn with the head", () => {
    const straight = headAxes(driverFace());
    const [nod, turn, tilt] = rotationVector(multiply(straight, headAxes(driverFace({ turn: 0.4 })), true));
    expect(Math.hypot(nod, turn, tilt)).toBeCloseTo(0.4, 3);
    expect(turn).toBeGreaterThan(0.39);
  });
});

describe('retargeting', () => {
  it('a driver at rest leaves the portrait as it is', () => {
    const points = portrait();
    const rest = driverFace();
    expect(largestDistance(drive(rest, rest, new AvatarFace({ points, size })).points, points)).toBeLessThan(0.6);
  });

  it('does not care how large or where the driver is in the picture', () => {
    const face = new AvatarFace({ points: portrait(), size });
    const near = drive(driverFace({ width: 0.5, at: [0.4, 0.6] }), driverFace({ width: 0.5, at: [0.4, 0.6], turn: 0.2, jaw: 0.06 }), face);
    const far = drive(driverFace({ width: 0.2, at: [0.7, 0.3] }), driverFace({ width: 0.2, at: [0.7, 0.3], turn: 0.2, jaw: 0.06 }), face);
    expect(largestDistance(near.points, far.points)).toBeLessThan(0.05);
  });

  it('a mirrored driver moves a mirrored portrait in the mirror', () => {
    const points = portrait();
    const then = driverFace({ turn: 0.2, tilt: 0.1, jaw: 0.05, at: [0.53, 0.47] });
    const plain = drive(driverFace(), then, new AvatarFace({ points, size }));
    const other = drive(mirrored(driverFace()), mirrored(then), new AvatarFace({ points: mirrored(points, size), size }));
    expect(largestDistance(mirrored(Float32Array.from(plain.points), size), other.points)).toBeLessThan(0.05);
  });

  it('a driver whose camera stands aside nods the portrait about its own ears', () => {
    const face = new AvatarFace({ points: portrait(), size });
    const straight = drive(driverFace(), driverFace({ nod: 0.15 }), face);
    // the same nod of a head that is turned by 0.35: R = turn · nod
    const aside = multiply(rotationMatrix(0, 0.35, 0), rotationMatrix(0.15, 0, 0));
    const turned = drive(driverFace({ turn: 0.35 }), rotated(aside), face);
    expect(largestDistance(straight.points, turned.points)).toBeLessThan(1);
  });

  it('opens the mouth by the same share of the face, less what lies between contour and edge of the lips', () => {
    const face = new AvatarFace({ points: portrait(), size });
    const open = drive(driverFace(), driverFace({ jaw: 0.08 }), face);
    const shut = drive(driverFace(), driverFace(), face);
    const driverGap = 0.08 / Math.sqrt(extent(234, 454, 0) * extent(10, 152, 1));
    expect(open.lipGap - shut.lipGap).toBeCloseTo(driverGap - 0.006, 2);
  });

  it("shuts the lids fully although the tracker's points stop at a quarter", () => {
    const face = new AvatarFace({ points: portrait(), size });
    const pose = drive(driverFace(), driverFace({ blink: 1 }), face);
    expect(pose.closure[0]).toBeGreaterThan(0.97);
    const h = toHeadAxes(pose.points, face.rotation, face.centre);
    expect(Math.abs(eyeOpenness(h, 0))).toBeLessThan(0.03 * face.shape.eyeOpenness[0]! + 0.01);
  });

  it('keeps the head within what one picture can show, and in the picture', () => {
    const face = new AvatarFace({ points: portrait(), size });
    const pose = drive(driverFace({ width: 0.25 }), driverFace({ width: 0.25, turn: 1.1, at: [1.6, 0.5] }), face);
    const [, turn] = rotationVector(pose.rotation);
    expect(Math.abs(turn)).toBeLessThan((25 * Math.PI) / 180);
    expect(Math.max(...Array.from({ length: 468 }, (_, i) => pose.points[i * 3]!))).toBeLessThan(size);
  });

  it('a hand-held camera, or blinks, that change the face’s width by 1.5 % do not make the portrait pulse; coming closer does', () => {
    const face = new AvatarFace({ points: portrait(), size });
    const retargeter = new Retargeter({ motion: 'relative' });
    const scaleAt = (t: number, width: number) => face.pose(retargeter.observe(driverFace({ width }), t), AvatarFace.newPose()).scale;
    const scales: number[] = [];
    for (let t = 0; t < 6000; t += 33) scales.push(scaleAt(t, 0.35 * (1 + 0.015 * Math.sin(t / 300))));
    const late = scales.slice(60);
    expect(Math.max(...late) / Math.min(...late)).toBeLessThan(1.012);
    let near = 0;
    for (let t = 6000; t < 7000; t += 33) near = scaleAt(t, 0.35 * 1.09);
    expect(near).toBeGreaterThan(1.06);
  });

  it('small turns pass unchanged', () => {
    const face = new AvatarFace({ points: portrait(), size });
    const [, turn] = rotationVector(drive(driverFace(), driverFace({ turn: 0.15 }), face).rotation);
    expect(turn).toBeCloseTo(0.15, 2);
  });

  it('absolute motion puts the mesh where the driver is', () => {
    const points = portrait();
    const face = new AvatarFace({ points, size, absolute: true });
    const retargeter = new Retargeter({ motion: 'absolute', neutral: face.inPictureWidths(), filter: false });
    const then = driverFace({ turn: 0.3, jaw: 0.05, at: [0.6, 0.5], width: 0.4 });
    const pose = face.pose(retargeter.observe(then, 0), AvatarFace.newPose());
    expect(
      largestDistance(
        pose.points,
        then.map((v) => v * size),
      ),
    ).toBeLessThan(0.75);
  });

  it('moves from the first frame on and says when it is calibrated', () => {
    const retargeter = new Retargeter({ motion: 'relative' });
    retargeter.observe(driverFace(), 0);
    expect(retargeter.calibrating).toBe(true);
    const motion = retargeter.observe(driverFace({ turn: 0.2 }), 40);
    expect(Math.abs(motion[L.rotation + 1]!)).toBeGreaterThan(0.02);
    for (let t = 80; t <= 1200; t += 40) retargeter.observe(driverFace(), t);
    expect(retargeter.calibrating).toBe(false);
  });

  it('the neutral face comes from closed-mouth frames although most of the first second is spoken', () => {
    const retargeter = new Retargeter({ motion: 'relative' });
    for (let i = 0; i < 40; i++) retargeter.observe(driverFace({ jaw: i % 2 ? 0.08 : 0 }), i * 33);
    let motion = retargeter.observe(driverFace(), 1350);
    for (let t = 1383; t < 2500; t += 33) motion = retargeter.observe(driverFace(), t);
    expect(Math.abs(motion[L.lips + 4]!)).toBeLessThan(0.01);
  });

  it('a call that begins in the middle of a blink does not stare when the eyes open', () => {
    const retargeter = new Retargeter({ motion: 'relative' });
    for (let i = 0; i < 4; i++) retargeter.observe(driverFace({ blink: 1.3 }), i * 33);
    const closures = Array.from({ length: 30 }, (_, i) => retargeter.observe(driverFace(), 132 + i * 33)[L.closure]!);
    expect(Math.max(...closures.slice(10).map(Math.abs))).toBeLessThan(0.12);
    expect(retargeter.observe(driverFace({ blink: 1 }), 1300)[L.closure]).toBeGreaterThan(0.9);
  });

  describe('a call that begins in the middle of a word', () => {
    const mouth = [13, 14, 61, 291, 0, 17, 152, 105, 334];
    const frames = readDriverLandmarks();
    const gap = (p: Float32Array) =>
      Math.hypot(p[42]! - p[39]!, p[43]! - p[40]!) / Math.hypot(p[454 * 3]! - p[234 * 3]!, p[454 * 3 + 1]! - p[234 * 3 + 1]!);
    const seconds = (n: number) => Math.round(n * driver.frameRate);
    /** The frame with the widest mouth that leaves five seconds of the clip. */
    const widest = frames.slice(seconds(0.5), frames.length - seconds(5)).reduce((a, b) => (gap(b.points) > gap(a.points) ? b : a));
    const first = frames.indexOf(widest);

    it('moves the avatar after three seconds as one that begins at rest', () => {
      const [fromRest, fromWord] = [new Retargeter({ motion: 'relative' }), new Retargeter({ motion: 'relative' })];
      const worst = { lips: 0, face: 0 };
      frames.slice(0, first + seconds(5)).forEach(({ points, capturedMs }, i) => {
        const a = fromRest.observe(points, capturedMs);
        if (i < first) return;
        const b = fromWord.observe(points, capturedMs);
        if (i < first + seconds(3)) return;
        for (let c = 0; c < 9; c++) worst.lips = Math.max(worst.lips, Math.abs(a[L.lips + c]! - b[L.lips + c]!));
        for (const v of mouth)
          for (const axis of [0, 1]) worst.face = Math.max(worst.face, Math.abs(a[L.deltas + v * 3 + axis]! - b[L.deltas + v * 3 + axis]!));
      });
      expect(gap(widest.points)).toBeGreaterThan(0.05);
      expect(worst.lips).toBeLessThan(0.012);
      expect(worst.face).toBeLessThan(0.02);
    });

    it('opens the mouth at once, and takes no part of the opening for rest', () => {
      const retargeter = new Retargeter({ motion: 'relative' });
      const open = driverFace({ jaw: 0.1 });
      const shut = driverFace();
      const openings: number[] = [];
      for (let t = 0; t < 3000; t += 33) openings.push(retargeter.observe(open, t)[L.lips + 4]!);
      expect(openings[0]).toBeGreaterThan(0.06);
      for (let t = 3000; t < 5000; t += 33) openings.push(retargeter.observe(shut, t)[L.lips + 4]!);
      expect(Math.abs(openings.at(-1)!)).toBeLessThan(0.012);
    });

    it('comes back from a smile without a jump', () => {
      const retargeter = new Retargeter({ motion: 'relative' });
      const smile = smiling(0.04);
      for (let t = 0; t < 2000; t += 33) retargeter.observe(smile, t);
      const corner = L.deltas + 61 * 3;
      const path: number[] = [];
      for (let t = 2000; t < 5000; t += 33) path.push(retargeter.observe(driverFace(), t)[corner]!);
      // at first the calm mouth is narrower than what was taken for rest; then that becomes rest
      expect(Math.max(...path)).toBeGreaterThan(0.02);
      expect(Math.abs(path.at(-1)!)).toBeLessThan(0.005);
      expect(Math.max(...path.slice(8).map((v, i) => Math.abs(v - path[i + 7]!)))).toBeLessThan(0.005);
      // and the smile is a smile now
      let motion = retargeter.observe(smile, 5000);
      for (let t = 5033; t < 5500; t += 33) motion = retargeter.observe(smile, t);
      expect(motion[corner]).toBeLessThan(-0.02);
    });
  });

  it.each([
    [0.02, 0.15],
    [0.04, 0.05],
  ])('a smile of %f that is held for three minutes stays a smile', (by, mayLose) => {
    const retargeter = new Retargeter({ motion: 'relative' });
    const corner = L.deltas + 61 * 3;
    const at = (points: Float32Array, t: number) => retargeter.observe(points, t)[corner]!;
    for (let t = 0; t < 10_000; t += 40) at(driverFace(), t);
    const smile = smiling(by);
    const path: number[] = [];
    for (let t = 10_000; t < 190_000; t += 40) path.push(at(smile, t));
    const shown = path[25]!;
    expect(shown).toBeLessThan(-0.4 * by);
    expect(Math.max(...path.slice(25).map((v) => Math.abs(v - shown)))).toBeLessThan(mayLose * Math.abs(shown));
    let after = 0;
    for (let t = 190_000; t < 191_000; t += 40) after = at(driverFace(), t);
    expect(Math.abs(after)).toBeLessThan(0.003);
  });

  it('believes lips that never meet, in the end', () => {
    const retargeter = new Retargeter({ motion: 'relative' });
    const parted = driverFace({ jaw: 0.03 });
    const early = retargeter.observe(parted, 0)[L.lips + 4]!;
    let late = early;
    for (let t = 40; t < 90_000; t += 40) late = retargeter.observe(parted, t)[L.lips + 4]!;
    expect(early).toBeGreaterThan(0.01);
    expect(late).toBeLessThan(0.004);
  });

  it('glides to the new reference after recalibrate()', () => {
    const retargeter = new Retargeter({ motion: 'relative' });
    for (let t = 0; t < 2000; t += 33) retargeter.observe(driverFace({ turn: t < 1200 ? 0 : 0.2 }), t);
    const before = retargeter.observe(driverFace({ turn: 0.2 }), 2010)[L.rotation + 1]!;
    retargeter.recalibrate();
    const turns = Array.from({ length: 60 }, (_, i) => retargeter.observe(driverFace({ turn: 0.2 }), 2043 + i * 33)[L.rotation + 1]!);
    expect(before).toBeGreaterThan(0.15);
    expect(Math.abs(turns[0]! - before)).toBeLessThan(0.05);
    expect(Math.abs(turns.at(-1)!)).toBeLessThan(0.01);
    expect(Math.max(...turns.map((v, i) => Math.abs(v - (turns[i - 1] ?? before))))).toBeLessThan(0.05);
  });
});

/** Corners of the mouth out and up, in face widths, with the cheeks. */
function smiling(by: number): Float32Array {
  const points = driverFace();
  for (const [v, side] of [
    [61, -1],
    [291, 1],
    [78, -1],
    [308, 1],
    [57, -1],
    [287, 1],
    [185, -1],
    [409, 1],
  ] as const) {
    points[v * 3]! += side * by * 0.35;
    points[v * 3 + 1]! -= 0.7 * by * 0.35;
  }
  return points;
}

function rotated(r: Float64Array): Float32Array {
  const base = driverFace({ at: [0, 0] });
  return Float32Array.from(base, (_, i) => {
    const p = i - (i % 3);
    const a = i % 3;
    return r[a * 3]! * base[p]! + r[a * 3 + 1]! * base[p + 1]! + r[a * 3 + 2]! * base[p + 2]! + ([0.5, 0.48, 0][a] ?? 0);
  });
}

function extent(a: number, b: number, axis: number): number {
  return Math.abs(canonicalFace[b * 3 + axis]! - canonicalFace[a * 3 + axis]!);
}
