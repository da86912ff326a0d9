import { describe, expect, it } from 'vitest';
import { measureFace } from '../../client/src/tracking/face-measure.ts';
import { captureSteps, GuidedCapture } from '../../client/src/tracking/GuidedCapture.ts';
import type { CaptureHint } from '../../client/src/tracking/GuidedCapture.ts';
import { summarise } from '../../client/src/tracking/LightMeter.ts';
import { fillPoints } from '../../client/src/tracking/Tracker.ts';
import type { FaceLight, TrackedFrame } from '../../client/src/tracking/Tracker.ts';
import { meanFace } from '../support/mean-face.ts';

const ASPECT = 0.75;
const goodLight: FaceLight = { mean: 120, overexposed: 0 };

interface Pose {
  yaw?: number;
  smile?: number;
  mouth?: number;
  width?: number;
  x?: number;
  light?: FaceLight | null;
  confidence?: number;
}

/** The mean face, turned (degrees, to the person's left) and with a moved mouth. */
function posed({ yaw = 0, smile = 1, mouth = 0, width = 0.34, x = 0.5 }: Pose): Float32Array {
  const points = meanFace({ width, x: 0, y: 0 });
  const height = points[152 * 3 + 1]! - points[10 * 3 + 1]!;
  const lip = points[14 * 3 + 1]! - points[13 * 3 + 1]!;
  points[14 * 3 + 1]! += mouth * height - lip;
  for (const corner of [61, 291]) points[corner * 3]! *= smile;
  const [cos, sin] = [Math.cos((yaw * Math.PI) / 180), Math.sin((yaw * Math.PI) / 180)];
  for (let i = 0; i < points.length; i += 3) {
    const [px, pz] = [points[i]!, points[i + 2]!];
    points[i] = px * cos - pz * sin + x;
    points[i + 1]! += ASPECT / 2;
    points[i + 2] = px * sin + pz * cos;
  }
  return points;
}

describe('measureFace', () => {
  it('knows a turn to the person’s own left from one to the right', () => {
    const straight = measureFace(posed({}), ASPECT).yaw;
    expect(Math.abs(straight)).toBeLessThan(6);
    expect(measureFace(posed({ yaw: 25 }), ASPECT).yaw - straight).toBeCloseTo(25, 0);
    expect(measureFace(posed({ yaw: -25 }), ASPECT).yaw - straight).toBeCloseTo(-25, 0);
  });

  it('measures place, size and mouth independent of how near the face is', () => {
    const near = measureFace(posed({ width: 0.5, mouth: 0.12 }), ASPECT);
    const far = measureFace(posed({ width: 0.25, mouth: 0.12, x: 0.6 }), ASPECT);
    expect(near.size / far.size).toBeCloseTo(2, 5);
    expect(near.mouthOpen).toBeCloseTo(far.mouthOpen, 5);
    expect(far.centreX - near.centreX).toBeCloseTo(0.1, 2);
  });
});

