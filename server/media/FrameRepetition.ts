/**
 * Decides when each frame of an avatar is sent twice. A lost packet then costs 33 ms instead of a round trip. The second copy costs every viewer its bits,
 * for mediasoup sends all of them the same: so it is sent only while at least half of the viewers lose packets, and not to a viewer whose path it fills up.
 * One per avatar; knows nothing of who sends the video.
 */

/** Of what was sent between two measurements. */
const LOSSY_SHARE = 0.02;
/** Fewer packets say nothing. */
const ENOUGH_PACKETS = 60;
const CALM_MS = 20_000;
/** With twice the bits this share is lost, and twice as much as before: the path is full. Far above what chance does to so many packets. */
const FULL_SHARE = 0.2;
const FULL_PACKETS = 600;
const SPARED_MS = 120_000;

export interface SentCounts {
  /** Packets so far, without retransmissions, and how many of them the viewer has missed. */
  sent: number;
  lost: number;
}

const shareLost = (from: SentCounts, to: SentCounts): number => (to.lost - from.lost) / (to.sent - from.sent);

interface Viewer {
  counts: SentCounts | null;
  /** Before frames were sent twice. */
  shareBefore: number;
  /** Where the packets begin that tell whether sending twice fills the path; null while frames are sent once. */
  sinceTwice: SentCounts | null;
  lossyUntilMs: number;
  sparedUntilMs: number;
}

export class FrameRepetition {
  readonly #viewers = new Map<string, Viewer>();
  readonly #onChange: (repeats: boolean) => void;
  #repeats = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(onChange: (repeats: boolean) => void) {
    this.#onChange = onChange;
  }

  get repeats(): boolean {
    return this.#repeats;
  }

  joined(viewerId: string, nowMs = performance.now()): void {
    this.#viewers.set(viewerId, { counts: null, shareBefore: 0, sinceTwice: null, lossyUntilMs: -Infinity, sparedUntilMs: -Infinity });
    this.#decide(nowMs);
  }

  left(viewerId: string, nowMs = performance.now()): void {
    if (this.#viewers.delete(viewerId)) this.#decide(nowMs);
  }

  /** Told now and then while a viewer asks for lost packets. */
  measured(viewerId: string, counts: SentCounts, nowMs = performance.now()): void {
    const viewer = this.#viewers.get(viewerId);
    if (!viewer) return;
    const before = viewer.counts;
    if (before && counts.sent - before.sent < ENOUGH_PACKETS) return;
    viewer.counts = counts;
    if (before) {
      const share = shareLost(before, counts);
      if (share >= LOSSY_SHARE) viewer.lossyUntilMs = nowMs + CALM_MS;
      if (!this.#repeats) viewer.shareBefore = share;
    }
    if (this.#fills(viewer, counts)) viewer.sparedUntilMs = nowMs + SPARED_MS;
    this.#decide(nowMs);
  }

  /** Whether sending twice costs this viewer more packets than chance would. */
  #fills(viewer: Viewer, counts: SentCounts): boolean {
    const since = viewer.sinceTwice;
    if (!this.#repeats) viewer.sinceTwice = null;
    else if (!since) viewer.sinceTwice = counts;
    else if (counts.sent - since.sent >= FULL_PACKETS) {
      viewer.sinceTwice = counts;
      return shareLost(since, counts) > Math.max(FULL_SHARE, 2 * viewer.shareBefore);
    }
    return false;
  }

  #decide(nowMs: number): void {
    clearTimeout(this.#timer);
    const ends = [...this.#viewers.values()]
      .filter(({ lossyUntilMs, sparedUntilMs }) => lossyUntilMs > nowMs && sparedUntilMs <= nowMs)
      .map(({ lossyUntilMs }) => lossyUntilMs);
    const repeats = ends.length > 0 && 2 * ends.length >= this.#viewers.size;
    if (repeats) this.#timer = setTimeout(() => this.#decide(performance.now()), Math.min(...ends) - nowMs + 1).unref();
    if (repeats === this.#repeats) return;
    this.#repeats = repeats;
    this.#onChange(repeats);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#viewers.clear();
  }
}
