import { readFileSync, statSync } from 'node:fs';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { badPortraits, driver, fixturePath, people, readDriverLandmarks, readDriverTruth } from '../support/fixtures.ts';
import { correlation } from '../support/correlation.ts';

const UPPER_LIP = 13;
const LOWER_LIP = 14;
const RIGHT_CHEEK = 234;
const LEFT_CHEEK = 454;

function distance(points: Float32Array, a: number, b: number): number {
  return Math.hypot(...[0, 1, 2].map((axis) => points[a * 3 + axis]! - points[b * 3 + axis]!));
}

/** @returns the starts of the JPEG pictures in a run of them. */
function pictureStarts(bytes: Buffer): number[] {
  const starts: number[] = [];
  for (let at = bytes.indexOf('ffd8ff', 0, 'hex'); at >= 0; at = bytes.indexOf('ffd8ff', at + 3, 'hex')) starts.push(at);
  return starts;
}

describe('the committed fixtures', () => {
  it('have every portrait at 640x640', async () => {
    const files = [...people.flatMap((person) => person.portraits), ...Object.values(badPortraits)];
    expect(new Set(files).size).toBe(27);
    for (const file of files) {
      const { format, width, height } = await sharp(file).metadata();
      expect({ file, format, width, height }).toEqual({ file, format: 'jpeg', width: 640, height: 640 });
    }
  });

  it('have a camera clip of whole pictures, as many as the loop is long', async () => {
    const bytes = readFileSync(driver.mjpeg);
    const starts = pictureStarts(bytes);
    expect(starts).toHaveLength(driver.loopFrames);
    const last = await sharp(bytes.subarray(starts.at(-1))).metadata();
    expect([last.width, last.height]).toEqual([driver.width, driver.height]);
  });

  it('have sound of 16 bit, mono, 48 kHz, as long as the loop', () => {
    const bytes = readFileSync(driver.wav);
    expect(bytes.toString('latin1', 0, 4)).toBe('RIFF');
    expect([bytes.readUInt16LE(22), bytes.readUInt32LE(24), bytes.readUInt16LE(34)]).toEqual([1, 48000, 16]);
    expect(bytes.length - 44).toBe((driver.loopFrames / driver.frameRate) * 48000 * 2);
  });

  it('have truth and landmarks for every frame of the clip, at rest in the first second', () => {
    const truth = readDriverTruth();
    const landmarks = readDriverLandmarks(5000);
    expect(truth).toHaveLength(driver.frameCount);
    expect(landmarks).toHaveLength(driver.frameCount);
    expect(landmarks[30]!.capturedMs).toBeCloseTo(6000);
    for (const frame of truth.slice(0, 28))
      expect([frame.yawDegrees, frame.mouthOpening, frame.leftEyeClosure].every((v) => Math.abs(v) < 0.02)).toBe(true);
    for (const at of [driver.loopFrames - 1, driver.frameCount - 1])
      expect(Math.abs(truth[at]!.yawDegrees) + truth[at]!.mouthOpening).toBeLessThan(0.05);
    for (const { points, confidence } of landmarks) {
      expect(confidence).toBeGreaterThan(0);
      expect(points[0]).toBeGreaterThan(0.2);
      expect(points[0]).toBeLessThan(0.8);
    }
  });

  it('were tracked well: mouth and yaw follow the animation', () => {
    const truth = readDriverTruth();
    const points = readDriverLandmarks().map((frame) => frame.points);
    const mouth = points.map((p) => distance(p, UPPER_LIP, LOWER_LIP) / distance(p, RIGHT_CHEEK, LEFT_CHEEK));
    const yaw = points.map((p) => Math.atan2(p[LEFT_CHEEK * 3 + 2]! - p[RIGHT_CHEEK * 3 + 2]!, p[LEFT_CHEEK * 3]! - p[RIGHT_CHEEK * 3]!));
    expect(
      correlation(
        mouth,
        truth.map((frame) => frame.mouthOpening),
      ),
    ).toBeGreaterThan(0.9);
    expect(
      correlation(
        yaw,
        truth.map((frame) => frame.yawDegrees),
      ),
    ).toBeGreaterThan(0.95);
  });

  it('stay small', () => {
    const clip = ['driver.mp4', 'driver.mjpeg', 'driver.wav', 'driver-truth.json', 'driver-landmarks.bin', 'contact-sheet.jpg'].map(
      fixturePath,
    );
    const files = [...people.flatMap((person) => person.portraits), ...Object.values(badPortraits), ...clip];
    expect(files.reduce((sum, file) => sum + statSync(file).size, 0)).toBeLessThan(6_000_000);
    expect(statSync(driver.mjpeg).size).toBeLessThan(3_000_000);
  });
});
