/// <reference lib="dom" preserve="true" />
/**
 * How long received video should be held back before it is shown. Nothing on a good network. Where packets are lost, a little: enough for jitter and for a
 * frame that the server sends twice. Where the picture freezes all the same, long enough that a retransmission arrives before its frame is due.
 */

/** Requests for lost packets within this time that make a network a bad one. */
const WINDOW_MS = 5000;
const ENOUGH_REQUESTS = 4;
/** A network is good again after this time without that many. */
const CALM_MS = 20_000;
/** A part for jitter and for noticing, and a share of the round trip. */
const SHORT = { baseMs: 100, roundTrips: 0.5 };
/** The round trips of two tries. */
const LONG = { baseMs: 150, roundTrips: 2 };
const MAX_MS = 500;
/** After a freeze it is long for this time; then short is tried again, and each time that this was not enough, long lasts twice as long. */
const LONG_FIRST_MS = 10_000;
const LONG_MOST_MS = 160_000;

export interface LossSample {
  /** NACKs sent so far. */
  requests: number;
  roundTripMs: number;
  /** Of the picture, so far; null where the browser does not count them. */
  freezes: number | null;
}

/** Null without a received stream or a measured round trip. */
export function lossSampleOf(report: RTCStatsReport): LossSample | null {
  let requests: number | null = null;
  let freezes: number | null = null;
  let roundTripMs: number | null = null;
  report.forEach(
    (entry: { type: string; nackCount?: number; freezeCount?: number; nominated?: boolean; currentRoundTripTime?: number }) => {
      if (entry.type === 'inbound-rtp' && entry.nackCount !== undefined) {
        requests = entry.nackCount;
        freezes = entry.freezeCount ?? null;
      }
      if (entry.type === 'candidate-pair' && entry.nominated && entry.currentRoundTripTime !== undefined)
        roundTripMs = entry.currentRoundTripTime * 1000;
    },
  );
  return requests === null || roundTripMs === null ? null : { requests, roundTripMs, freezes };
}

export class LossDelay {
  readonly #samples: { atMs: number; requests: number }[] = [];
  #badUntilMs = -Infinity;
  #freezes = 0;
  #longUntilMs = -Infinity;
  #longMs = LONG_FIRST_MS;

  /** @returns ms; 0: shown as soon as the browser likes */
  sample({ requests, roundTripMs, freezes }: LossSample, nowMs: number): number {
    this.#samples.push({ atMs: nowMs, requests });
    while (this.#samples[0]!.atMs < nowMs - WINDOW_MS) this.#samples.shift();
    if (requests - this.#samples[0]!.requests >= ENOUGH_REQUESTS) this.#badUntilMs = nowMs + CALM_MS;
    const frozen = freezes === null || freezes > this.#freezes;
    this.#freezes = freezes ?? 0;
    if (nowMs >= this.#badUntilMs) return this.#forget();
    if (frozen) this.#prolong(nowMs);
    const { baseMs, roundTrips } = nowMs < this.#longUntilMs ? LONG : SHORT;
    return Math.min(MAX_MS, Math.round(baseMs + roundTrips * roundTripMs));
  }

  #forget(): 0 {
    this.#longUntilMs = -Infinity;
    this.#longMs = LONG_FIRST_MS;
    return 0;
  }

  #prolong(nowMs: number): void {
    const again = nowMs >= this.#longUntilMs && this.#longUntilMs > -Infinity;
    if (again) this.#longMs = Math.min(LONG_MOST_MS, 2 * this.#longMs);
    this.#longUntilMs = nowMs + this.#longMs;
  }
}

/** Browsers without `jitterBufferTarget` decide by themselves. */
export function holdBack(receiver: RTCRtpReceiver | undefined, delayMs: number): void {
  if (!receiver || !('jitterBufferTarget' in receiver)) return;
  const target = delayMs === 0 ? null : delayMs;
  if (receiver.jitterBufferTarget !== target) receiver.jitterBufferTarget = target;
}
