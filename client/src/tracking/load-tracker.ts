/// <reference lib="dom" preserve="true" />
import { Attempt } from '../http/Attempt.ts';
import type { AttemptOptions } from '../http/Attempt.ts';
import type { ServerLink } from '../call/server-link.ts';
import { explainUnreachable } from '../http/origin.ts';
import { serverOrigin } from '../http/server-address.ts';
import { AppError } from '../protocol/index.ts';
import type { TrackerAssets } from './Tracker.ts';
import { WorkerTracker } from './WorkerTracker.ts';

const ASSETS_TIMEOUT_MS = 30_000;

/** What the server serves; relative addresses are made absolute against it. @throws AppError `server-unreachable`, `tracker-failed`. */
export async function loadTrackerAssets(
  serverUrl: string,
  { fetch: ownFetch = fetch, ...options }: AttemptOptions & { fetch?: ServerLink['fetch'] } = {},
): Promise<TrackerAssets> {
  const origin = serverOrigin(serverUrl);
  const assetsUrl = new URL('/assets/tracker.json', origin);
  const served = await new Attempt({ timeoutMs: ASSETS_TIMEOUT_MS, ...options }).run(async ({ signal }) => {
    const response = await ownFetch(assetsUrl.href, { signal }).catch(async (cause: unknown) => {
      throw signal.aborted ? cause : await explainUnreachable(origin, cause, signal);
    });
    if (!response.ok) throw new AppError('tracker-failed', `the server answered ${response.status} for ${assetsUrl.pathname}`);
    return response.json().catch((cause: unknown) => {
      throw new AppError('tracker-failed', `${assetsUrl.href} is not what a Gioconda server serves there`, { cause });
    }) as Promise<TrackerAssets>;
  });
  const absolute = (url: string): string => new URL(url, assetsUrl).href;
  return {
    workerUrl: absolute(served.workerUrl),
    wasmLoaderUrl: absolute(served.wasmLoaderUrl),
    wasmBinaryUrl: absolute(served.wasmBinaryUrl),
    modelUrl: absolute(served.modelUrl),
  };
}

export interface LoadTrackerOptions {
  assets: TrackerAssets;
  createWorker?: (url: string) => Worker;
  /** Ends the worker that is being started. */
  signal?: AbortSignal;
}

/** MediaPipe's Face Landmarker in a worker of its own. @throws AppError `tracker-failed`. */
export function loadTracker({ assets, createWorker, signal }: LoadTrackerOptions): Promise<WorkerTracker> {
  return WorkerTracker.create({ assets, ...(createWorker && { createWorker }), ...(signal && { signal }) });
}
