/// <reference lib="dom" />
import { Attempt } from '../http/Attempt.ts';
import type { AttemptOptions } from '../http/Attempt.ts';
import { explainUnreachable } from '../http/origin.ts';
import { serverOrigin } from '../http/server-address.ts';
import { AppError } from '../protocol/index.ts';
import type { TrackerAssets } from './Tracker.ts';
import { WorkerTracker } from './WorkerTracker.ts';

const ASSETS_TIMEOUT_MS = 30_000;

/** What the server serves; relative addresses are made absolute against it. @throws AppError `server-unreachable`, `tracker-failed`. */
export async function loadTrackerAssets(serverUrl: string, options: AttemptOptions = {}): Promise<TrackerAssets> {
  const origin = serverOrigin(serverUrl);
  const assetsUrl = new URL('/assets/tracker.json', origin);
  const assets = await new Attempt({ timeoutMs: ASSETS_TIMEOUT_MS, ...options }).run(async ({ signal }) => {
    const response = await fetch(assetsUrl, { signal }).catch(async (cause: unknown) => {
      throw signal.aborted ? cause : await explainUnreachable(origin, cause, signal);
    });
    if (!response.ok) throw new AppError('tracker-failed', `the server answered ${response.status} for ${assetsUrl.pathname}`);
    return response.json().catch((cause: unknown) => {
      throw new AppError('tracker-failed', `${assetsUrl.href} is not what a Gioconda server serves there`, { cause });
    }) as Promise<TrackerAssets>;
  });
  const absolute = <T extends object>(urls: T): T =>
    Object.fromEntries(Object.entries(urls).map(([key, url]) => [key, new URL(String(url), assetsUrl).href])) as T;
  return {
    tracker: assets.tracker,
    faceLandmarker: assets.faceLandmarker && absolute(assets.faceLandmarker),
    faceMesh: absolute(assets.faceMesh),
  };
}

export interface LoadTrackerOptions {
  assets: TrackerAssets;
  createWorker?: (url: string, type: WorkerType) => Worker;
  /** Ends the worker that is being started. */
  signal?: AbortSignal;
}

/** The preferred tracker, or the other one when it does not start in this browser. */
export async function loadTracker({ assets, createWorker, signal }: LoadTrackerOptions): Promise<WorkerTracker> {
  const optional = { ...(createWorker && { createWorker }), ...(signal && { signal }) };
  if (assets.tracker === 'face-landmarker' && assets.faceLandmarker) {
    try {
      return await WorkerTracker.create({ assets, name: 'face-landmarker', ...optional });
    } catch (error) {
      if (signal?.aborted) throw error;
      console.warn('gioconda: FaceLandmarker did not start, face_mesh takes over', error);
    }
  }
  return WorkerTracker.create({ assets, name: 'face-mesh', ...optional });
}
