/// <reference lib="dom" preserve="true" />
/** What a face tracker is to the rest of the SDK, and the messages between its two halves (page and worker). */
import { LANDMARK_COUNT } from '../protocol/index.ts';

/** Of a tracker that looks at more than the driver. */
export const MOST_FACES = 4;

/** Light on the face, of the picture as the camera gave it; 0..255. */
export interface FaceLight {
  mean: number;
  /** Share of overexposed pixels, 0..1. */
  overexposed: number;
}

/** One tracked camera picture. */
export interface TrackedFrame {
  /** [478, 3] as in `LandmarkFrame`: the driver's face, whoever else is in view; all zero while it is not seen. */
  points: Float32Array;
  /** Share of the landmarks that lie within the picture, 0..1; 0 when the driver is not seen. */
  confidence: number;
  /** When the camera took the picture: ms since the Unix epoch, this machine's monotonic clock. */
  capturedMs: number;
  /** How long the tracker worked on it. */
  trackingMs: number;
  /** Height / width of the picture. */
  aspect: number;
  /** Only while `measureLight` is on. */
  light: FaceLight | null;
}

export interface TrackerEvents {
  frame: TrackedFrame;
  /** The tracker died; make a new one. */
  failed: { message: string };
}

/** Where the server serves the tracker's files, as absolute URLs: its answer to GET /assets/tracker.json. */
export interface TrackerAssets {
  workerUrl: string;
  wasmLoaderUrl: string;
  wasmBinaryUrl: string;
  modelUrl: string;
}

export type ToWorker =
  | { type: 'start'; assets: TrackerAssets }
  /** Camera pictures that the worker reads by itself, also while the page is hidden. */
  | { type: 'stream'; stream: ReadableStream<VideoFrame> }
  | { type: 'picture'; picture: ImageBitmap; capturedMs: number }
  | { type: 'measure-light'; on: boolean }
  | { type: 'choose-driver' }
  | { type: 'close' };

export type FromWorker =
  | { type: 'ready' }
  | { type: 'idle' }
  | { type: 'tracked'; frame: TrackedFrame }
  | { type: 'failed'; message: string };

/**
 * MediaPipe's normalised landmarks (x by width, y by height, z by width) to the isotropic convention of `LandmarkFrame`.
 * Returns the confidence.
 */
export function fillPoints(points: Float32Array, landmarks: ArrayLike<{ x: number; y: number; z: number }>, aspect: number): number {
  if (landmarks.length < LANDMARK_COUNT) return 0;
  let inside = 0;
  for (let i = 0; i < LANDMARK_COUNT; i++) {
    const { x, y, z } = landmarks[i]!;
    points[i * 3] = x;
    points[i * 3 + 1] = y * aspect;
    points[i * 3 + 2] = z;
    if (x >= 0 && x <= 1 && y >= 0 && y <= 1) inside++;
  }
  return inside / LANDMARK_COUNT;
}
