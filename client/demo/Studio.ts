/** This visitor's devices and tracker, shared by all screens: opened when first needed, kept until the page goes. */
import { AppError, Camera, feedTracker, openMicrophone } from '../src/index.ts';
import type { Gioconda, TrackedFrame, WorkerTracker } from '../src/index.ts';
import { Emitter } from '../src/call/Emitter.ts';
import { remembered } from './session.ts';

export interface StudioEvents {
  frame: TrackedFrame;
  camera: { camera: Camera | null; error: AppError | null };
  microphone: { track: MediaStreamTrack | null; error: AppError | null };
}

export class Studio extends Emitter<StudioEvents> {
  readonly #gioconda: Gioconda;
  #camera: Camera | null = null;
  #opening: Promise<Camera> | null = null;
  #tracker: WorkerTracker | null = null;
  #trackerLoading: Promise<WorkerTracker> | null = null;
  #stopFeed: (() => void) | null = null;
  #microphone: MediaStreamTrack | null = null;
  #lightWanted = false;
  #framesPerSecond = 0;
  #frames = 0;
  #countedMs = 0;

  constructor(gioconda: Gioconda) {
    super();
    this.#gioconda = gioconda;
  }

  get camera(): Camera | null {
    return this.#camera;
  }

  get microphone(): MediaStreamTrack | null {
    return this.#microphone;
  }

  get tracks(): boolean {
    return this.#tracker !== null;
  }

  get trackingRate(): number {
    return this.#framesPerSecond;
  }

  /** @throws AppError `camera-*`; also told as an event. */
  openCamera(): Promise<Camera> {
    if (this.#camera) return Promise.resolve(this.#camera);
    return (this.#opening ??= this.#openCamera().finally(() => (this.#opening = null)));
  }

  /** Camera and tracker running. @throws AppError `camera-*`, `tracker-failed`. */
  async startTracking(): Promise<void> {
    const [camera, tracker] = await Promise.all([this.openCamera(), this.#loadTracker()]);
    if (this.#stopFeed) return;
    tracker.measureLight(this.#lightWanted);
    this.#feed(tracker, camera.track);
  }

  measureLight(on: boolean): void {
    this.#lightWanted = on;
    this.#tracker?.measureLight(on);
  }

  /** For "Set neutral face": the person in front of the camera now becomes the driver. */
  chooseDriver(): void {
    this.#tracker?.chooseDriver();
  }

  /** Another microphone, or the remembered one. The error is told as an event: a call without sound is still a call. */
  async openMicrophone(deviceId = remembered.get('microphone')): Promise<void> {
    try {
      const track = await openMicrophone(deviceId);
      this.#microphone?.stop();
      this.#microphone = track;
      if (deviceId) remembered.set('microphone', deviceId);
      track.addEventListener('ended', () => void this.openMicrophone(), { once: true });
      this.emit('microphone', { track, error: null });
    } catch (error) {
      this.emit('microphone', { track: this.#microphone, error: AppError.from(error) });
    }
  }

  async switchCamera(deviceId: string): Promise<void> {
    try {
      await (await this.openCamera()).switchTo(deviceId);
      remembered.set('camera', deviceId);
    } catch (error) {
      this.emit('camera', { camera: this.#camera, error: AppError.from(error) });
    }
  }

  close(): void {
    this.#stopFeed?.();
    this.#tracker?.close();
    this.#camera?.close();
    this.#microphone?.stop();
    this.clear();
  }

  async #openCamera(): Promise<Camera> {
    try {
      const camera = await Camera.open({ deviceId: remembered.get('camera') });
      this.#camera = camera;
      camera.on('changed', ({ track }) => {
        if (this.#tracker) this.#restart(track);
        this.emit('camera', { camera, error: null });
      });
      camera.on('lost', () => this.emit('camera', { camera, error: new AppError('camera-not-found', 'The camera was unplugged') }));
      this.emit('camera', { camera, error: null });
      return camera;
    } catch (thrown) {
      const error = AppError.from(thrown);
      this.emit('camera', { camera: null, error });
      throw error;
    }
  }

  #loadTracker(): Promise<WorkerTracker> {
    this.#trackerLoading ??= this.#gioconda.loadTracker().then(
      (tracker) => {
        this.#tracker = tracker;
        tracker.on('frame', (frame) => this.#handleFrame(frame));
        tracker.on('failed', () => void this.#replaceTracker());
        return tracker;
      },
      (error: unknown) => {
        this.#trackerLoading = null;
        throw error;
      },
    );
    return this.#trackerLoading;
  }

  async #replaceTracker(): Promise<void> {
    this.#stopFeed?.();
    this.#stopFeed = null;
    this.#tracker?.close();
    this.#tracker = null;
    this.#trackerLoading = null;
    await this.startTracking().catch((error: unknown) => this.emit('camera', { camera: this.#camera, error: AppError.from(error) }));
  }

  /** A worker that reads a camera stream cannot be given another one in its place: it gets a second one beside the ended first. */
  #restart(track: MediaStreamTrack): void {
    this.#stopFeed?.();
    if (this.#tracker) this.#feed(this.#tracker, track);
  }

  #feed(tracker: WorkerTracker, track: MediaStreamTrack): void {
    this.#stopFeed = feedTracker({ tracker, track });
  }

  #handleFrame(frame: TrackedFrame): void {
    this.#frames++;
    const nowMs = performance.now();
    if (nowMs - this.#countedMs >= 1000) {
      this.#framesPerSecond = (this.#frames * 1000) / (nowMs - this.#countedMs);
      this.#frames = 0;
      this.#countedMs = nowMs;
    }
    this.emit('frame', frame);
  }
}
