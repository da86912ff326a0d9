/// <reference lib="dom" preserve="true" />
/** The worker half of a tracker: reads pictures, latest first, tracks the driver, posts landmarks. */
import { LANDMARK_COUNT } from '../protocol/landmarks.ts';
import { CaptureTimes } from './CaptureTimes.ts';
import { DriverTracking } from './DriverTracking.ts';
import type { Detectors, Picture } from './DriverTracking.ts';
import { LightMeter } from './LightMeter.ts';
import type { FromWorker, ToWorker, TrackerAssets } from './Tracker.ts';

interface WorkerScope {
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  close(): void;
}

const noFace = () => ({ points: new Float32Array(LANDMARK_COUNT * 3), confidence: 0 });
const nowMs = (): number => performance.timeOrigin + performance.now();

/** Runs for the life of the worker. */
export function runWorker(load: (assets: TrackerAssets) => Promise<Detectors>): void {
  const scope = globalThis as unknown as WorkerScope;
  const captureTimes = new CaptureTimes();
  const light = new LightMeter();
  let tracking: DriverTracking | null = null;
  let measureLight = false;

  const fail = (error: unknown): void =>
    scope.postMessage({ type: 'failed', message: error instanceof Error ? error.message : String(error) });

  const track = async (picture: Picture, capturedMs: number): Promise<void> => {
    const startMs = performance.now();
    try {
      const width = 'displayWidth' in picture ? picture.displayWidth : picture.width;
      const height = 'displayHeight' in picture ? picture.displayHeight : picture.height;
      const aspect = height / width;
      const { points, confidence } = (await tracking?.track(picture, aspect, startMs)) ?? noFace();
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
          tracking = new DriverTracking(loaded);
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
      case 'choose-driver':
        tracking?.forget();
        return;
      case 'close':
        tracking?.close();
        scope.close();
    }
  };
}
