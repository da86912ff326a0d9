/// <reference lib="dom" preserve="true" />
import { Emitter } from '../call/Emitter.ts';
import { Attempt } from '../http/Attempt.ts';
import { AppError } from '../protocol/index.ts';
import type { FromWorker, ToWorker, TrackerAssets, TrackerEvents } from './Tracker.ts';

const START_TIMEOUT_MS = 60_000;

export interface WorkerTrackerOptions {
  assets: TrackerAssets;
  /** Makes the module worker; by default from the URL that the server names. */
  createWorker?: (url: string) => Worker;
  /** Gives the start up. */
  signal?: AbortSignal;
}

/** A face tracker in its own worker. Give it pictures one at a time: while it works, newer ones replace each other. */
export class WorkerTracker extends Emitter<TrackerEvents> {
  readonly #worker: Worker;
  #busy = false;
  #streaming = false;
  #closed = false;

  private constructor(worker: Worker) {
    super();
    this.#worker = worker;
  }

  /** Resolves when wasm and models are loaded. @throws AppError `tracker-failed`. */
  static async create({ assets, createWorker = startWorker, signal }: WorkerTrackerOptions): Promise<WorkerTracker> {
    const tracker = new WorkerTracker(openWorker(createWorker, assets.workerUrl));
    try {
      await new Attempt({ signal }).run(() => tracker.#start(assets));
      return tracker;
    } catch (error) {
      tracker.close();
      throw error;
    }
  }

  /** True while a picture is being tracked: do not make another one yet. */
  get busy(): boolean {
    return this.#busy || this.#streaming || this.#closed;
  }

  /** The picture is transferred and closed by the worker. `capturedMs`: monotonic ms since the Unix epoch. */
  track(picture: ImageBitmap, capturedMs: number): void {
    if (this.busy) return picture.close();
    this.#busy = true;
    this.#post({ type: 'picture', picture, capturedMs }, [picture]);
  }

  /** The worker reads the camera by itself, independent of the page's timers. */
  readStream(stream: ReadableStream<VideoFrame>): void {
    this.#streaming = true;
    this.#post({ type: 'stream', stream }, [stream]);
  }

  measureLight(on: boolean): void {
    this.#post({ type: 'measure-light', on });
  }

  /** Whose face drives is chosen anew: the largest. Nobody else takes over by themselves while the driver was seen beside them. */
  chooseDriver(): void {
    this.#post({ type: 'choose-driver' });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Terminating frees wasm memory at once; a closing message would wait behind the picture in work.
    this.#worker.terminate();
    this.clear();
  }

  #post(message: ToWorker, transfer: Transferable[] = []): void {
    if (!this.#closed) this.#worker.postMessage(message, transfer);
  }

  #start(assets: TrackerAssets): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (message: string): void => {
        clearTimeout(timer);
        reject(new AppError('tracker-failed', message));
        this.emit('failed', { message });
      };
      const timer = setTimeout(() => fail('the tracker took too long to load'), START_TIMEOUT_MS);
      this.#worker.onerror = (event) => fail(event.message || 'the tracker could not be loaded');
      this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
        if (data.type === 'ready') {
          clearTimeout(timer);
          resolve();
        } else if (data.type === 'tracked') this.emit('frame', data.frame);
        else if (data.type === 'idle') this.#busy = false;
        else fail(data.message);
      };
      this.#post({ type: 'start', assets });
    });
  }
}

function openWorker(open: (url: string) => Worker, url: string): Worker {
  try {
    return open(url);
  } catch (cause) {
    throw new AppError('tracker-failed', 'The browser refuses to start a worker for the tracker', { cause });
  }
}

/** A worker's script must be of the page's own origin; for another one a small script of ours loads it. */
function startWorker(url: string): Worker {
  if (new URL(url, location.href).origin === location.origin) return new Worker(url, { type: 'module' });
  const blobUrl = URL.createObjectURL(new Blob([`import ${JSON.stringify(url)};`], { type: 'text/javascript' }));
  const worker = new Worker(blobUrl, { type: 'module' });
  // The worker has fetched its script by the time of its first message; the URL is small, but it is still freed.
  setTimeout(() => URL.revokeObjectURL(blobUrl), 10_000);
  return worker;
}
