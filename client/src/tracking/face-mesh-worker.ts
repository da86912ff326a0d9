/// <reference lib="dom" />
/**
 * Classic worker: @mediapipe/face_mesh 0.4, which brings its own models, so that a closed network has a tracker too.
 * The library expects a page; the few things of a page that it touches are given to it here.
 */
import type { FaceMesh, Results } from '@mediapipe/face_mesh';
import { allowOnlyOrigin } from './network-guard.ts';
import type { TrackerAssets } from './Tracker.ts';
import { runWorker } from './worker-loop.ts';
import type { Detector } from './worker-loop.ts';

interface ClassicWorkerScope {
  importScripts(...urls: string[]): void;
  FaceMesh: new (config: { locateFile: (path: string) => string }) => FaceMesh;
  window?: unknown;
  document?: unknown;
}

const scope = globalThis as unknown as ClassicWorkerScope;

/** A script element that loads through importScripts once it is put into the body. */
class ScriptElement {
  src = '';
  readonly #listeners = new Map<string, () => void>();

  setAttribute(name: string, value: string): void {
    if (name === 'src') this.src = value;
  }

  addEventListener(name: string, listener: () => void): void {
    this.#listeners.set(name, listener);
  }

  run(): void {
    scope.importScripts(this.src);
    this.#listeners.get('load')?.();
  }
}

function pretendPage(): void {
  scope.window = globalThis;
  scope.document = {
    createElement: (tag: string) => (tag === 'canvas' ? new OffscreenCanvas(1, 1) : new ScriptElement()),
    body: { appendChild: (element: ScriptElement) => element.run() },
    addEventListener: () => undefined,
  };
}

async function load({ faceMesh: { baseUrl } }: TrackerAssets): Promise<Detector> {
  allowOnlyOrigin(baseUrl);
  pretendPage();
  scope.importScripts(`${baseUrl}face_mesh.js`);
  const mesh = new scope.FaceMesh({ locateFile: (path) => `${baseUrl}${path}` });
  // The confidences stay at their default of 0.5: setting them replaces the detector's whole options and it refuses to run.
  mesh.setOptions({ maxNumFaces: 1, refineLandmarks: true, selfieMode: false });
  let newest: Results | null = null;
  mesh.onResults((results) => {
    newest = results;
  });
  await mesh.initialize();
  return {
    detect: async (picture) => {
      newest = null;
      // It reads `width` and `height`, which a VideoFrame does not have.
      const bitmap = picture instanceof ImageBitmap ? picture : await createImageBitmap(picture);
      await mesh.send({ image: bitmap as unknown as HTMLCanvasElement });
      if (bitmap !== picture) bitmap.close();
      return (newest as Results | null)?.multiFaceLandmarks?.[0] ?? null;
    },
    close: () => void mesh.close(),
  };
}

runWorker(load);
