import { AppError } from '../protocol/index.ts';
import type { LandmarkFrame } from '../protocol/index.ts';
import type { LandmarkEncoder } from '../protocol/landmark-packet.ts';

/** The part of a data producer that the channel uses. */
export interface PacketSink {
  readonly readyState: string;
  readonly bufferedAmount: number;
  send(packet: Uint8Array): void;
}

/** More than this waiting means that the network is slower than the camera: what is newer comes soon anyway. */
const MAX_BUFFERED_BYTES = 3300;
const NO_FACE_INTERVAL_MS = 200;

/** The encoder has 160 kB of tables, more than all the rest: who only watches does not need them. */
async function importEncoder(): Promise<LandmarkEncoder> {
  const { LandmarkEncoder } = await import('../protocol/landmark-packet.ts');
  return new LandmarkEncoder();
}

/** Encodes frames and sends each at once or not at all; never a queue. */
export class LandmarkChannel {
  readonly #loadEncoder: () => Promise<LandmarkEncoder>;
  #encoder: LandmarkEncoder | null = null;
  #loading: Promise<void> | null = null;
  readonly #now: () => number;
  #sink: PacketSink | null = null;
  #lastNoFaceMs = Number.NEGATIVE_INFINITY;
  packets = 0;
  bytes = 0;
  dropped = 0;

  /** `now`: ms since the Unix epoch on the server's clock. */
  constructor(now: () => number, loadEncoder = importEncoder) {
    this.#now = now;
    this.#loadEncoder = loadEncoder;
  }

  /** Loads what frames are encoded with; `send` does so by itself, but the frames until then are lost. @throws AppError `tracker-failed`. */
  async prepare(): Promise<void> {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  attach(sink: PacketSink | null): void {
    this.#sink = sink;
  }

  /** Returns whether the frame went out. */
  send(frame: LandmarkFrame): boolean {
    const sink = this.#sink;
    if (!sink || sink.readyState !== 'open') return false;
    const encoder = this.#encoder;
    if (!encoder) {
      // `prepare` reports the failure to its caller; here the next frame tries again.
      this.prepare().catch(() => undefined);
      return false;
    }
    const sentMs = this.#now();
    // Without a face one packet now and then is enough to say "here, but no face".
    if (frame.confidence <= 0) {
      if (sentMs - this.#lastNoFaceMs < NO_FACE_INTERVAL_MS) return false;
      this.#lastNoFaceMs = sentMs;
    } else this.#lastNoFaceMs = Number.NEGATIVE_INFINITY;
    if (sink.bufferedAmount > MAX_BUFFERED_BYTES) {
      this.dropped++;
      return false;
    }
    const packet = encoder.encode({ ...frame, sentMs });
    sink.send(packet);
    this.packets++;
    this.bytes += packet.byteLength;
    return true;
  }

  async #load(): Promise<void> {
    try {
      this.#encoder = await this.#loadEncoder();
    } catch (cause) {
      this.#loading = null;
      throw new AppError('tracker-failed', 'A part of the page could not be loaded', { cause });
    }
  }
}
