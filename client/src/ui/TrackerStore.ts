/// <reference lib="dom" preserve="true" />
import type { Call } from '../call/Call.ts';
import type { Gioconda } from '../Gioconda.ts';
import { AppError } from '../protocol/index.ts';
import { Camera } from '../tracking/Camera.ts';
import type { CameraOptions } from '../tracking/Camera.ts';
import { driveCall } from '../tracking/drive.ts';
import { feedTracker } from '../tracking/FrameSource.ts';
import type { WorkerTracker } from '../tracking/WorkerTracker.ts';
import { Store } from './Store.ts';

export interface TrackerView {
  /** `lost`: the camera was taken away; it goes on by itself when one appears. */
  state: 'off' | 'starting' | 'on' | 'lost';
  /** Whether a face is seen. */
  face: boolean;
  /** What the camera shows: for this page only, it goes nowhere. */
  camera: MediaStream | null;
  tracker: WorkerTracker | null;
  error: AppError | null;
}

const off: TrackerView = { state: 'off', face: false, camera: null, tracker: null, error: null };

interface Parts {
  camera: Camera;
  tracker: WorkerTracker;
  stopFeeding: () => void;
}

/** Camera and face tracker as one thing that is on or off, and the calls that they drive. */
export class TrackerStore extends Store<TrackerView> {
  readonly #gioconda: Gioconda;
  readonly #driven = new Map<Call, () => void>();
  #parts: Parts | null = null;
  #starting: AbortController | null = null;

  constructor(gioconda: Gioconda) {
    super(off);
    this.#gioconda = gioconda;
  }

  /** Opens the camera and loads the tracker; nothing happens when it is on. @throws AppError `camera-*`, `tracker-failed`, `aborted`. */
  async start(options: CameraOptions = {}): Promise<void> {
    if (this.view.state !== 'off') return;
    const { signal } = (this.#starting = new AbortController());
    this.change({ ...off, state: 'starting' });
    const opening = Camera.open(options);
    const loading = this.#gioconda.loadTracker({ signal });
    try {
      const [camera, tracker] = await Promise.all([opening, loading]);
      if (signal.aborted) throw new AppError('aborted');
      this.#run(camera, tracker);
    } catch (thrown) {
      // Whichever of the two did come must not stay open.
      void opening.then(
        (camera) => camera.close(),
        () => undefined,
      );
      void loading.then(
        (tracker) => tracker.close(),
        () => undefined,
      );
      const error = AppError.from(thrown);
      if (!signal.aborted) this.change({ ...off, error });
      throw error;
    }
  }

  /** Closes the camera and ends the tracker. Calls go on, their avatars rest. */
  stop(): void {
    this.#starting?.abort();
    this.#starting = null;
    this.#end();
    this.change(off);
  }

  /** Sends what is tracked into this call, now or as soon as the tracker is on. Returns the function that ends it. */
  drive(call: Call): () => void {
    const { tracker } = this.view;
    this.#driven.set(call, tracker ? driveCall(call, tracker) : () => undefined);
    return () => {
      this.#driven.get(call)?.();
      this.#driven.delete(call);
    };
  }

  #run(camera: Camera, tracker: WorkerTracker): void {
    const parts: Parts = { camera, tracker, stopFeeding: feedTracker({ tracker, track: camera.track }) };
    this.#parts = parts;
    tracker.on('frame', ({ confidence }) => {
      if (confidence > 0 !== this.view.face) this.change({ face: confidence > 0 });
    });
    tracker.on('failed', ({ message }) => this.#fail(new AppError('tracker-failed', message)));
    camera.on('lost', () => this.change({ state: 'lost', face: false }));
    camera.on('changed', ({ track }) => {
      parts.stopFeeding();
      parts.stopFeeding = feedTracker({ tracker, track });
      this.change({ state: 'on', camera: camera.stream });
    });
    for (const call of this.#driven.keys()) this.#driven.set(call, driveCall(call, tracker));
    this.change({ state: 'on', camera: camera.stream, tracker, error: null });
  }

  #fail(error: AppError): void {
    this.#end();
    this.change({ ...off, error });
  }

  #end(): void {
    for (const [call, stop] of this.#driven) {
      stop();
      this.#driven.set(call, () => undefined);
    }
    this.#parts?.stopFeeding();
    this.#parts?.camera.close();
    this.#parts?.tracker.close();
    this.#parts = null;
  }
}
