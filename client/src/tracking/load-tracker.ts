/// <reference lib="dom" />
import { AppError } from '../protocol/index.ts';
import type { TrackerAssets } from './Tracker.ts';
import { WorkerTracker } from './WorkerTracker.ts';

/** What the server serves; relative addresses are made absolute against it. @throws AppError `server-unreachable`, `tracker-failed`. */
export async function loadTrackerAssets(serverUrl: string): Promise<TrackerAssets> {
  const assetsUrl = new URL('/assets/tracker.json', serverUrl);
  const response = await fetch(assetsUrl).catch((cause: unknown) => {
    throw new AppError('server-unreachable', undefined, { cause });
  });
  if (!response.ok) throw new AppError('tracker-failed', `the server answered ${response.status} for ${assetsUrl.pathname}`);
  const assets = (await response.json()) as TrackerAssets;
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
}

/** The preferred tracker, or the other one when it does not start in this browser. */
export async function loadTracker({ assets, createWorker }: LoadTrackerOptions): Promise<WorkerTracker> {
  const optional = createWorker ? { createWorker } : {};
  if (assets.tracker === 'face-landmarker' && assets.faceLandmarker) {
    try {
      return await WorkerTracker.create({ assets, name: 'face-landmarker', ...optional });
    } catch (error) {
      console.warn('gioconda: FaceLandmarker did not start, face_mesh takes over', error);
    }
  }
  return WorkerTracker.create({ assets, name: 'face-mesh', ...optional });
}
