/// <reference lib="dom" preserve="true" />
/**
 * How long received video should be held back before it is shown. Nothing on a good network. Where packets are lost, long enough that a
 * retransmission arrives before its frame is due: a little later, but without gaps.
 */

/** Requests for lost packets within this time that make a network a bad one. */
const WINDOW_MS = 5000;
const ENOUGH_REQUESTS = 4;
/** A network is good again after this time without that many. */
const CALM_MS = 20_000;
/** A fixed part for jitter and for noticing, and the round trips of two tries. */
const BASE_MS = 150;
const ROUND_TRIPS = 2;
const MAX_MS = 500;

export interface LossSample {
  /** NACKs sent so far. */
  requests: number;
  roundTripMs: number;
}

/** Null without a received stream or a measured round trip. */
export function lossSampleOf(report: RTCStatsReport): LossSample | null {
  let requests: number | null = null;
  let roundTripMs: number | null = null;
  report.forEach((entry: { type: string; nackCount?: number; nominated?: boolean; currentRoundTripTime?: number }) => {
    if (entry.type === 'inbound-rtp' && entry.nackCount !== undefined) requests = entry.nackCount;
    if (entry.type === 'candidate-pair' && entry.nominated && entry.currentRoundTripTime !== undefined)
      roundTripMs = entry.currentRoundTripTime * 1000;
  });
  return requests === null || roundTripMs === null ? null : { requests, roundTripMs };
}

export class LossDelay {
  readonly #samples: { atMs: number; requests: number }[] = [];
  #badUntilMs = -Infinity;

  /** @returns ms; 0: shown as soon as the browser likes */
  sample({ requests, roundTripMs }: LossSample, nowMs: number): number {
    this.#samples.push({ atMs: nowMs, requests });
    while (this.#samples[0]!.atMs < nowMs - WINDOW_MS) this.#samples.shift();
    if (requests - this.#samples[0]!.requests >= ENOUGH_REQUESTS) this.#badUntilMs = nowMs + CALM_MS;
    return nowMs < this.#badUntilMs ? Math.min(MAX_MS, Math.round(BASE_MS + ROUND_TRIPS * roundTripMs)) : 0;
  }
}

/** Browsers without `jitterBufferTarget` decide by themselves. */
export function holdBack(receiver: RTCRtpReceiver | undefined, delayMs: number): void {
  if (!receiver || !('jitterBufferTarget' in receiver)) return;
  const target = delayMs === 0 ? null : delayMs;
  if (receiver.jitterBufferTarget !== target) receiver.jitterBufferTarget = target;
}
