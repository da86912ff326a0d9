/** A recorded driver: a real tracker's landmarks of a rendered clip, as `test/fixtures/driver-landmarks.*` hold them. */
import { readFileSync } from 'node:fs';
import { LANDMARK_COUNT, type LandmarkFrame } from '../../client/src/protocol/index.ts';

interface RecordingHeader {
  /** Frames, points, coordinates. */
  shape: [number, number, number];
  /** int16 steps per picture width. */
  scale: number;
  frameRate: number;
  /** One per frame. */
  confidence: number[];
}

const STRIDE = LANDMARK_COUNT * 3;

/**
 * @param path without `.json` (header) and `.bin` (int16, little endian, frame by frame)
 * @param startMs what `capturedMs` of the first frame shall be
 */
export function readRecording(path: string, startMs = 0): LandmarkFrame[] {
  const header = JSON.parse(readFileSync(`${path}.json`, 'utf8')) as RecordingHeader;
  const bytes = readFileSync(`${path}.bin`);
  return Array.from({ length: header.shape[0] }, (_, frame) => ({
    points: Float32Array.from({ length: STRIDE }, (_point, i) => bytes.readInt16LE((frame * STRIDE + i) * 2) / header.scale),
    capturedMs: startMs + (frame * 1000) / header.frameRate,
    confidence: header.confidence[frame] ?? 0,
  }));
}
