/// <reference lib="dom" preserve="true" />
/** Module worker: MediaPipe's FaceLandmarker (tasks-vision 1.1.0), wasm and model from our server. */
import { FaceLandmarker } from '@mediapipe/tasks-vision';
import { allowOnlyOrigin } from './network-guard.ts';
import type { TrackerAssets } from './Tracker.ts';
import { runWorker } from './worker-loop.ts';
import type { Detector } from './worker-loop.ts';

async function load({ wasmLoaderUrl, wasmBinaryUrl, modelUrl }: TrackerAssets): Promise<Detector> {
  allowOnlyOrigin(wasmLoaderUrl);
  // CPU on purpose: it is fast enough, and the GPU then stays with the calls' video decoders.
  const landmarker = await FaceLandmarker.createFromOptions(
    { wasmLoaderPath: wasmLoaderUrl, wasmBinaryPath: wasmBinaryUrl },
    { baseOptions: { modelAssetPath: modelUrl, delegate: 'CPU' }, runningMode: 'VIDEO', numFaces: 1 },
  );
  return {
    detect: (picture, timestampMs) => landmarker.detectForVideo(picture, timestampMs).faceLandmarks[0] ?? null,
    close: () => landmarker.close(),
  };
}

runWorker(load);
