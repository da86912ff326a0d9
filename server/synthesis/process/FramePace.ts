/** When the next frame of a live avatar may be made, and when it has to be. Times are the caller's, ms. */

/** Packets come a little early and late: a frame may be made so much of an interval before its time, as long as the mean is kept. */
const EARLY_SHARE = 0.3;
/** Cameras run a little faster than they say. At the full rate each of their pictures is shown at once, up to this much faster. */
const FULL_RATE_SLACK = 1.15;
/** Without a packet for this many intervals the avatar goes on by itself. */
const SILENT_INTERVALS = 1.8;
/** How often an avatar that nobody watches follows its driver, and how often it looks whether the driver has gone: cheap, and never stale. */
const FOLLOW_MS = 60;
const IDLE_MS = 250;

export class FramePace {
  readonly #fullFps: number;
  #fps: number;
  #lastMs = 0;
  /** Before this less `EARLY_SHARE` of an interval, a frame would be too many. */
  #dueMs = 0;
  #driven = false;

  /** @param fps frames a second; 0: none are made */
  constructor(fullFps: number, fps: number) {
    this.#fullFps = fullFps;
    this.#fps = fps;
  }

  /** Nobody watches. */
  get idle(): boolean {
    return this.#fps === 0;
  }

  set(fps: number): void {
    this.#fps = fps;
    this.#dueMs = Math.min(this.#dueMs, this.#lastMs + this.#spacingMs);
  }

  /** A frame is begun. `driven`: it has a packet. */
  begin(nowMs: number, driven: boolean): void {
    this.#dueMs = Math.max(this.#dueMs, nowMs) + this.#spacingMs;
    this.#lastMs = nowMs;
    this.#driven = driven;
  }

  /** Before this there is no frame, whatever comes. */
  get earliestMs(): number {
    return this.#dueMs - EARLY_SHARE * this.#spacingMs;
  }

  /** At this time there is one without a packet: a late one is waited for, an absent client is not. */
  get latestMs(): number {
    if (this.idle) return this.#lastMs + IDLE_MS;
    return this.#lastMs + (1000 / this.#fps) * (this.#driven ? SILENT_INTERVALS : 1);
  }

  get #spacingMs(): number {
    if (this.idle) return FOLLOW_MS;
    return 1000 / (this.#fps < this.#fullFps ? this.#fps : this.#fullFps * FULL_RATE_SLACK);
  }
}