describe('GuidedCapture', () => {
  class Session {
    readonly guide = new GuidedCapture();
    readonly taken: string[] = [];
    done = false;
    hint: CaptureHint | null = null;
    progress = 0;
    #nowMs = 0;

    constructor() {
      this.guide.on('progress', ({ hint, progress }) => {
        this.hint = hint;
        this.progress = progress;
      });
      this.guide.on('ready', ({ step }) => this.taken.push(step));
      this.guide.on('done', () => (this.done = true));
    }

    show(pose: Pose, ms = 33): void {
      for (const end = this.#nowMs + ms; this.#nowMs < end;) {
        this.#nowMs += 33;
        const frame: TrackedFrame = {
          points: posed(pose),
          confidence: pose.confidence ?? 1,
          capturedMs: this.#nowMs,
          trackingMs: 20,
          aspect: ASPECT,
          light: pose.light === undefined ? goodLight : pose.light,
        };
        this.guide.handleFrame(frame);
      }
    }
  }

  it('leads through all five pictures, each taken once it was right for a while', () => {
    const session = new Session();
    const poses: Record<(typeof captureSteps)[number], Pose> = {
      neutral: {},
      smile: { smile: 1.25 },
      'mouth-open': { mouth: 0.14 },
      'turned-left': { yaw: 28 },
      'turned-right': { yaw: -28 },
    };
    for (const step of captureSteps) {
      expect(session.guide.step).toBe(step);
      session.show(poses[step], 300);
      expect(session.taken).not.toContain(step);
      session.show(poses[step], 1500);
      expect(session.taken.at(-1)).toBe(step);
      session.guide.advance();
    }
    expect([session.done, session.taken.length, session.guide.step]).toEqual([true, 5, null]);
  });

  it('says what to change', () => {
    const session = new Session();
    const hintFor = (pose: Pose): CaptureHint | null => {
      session.show(pose, 100);
      return session.hint;
    };
    expect(hintFor({ confidence: 0 })).toBe('no-face');
    expect(hintFor({ width: 0.1 })).toBe('too-far');
    expect(hintFor({ width: 0.75 })).toBe('too-close');
    expect(hintFor({ x: 0.85 })).toBe('off-centre');
    expect(hintFor({ light: { mean: 20, overexposed: 0 } })).toBe('too-dark');
    expect(hintFor({ light: { mean: 180, overexposed: 0.5 } })).toBe('too-bright');
    expect(hintFor({ yaw: 30 })).toBe('look-straight');
    expect(hintFor({ mouth: 0.12 })).toBe('relax');
    expect(hintFor({ light: null })).toBe('hold');
  });

  it('asks for a wider smile than the neutral mouth, whatever that mouth is', () => {
    const session = new Session();
    session.show({ smile: 1.3 }, 1500);
    session.guide.advance();
    session.show({ smile: 1.3 }, 1500);
    expect([session.hint, session.taken]).toEqual(['smile-more', ['neutral']]);
    session.show({ smile: 1.55 }, 1500);
    expect(session.taken).toEqual(['neutral', 'smile']);
  });

  it('tells left from right and turned too far', () => {
    const session = new Session();
    for (let i = 0; i < 3; i++) session.guide.advance();
    session.show({ yaw: -28 }, 100);
    expect(session.hint).toBe('turn-left');
    session.show({ yaw: 60 }, 100);
    expect(session.hint).toBe('turn-less');
  });

  it('loses what was held when the pose is given up, and waits for the caller after a picture', () => {
    const session = new Session();
    session.show({}, 500);
    const held = session.progress;
    session.show({ confidence: 0 }, 150);
    expect(session.progress).toBeLessThan(held);
    session.show({}, 5000);
    expect(session.taken).toEqual(['neutral']);
    session.guide.retake('neutral');
    session.show({}, 1500);
    expect(session.taken).toEqual(['neutral', 'neutral']);
  });

  it('does not take a picture of a face that moves', () => {
    const session = new Session();
    for (let i = 0; i < 60; i++) session.show({ x: 0.5 + 0.09 * (i % 2) });
    expect(session.taken).toEqual([]);
  });
});

describe('tracked pictures', () => {
  it('become isotropic, in units of the width, and count what lies outside', () => {
    const landmarks = Array.from({ length: 478 }, (_, i) => ({ x: i < 239 ? 0.5 : 1.2, y: 0.5, z: -0.1 }));
    const points = new Float32Array(478 * 3);
    expect(fillPoints(points, landmarks, ASPECT)).toBe(0.5);
    expect([...points.slice(0, 3)]).toEqual([0.5, 0.375, Math.fround(-0.1)]);
    expect(fillPoints(points, landmarks.slice(0, 468), ASPECT)).toBe(0);
  });

  it('have a mean brightness and a share of overexposed pixels', () => {
    const rgba = new Uint8ClampedArray([255, 255, 255, 255, 0, 0, 0, 255, 100, 100, 100, 255, 100, 100, 100, 255]);
    const { mean, overexposed } = summarise(rgba);
    expect(mean).toBeCloseTo(113.75, 1);
    expect(overexposed).toBe(0.25);
  });
});
