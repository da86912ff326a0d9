/** The committed fixtures (test/fixtures): synthetic people, a driving clip, and what is known about them. Paths are absolute. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LandmarkFrame } from '../../client/src/protocol/index.ts';
import { readRecording } from '../../server/bench/recording.ts';

const root = fileURLToPath(new URL('../fixtures/', import.meta.url));

export const fixturePath = (name: string): string => root + name;

export const portraitKinds = ['neutral', 'smile', 'mouth-open', 'turned-left', 'turned-right'] as const;
export type PortraitKind = (typeof portraitKinds)[number];

export interface FixturePerson {
  name: string;
  sex: 'female' | 'male';
  age: number;
  /** 640x640 JPEG files, in the order of `portraitKinds`: the neutral one first. */
  portraits: string[];
}

function person(name: string, sex: FixturePerson['sex'], age: number): FixturePerson {
  return { name, sex, age, portraits: portraitKinds.map((kind) => portraitOf(name, kind)) };
}

/** @returns the path of one person's portrait. */
export function portraitOf(name: string, kind: PortraitKind): string {
  return fixturePath(`portraits/${name}-${kind}.jpg`);
}

export const people: FixturePerson[] = [
  person('anna', 'female', 27),
  person('grace', 'female', 48),
  person('kenji', 'male', 33),
  person('walter', 'male', 66),
];

/** Portraits that enrolment must refuse or warn about. */
export const badPortraits = {
  profile: fixturePath('portraits/bad-profile.jpg'),
  twoFaces: fixturePath('portraits/bad-two-faces.jpg'),
  noFace: fixturePath('portraits/bad-no-face.jpg'),
  dark: fixturePath('portraits/bad-dark.jpg'),
  blurred: fixturePath('portraits/bad-blurred.jpg'),
  tinyFace: fixturePath('portraits/bad-tiny-face.jpg'),
  eyesClosed: fixturePath('portraits/bad-eyes-closed.jpg'),
} as const;

/** A fifth person speaks, turns, nods and blinks. `mjpeg` and `wav` hold the first `loopFrames` frames and loop without a jump. */
export const driver = {
  mp4: fixturePath('driver.mp4'),
  mjpeg: fixturePath('driver.mjpeg'),
  wav: fixturePath('driver.wav'),
  width: 640,
  height: 480,
  frameRate: 30,
  frameCount: 270,
  loopFrames: 180,
} as const;

/** What the animation did in one frame of the clip. Yaw > 0: to the driver's left; pitch > 0: down; roll > 0: clockwise in the picture. */
export interface DriverTruth {
  timeS: number;
  yawDegrees: number;
  pitchDegrees: number;
  rollDegrees: number;
  /** Gap between the lips, 0..1 (1: the jaw wide open). */
  mouthOpening: number;
  leftEyeClosure: number;
  rightEyeClosure: number;
}

export function readDriverTruth(): DriverTruth[] {
  const { columns, frames } = JSON.parse(readFileSync(fixturePath('driver-truth.json'), 'utf8')) as {
    columns: string[];
    frames: number[][];
  };
  return frames.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]])) as unknown as DriverTruth);
}

/**
 * The real tracker's landmarks of every frame of `driver.mp4`, in the protocol's convention.
 * @param startMs what `capturedMs` of the first frame shall be
 */
export const readDriverLandmarks = (startMs = 0): LandmarkFrame[] => readRecording(fixturePath('driver-landmarks'), startMs);
