/// <reference lib="dom" preserve="true" />
/** Module worker: MediaPipe's FaceLandmarker (tasks-vision 1.1.0), wasm and model from our server. */
import { FaceLandmarker } from '@mediapipe/tasks-vision';
import type { Detector, Detectors } from './DriverTracking.ts';
import { allowOnlyOrigin } from './network-guard.ts';
import { MOST_FACES } from './Tracker.ts';
import type { TrackerAssets } from './Tracker.ts';
import { runWorker } from './worker-loop.ts';

/** Of one face and of several: a small face in the background must be seen beside a large one, which it is not with the default of 0.5. */
const LEAST_DETECTION = { one: 0.5, several: 0.3 } as const;

async function load({ wasmLoaderUrl, wasmBinaryUrl, modelUrl }: TrackerAssets): Promise<Detectors> {
  allowOnlyOrigin(wasmLoaderUrl);
  const create = async (numFaces: number, minFaceDetectionConfidence: number): Promise<Detector> => {
    // CPU on purpose: it is fast enough, and the GPU then stays with the calls' video decoders.
    const landmarker = await FaceLandmarker.createFromOptions(
      { wasmLoaderPath: wasmLoaderUrl, wasmBinaryPath: wasmBinaryUrl },
      { baseOptions: { modelAssetPath: modelUrl, delegate: 'CPU' }, runningMode: 'VIDEO', numFaces, minFaceDetectionConfidence },
    );
    return {
      detect: (picture, timestampMs) => landmarker.detectForVideo(picture, timestampMs).faceLandmarks,
      close: () => landmarker.close(),
    };
  };
  return { one: await create(1, LEAST_DETECTION.one), loadSeveral: () => create(MOST_FACES, LEAST_DETECTION.several) };
}

runWorker(load);
