/**
 * Decides when a viewer's losses need a keyframe. Retransmission repairs most of them, and a keyframe for one viewer costs all others
 * bits and sharpness: so each viewer's requests are judged by themselves and by their round trip, and one avatar's viewers together have
 * few keyframes to spend. One per avatar; knows nothing of who sends the video.
 */
import { TokenBucket } from '../limits/TokenBucket.ts';

/** Receivers repeat a request for a packet about every round trip: silence for longer means that it came. At least, ms. */
const QUIET_MS = 70;
/** Of one round trip: requests jitter as much as packets do. */
const QUIET_ROUND_TRIPS = 1.2;
/** How long retransmission may take: a fixed part, ms, and a few tries. */
const PATIENCE_MS = 150;
const PATIENCE_ROUND_TRIPS = 3;
/** Until the SFU has measured it, ms. */
const ASSUMED_ROUND_TRIP_MS = 100;
/** Keyframes for losses: a few at once, then one in a while. What receivers ask for themselves comes on top. */
const VIEWER_KEYFRAMES = { capacity: 2, perSecond: 1 / 30 };
const SHARED_KEYFRAMES = { capacity: 3, perSecond: 1 / 20 };

interface Viewer {
  /** Since when requests have come without a pause. */
  sinceMs: number;
  lastMs: number;
  keyframes: TokenBucket;
}

export class LossRepair {
  readonly #viewers = new Map<string, Viewer>();
  readonly #keyframes: TokenBucket;
  readonly #onUnrepaired: () => void;

  constructor(onUnrepaired: () => void, nowMs = performance.now()) {
    this.#onUnrepaired = onUnrepaired;
    this.#keyframes = new TokenBucket(SHARED_KEYFRAMES, nowMs);
  }

  /** A viewer asks for lost packets. `roundTripMs`: to this viewer and back, if known. */
  reported(viewerId: string, roundTripMs: number | null, nowMs = performance.now()): void {
    const viewer = this.#viewer(viewerId, nowMs);
    const roundTrip = roundTripMs ?? ASSUMED_ROUND_TRIP_MS;
    if (nowMs - viewer.lastMs > Math.max(QUIET_MS, QUIET_ROUND_TRIPS * roundTrip)) viewer.sinceMs = nowMs;
    viewer.lastMs = nowMs;
    if (nowMs - viewer.sinceMs < PATIENCE_MS + PATIENCE_ROUND_TRIPS * roundTrip) return;
    if (this.#keyframes.left(nowMs) < 1 || !viewer.keyframes.take(1, nowMs)) return;
    this.#keyframes.take(1, nowMs);
    // It repairs what everybody misses.
    for (const other of this.#viewers.values()) other.sinceMs = nowMs;
    this.#onUnrepaired();
  }

  #viewer(viewerId: string, nowMs: number): Viewer {
    let viewer = this.#viewers.get(viewerId);
    if (!viewer) {
      viewer = { sinceMs: nowMs, lastMs: nowMs, keyframes: new TokenBucket(VIEWER_KEYFRAMES, nowMs) };
      this.#viewers.set(viewerId, viewer);
    }
    return viewer;
  }

  left(viewerId: string): void {
    this.#viewers.delete(viewerId);
  }
}
