/// <reference lib="dom" preserve="true" />
import { Emitter } from '../call/Emitter.ts';
import { AppError } from '../protocol/index.ts';
import { mediaError } from './media-errors.ts';

export interface CameraOptions {
  deviceId?: string | undefined;
  width?: number;
  height?: number;
  frameRate?: number;
}

export interface CameraEvents {
  /** Another picture source took over; feed the tracker anew. */
  changed: { track: MediaStreamTrack };
  /** Unplugged or taken away by the system; comes back by itself when a camera appears. */
  lost: object;
}

/** The camera as the tracker needs it; its picture never leaves this machine. */
export class Camera extends Emitter<CameraEvents> {
  #options: CameraOptions;
  #stream: MediaStream;
  #closed = false;
  readonly #onDeviceChange = (): void => void this.#reopen();

  private constructor(options: CameraOptions, stream: MediaStream) {
    super();
    this.#options = options;
    this.#stream = stream;
    this.#watch();
    navigator.mediaDevices.addEventListener('devicechange', this.#onDeviceChange);
  }

  /** @throws AppError `camera-denied`, `camera-not-found`, `camera-in-use`, `webrtc-unsupported`. */
  static async open(options: CameraOptions = {}): Promise<Camera> {
    return new Camera(options, await openStream(options));
  }

  get stream(): MediaStream {
    return this.#stream;
  }

  get track(): MediaStreamTrack {
    return this.#stream.getVideoTracks()[0]!;
  }

  get deviceId(): string | undefined {
    return this.track.getSettings().deviceId;
  }

  /** @throws AppError; the old camera then goes on. */
  async switchTo(deviceId: string): Promise<void> {
    this.#options = { ...this.#options, deviceId };
    const stream = await openStream(this.#options);
    this.#replace(stream);
  }

  /** What the stream shows from now on, as near as the camera can; pictures taken from it get sharper. */
  async setResolution(width: number, height: number): Promise<void> {
    try {
      await this.track.applyConstraints({ width: { ideal: width }, height: { ideal: height } });
    } catch (error) {
      // A camera that knows only one size keeps it.
      if (!(error instanceof DOMException) && (error as Error).name !== 'OverconstrainedError') throw error;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    navigator.mediaDevices.removeEventListener('devicechange', this.#onDeviceChange);
    for (const track of this.#stream.getTracks()) track.stop();
    this.clear();
  }

  #watch(): void {
    this.track.addEventListener(
      'ended',
      () => {
        this.emit('lost', {});
        void this.#reopen();
      },
      { once: true },
    );
  }

  async #reopen(): Promise<void> {
    if (this.#closed || this.track.readyState === 'live') return;
    try {
      // Any camera is better than none when the chosen one was pulled out.
      this.#replace(await openStream({ ...this.#options, deviceId: undefined }));
    } catch (error) {
      // Still no camera: the next `devicechange` tries again.
      if (!(error instanceof AppError)) throw error;
    }
  }

  #replace(stream: MediaStream): void {
    if (this.#closed) return stream.getTracks().forEach((track) => track.stop());
    for (const track of this.#stream.getTracks()) track.stop();
    this.#stream = stream;
    this.#watch();
    this.emit('changed', { track: this.track });
  }
}

async function openStream({ deviceId, width = 640, height = 480, frameRate = 30 }: CameraOptions): Promise<MediaStream> {
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices) throw new AppError('webrtc-unsupported', 'the camera needs a secure page (https or localhost)');
  const wanted: MediaTrackConstraints = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: frameRate } };
  const source: MediaTrackConstraints = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: 'user' };
  try {
    return await devices.getUserMedia({ video: { ...wanted, ...source } });
  } catch (error) {
    // A remembered camera that is gone is no reason to have none.
    if (deviceId && (error as DOMException).name === 'OverconstrainedError') return openStream({ width, height, frameRate });
    throw mediaError('camera', error);
  }
}

/** Echo cancellation and the like as for a call. @throws AppError `microphone-*`. */
export async function openMicrophone(deviceId?: string): Promise<MediaStreamTrack> {
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices) throw new AppError('webrtc-unsupported', 'the microphone needs a secure page (https or localhost)');
  const processing: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  try {
    const stream = await devices.getUserMedia({ audio: { ...processing, ...(deviceId && { deviceId: { exact: deviceId } }) } });
    return stream.getAudioTracks()[0]!;
  } catch (error) {
    if (deviceId && (error as DOMException).name === 'OverconstrainedError') return openMicrophone();
    throw mediaError('microphone', error);
  }
}
