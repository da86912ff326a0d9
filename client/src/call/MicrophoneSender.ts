/// <reference lib="dom" preserve="true" />
import type { mediasoup } from '../vendor/mediasoup-client.ts';
import { AppError } from '../protocol/index.ts';

/**
 * Sends one microphone over a transport. The last wish counts, also while an earlier one is still being carried out: nobody is
 * heard who has muted themselves or taken the microphone away.
 */
export class MicrophoneSender {
  readonly #transport: Pick<mediasoup.Transport, 'produce'>;
  #producer: mediasoup.Producer | null = null;
  #track: MediaStreamTrack | null = null;
  #muted = false;
  #change: Promise<void> = Promise.resolve();

  constructor(transport: Pick<mediasoup.Transport, 'produce'>) {
    this.#transport = transport;
  }

  /**
   * Sends this microphone, or nothing with null. The track stays the caller's: it is never stopped here. After a failure nothing is sent.
   * @throws AppError `microphone-not-found` when the track has ended, or whatever transport and server say.
   */
  set(track: MediaStreamTrack | null, muted: boolean): Promise<void> {
    this.#track = track;
    this.setMuted(muted);
    const change = this.#change.then(() => this.#settle());
    this.#change = change.catch(() => undefined); // a failed change must not block the next one
    return change;
  }

  setMuted(muted: boolean): void {
    this.#muted = muted;
    this.#apply();
  }

  async #settle(): Promise<void> {
    const track = this.#track;
    try {
      if (track === this.#sent) return;
      if (track?.readyState === 'ended') throw new AppError('microphone-not-found', 'The microphone has ended');
      // Without a track the producer stays, for the next microphone, but nothing of the old one can leave this machine.
      if (this.#producer) await this.#producer.replaceTrack({ track });
      else if (track) this.#producer = await this.#produce(track);
    } catch (error) {
      if (this.#track === track) this.#track = null;
      throw error;
    } finally {
      this.#apply();
    }
  }

  get #sent(): MediaStreamTrack | null {
    return this.#producer?.track ?? null;
  }

  #produce(track: MediaStreamTrack): Promise<mediasoup.Producer> {
    // Discontinuous transmission is off on purpose: steady packets and sender reports keep lips and voice on one clock.
    return this.#transport.produce({
      track,
      stopTracks: false,
      disableTrackOnPause: false,
      zeroRtpOnPause: true,
      codecOptions: { opusFec: true, opusDtx: false },
    });
  }

  #apply(): void {
    const producer = this.#producer;
    // Each change negotiates anew: none without need.
    if (!producer || producer.closed) return;
    if (this.#muted || this.#track === null) {
      if (!producer.paused) producer.pause();
    } else if (producer.paused && producer.track === this.#track) producer.resume();
  }
}
