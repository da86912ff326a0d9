/// <reference lib="dom" preserve="true" />
import { nonstandard } from './webrtc.ts';

const BLOCK_MS = 10;

export interface SoundSourceOptions {
  /** Hz; 48,000 by default, which Opus needs not resample. */
  sampleRate?: number;
  /** 1 (default) or 2. */
  channelCount?: number;
}

/**
 * A microphone for Node: sound that the program has or makes. Give `track` to `join`, and sound to `play`; what is played too early waits,
 * and silence is sent when nothing is left.
 *
 * @example
 * const voice = new SoundSource({ sampleRate: 24_000 });
 * const call = await gioconda.join({ displayName: 'Presenter', avatarId, microphone: voice.track });
 * await voice.play(samples);
 */
export class SoundSource {
  readonly track: MediaStreamTrack;
  readonly #source = new nonstandard.RTCAudioSource();
  readonly #sampleRate: number;
  readonly #channelCount: number;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #queue: { samples: Int16Array; read: number; done: () => void }[] = [];
  readonly #startedMs = performance.now();
  #blocks = 0;
  #closed = false;

  constructor({ sampleRate = 48_000, channelCount = 1 }: SoundSourceOptions = {}) {
    this.#sampleRate = sampleRate;
    this.#channelCount = channelCount;
    this.track = this.#source.createTrack();
    this.#timer = setInterval(() => this.#send(), BLOCK_MS);
  }

  /** 16 bit samples, channels interleaved. Resolves when all of them have been sent, in real time. */
  async play(samples: Int16Array): Promise<void> {
    if (this.#closed || samples.length === 0) return;
    await new Promise<void>((resolve) => this.#queue.push({ samples, read: 0, done: resolve }));
  }

  /** Drops what waits: the presenter falls silent. */
  clear(): void {
    for (const { done } of this.#queue.splice(0)) done();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.clear();
    this.track.stop();
  }

  /** By the clock, not by the timer: an interval that comes late must not slow the sound down. */
  #send(): void {
    const due = Math.floor((performance.now() - this.#startedMs) / BLOCK_MS);
    // After a pause of the process the missed sound is not hurried through.
    if (due - this.#blocks > 50) this.#blocks = due - 1;
    for (; this.#blocks < due; this.#blocks++) this.#sendBlock();
  }

  #sendBlock(): void {
    const frames = Math.round((this.#sampleRate * BLOCK_MS) / 1000);
    const samples = new Int16Array(frames * this.#channelCount);
    for (let filled = 0; filled < samples.length && this.#queue.length > 0;) {
      const piece = this.#queue[0]!;
      const part = piece.samples.subarray(piece.read, piece.read + samples.length - filled);
      samples.set(part, filled);
      filled += part.length;
      piece.read += part.length;
      if (piece.read === piece.samples.length) this.#queue.shift()!.done();
    }
    const { sampleRate, channelCount } = { sampleRate: this.#sampleRate, channelCount: this.#channelCount };
    this.#source.onData({ samples, sampleRate, channelCount, bitsPerSample: 16, numberOfFrames: frames });
  }
}
