/// <reference lib="dom" />
/**
 * Notices within little more than a second that nothing comes through a transport any more, where ICE takes ten. Silence alone proves
 * nothing: a participant may have left, or the server may have nothing to send. So something must have been due as well.
 */

export interface FlowSample {
  /** Received so far. */
  bytes: number;
  /** So many events so far, each of which should have brought bytes: frames that the server says it has sent, packets that it should acknowledge. */
  due: number;
}

/** Networks change within a second without loss of the path (Wi-Fi roaming); with less than this, such pauses would cost more than they take. */
const SILENCE_MS = 1000;
const ENOUGH_DUE = 10;
const INTERVAL_MS = 300;

/** The judgement, without timers. */
export class Silence {
  #bytes = 0;
  #due = 0;
  #sinceMs = 0;

  /** @returns whether nothing has come for so long that the path must be broken; false where nothing has ever come. */
  sample({ bytes, due }: FlowSample, nowMs: number): boolean {
    if (bytes !== this.#bytes || bytes === 0) {
      this.#bytes = bytes;
      this.#due = due;
      this.#sinceMs = nowMs;
    }
    return nowMs - this.#sinceMs >= SILENCE_MS && due - this.#due >= ENOUGH_DUE;
  }
}

/** Bytes received over the whole transport, as far as the browser tells. */
export function receivedBytesOf(report: RTCStatsReport): number {
  let ofTransport = 0;
  let ofPairs = 0;
  report.forEach((entry: { type: string; bytesReceived?: number }) => {
    if (entry.type === 'transport') ofTransport += entry.bytesReceived ?? 0;
    if (entry.type === 'candidate-pair') ofPairs += entry.bytesReceived ?? 0;
  });
  return ofTransport || ofPairs; // Firefox has no figures of the transport
}

/** Messages sent over data channels: SCTP acknowledges each, whether it is repeated or not. */
export function messagesSentOf(report: RTCStatsReport): number {
  let sent = 0;
  report.forEach((entry: { type: string; messagesSent?: number }) => {
    if (entry.type === 'data-channel') sent += entry.messagesSent ?? 0;
  });
  return sent;
}

export interface SilenceWatchOptions {
  sample: () => Promise<FlowSample>;
  /** Told again and again while it lasts. */
  silent: () => void;
}

export class SilenceWatch {
  readonly #options: SilenceWatchOptions;
  readonly #silence = new Silence();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(options: SilenceWatchOptions) {
    this.#options = options;
    this.#later();
  }

  #later(): void {
    this.#timer = setTimeout(() => {
      // A stack without statistics cannot be watched: ICE notices, later.
      void this.#look().catch(() => this.close());
    }, INTERVAL_MS);
  }

  async #look(): Promise<void> {
    const silent = this.#silence.sample(await this.#options.sample(), performance.now());
    if (this.#closed) return;
    this.#later();
    if (silent) this.#options.silent();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}

const nothingYet: FlowSample = { bytes: 0, due: 0 };

export interface SessionWatchOptions {
  send: { getStats(): Promise<RTCStatsReport> };
  receive: { getStats(): Promise<RTCStatsReport> };
  /** Whether landmarks go out. */
  sends: () => boolean;
  /** Whether video comes in. */
  receives: () => boolean;
  silent: () => void;
}

/** Watches both transports of a session: acknowledgements of landmark packets in the one, avatars' frames in the other. */
export class SessionWatch {
  readonly #options: SessionWatchOptions;
  readonly #watches: SilenceWatch[];
  #framesDue = 0;

  constructor(options: SessionWatchOptions) {
    this.#options = options;
    const { silent } = options;
    this.#watches = [
      new SilenceWatch({ sample: () => this.#sending(), silent }),
      new SilenceWatch({ sample: () => this.#receiving(), silent }),
    ];
  }

  /** The server says that it has sent so many frames to us. */
  handleSentFrames(count: number): void {
    this.#framesDue += count;
  }

  async #sending(): Promise<FlowSample> {
    if (!this.#options.sends()) return nothingYet;
    const report = await this.#options.send.getStats();
    return { bytes: receivedBytesOf(report), due: messagesSentOf(report) };
  }

  async #receiving(): Promise<FlowSample> {
    if (!this.#options.receives()) return nothingYet;
    return { bytes: receivedBytesOf(await this.#options.receive.getStats()), due: this.#framesDue };
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
  }
}
