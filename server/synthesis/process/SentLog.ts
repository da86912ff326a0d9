/** What one live avatar has sent and the parent has not heard of yet. */
import type { SentFrame } from '../../call/ports.ts';
import { keepNewest, pushSentFrame } from './sent-frames.ts';

/** A parent that stalls for longer learns of the newest frames only. */
const MOST_FRAMES = 64;

export class SentLog {
  readonly #rows: number[] = [];
  #keyframeRequests = 0;

  add(frame: SentFrame): void {
    pushSentFrame(this.#rows, frame);
    keepNewest(this.#rows, MOST_FRAMES);
  }

  addKeyframeRequest(): void {
    this.#keyframeRequests++;
  }

  /** What has come since the last call, or null. */
  take(): { frames: Float64Array; keyframeRequests: number } | null {
    if (this.#rows.length === 0 && this.#keyframeRequests === 0) return null;
    const taken = { frames: Float64Array.from(this.#rows), keyframeRequests: this.#keyframeRequests };
    this.#rows.length = 0;
    this.#keyframeRequests = 0;
    return taken;
  }
}
