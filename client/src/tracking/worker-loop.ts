/// <reference lib="dom" preserve="true" />
/** The worker half of a tracker: reads pictures, latest first, tracks, posts landmarks. */
import { LANDMARK_COUNT } from '../protocol/landmarks.ts';
import { CaptureTimes } from './CaptureTimes.ts';
import { LightMeter } from './LightMeter.ts';
import { fillPoints } from './Tracker.ts';
import type { FromWorker, ToWorker, TrackerAssets } from './Tracker.ts';

type Picture = ImageBitmap | VideoFrame;
type Landmarks = ArrayLike<{ x: number; y: number; z: number }>;

/** A tracker as the loop sees it. `null`: no face. `timestampMs` grows from call to call. */
export interface Detector {
  detect(picture: Picture, timestampMs: number): Landmarks | null | Promise<Landmarks | null>;
  close(): void;
}

interface WorkerScope {
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  close(): void;
}

const nowMs = (): number => performance.timeOrigin + performance.now();

/** Runs for the life of the worker. */
export function runWorker(load: (assets: TrackerAssets) => Promise<Detector>): void {
  const scope = globalThis as unknown as WorkerScope;
  const captureTimes = new CaptureTimes();
  const light = new LightMeter();
  let detector: Detector | null = null;
  let measureLight = false;
  let lastTimestampMs = 0;

  const fail = (error: unknown): void =>
    scope.postMessage({ type: 'failed', message: error instanceof Error ? error.message : String(error) });

  const track = async (picture: Picture, capturedMs: number): Promise<void> => {
    const startMs = performance.now();
    try {
      const width = 'displayWidth' in picture ? picture.displayWidth : picture.width;
      const height = 'displayHeight' in picture ? picture.displayHeight : picture.height;
      // MediaPipe insists on growing timestamps, whatever the camera's clock does.
      lastTimestampMs = Math.max(lastTimestampMs + 1, Math.round(startMs));
      const landmarks = await detector?.detect(picture, lastTimestampMs);
      const points = new Float32Array(LANDMARK_COUNT * 3);
      const aspect = height / width;
      const confidence = landmarks ? fillPoints(points, landmarks, aspect) : 0;
      const measured = measureLight && confidence > 0 ? light.measure(picture, points) : null;
      scope.postMessage(
        { type: 'tracked', frame: { points, confidence, capturedMs, trackingMs: performance.now() - startMs, aspect, light: measured } },
        [points.buffer],
      );
    } finally {
      picture.close();
    }
  };

  const readStream = async (stream: ReadableStream<VideoFrame>): Promise<void> => {
    const reader = stream.getReader();
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      await track(frame, captureTimes.captureTime(frame.timestamp / 1000, nowMs()));
    }
  };

  scope.onmessage = ({ data }) => {
    switch (data.type) {
      case 'start':
        load(data.assets).then((loaded) => {
          detector = loaded;
          scope.postMessage({ type: 'ready' });
        }, fail);
        return;
      case 'stream':
        readStream(data.stream).catch(fail);
        return;
      case 'picture':
        track(data.picture, data.capturedMs).then(() => scope.postMessage({ type: 'idle' }), fail);
        return;
      case 'measure-light':
        measureLight = data.on;
        return;
      case 'close':
        detector?.close();
        scope.close();
    }
  };
}
