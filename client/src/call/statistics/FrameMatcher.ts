import type { FrameTrace } from '../../protocol/index.ts';

export interface PresentedFrame {
  rtpTimestamp: number;
  /** On the server's clock, ms since the Unix epoch. */
  presentedMs: number;
}

const CAPACITY = 256;

/** Joins the server's stage times of a frame with its presentation here by the RTP timestamp, whichever is known first. */
export class FrameMatcher {
  readonly #traces = new Map<number, FrameTrace>();
  readonly #presented = new Map<number, number>();
  readonly #matched: (trace: FrameTrace, presentedMs: number) => void;

  constructor(matched: (trace: FrameTrace, presentedMs: number) => void) {
    this.#matched = matched;
  }

  handleTrace(trace: FrameTrace): void {
    const key = trace.rtpTimestamp >>> 0;
    const presentedMs = this.#presented.get(key);
    if (presentedMs === undefined) return remember(this.#traces, key, trace);
    this.#presented.delete(key);
    this.#matched(trace, presentedMs);
  }

  handlePresented({ rtpTimestamp, presentedMs }: PresentedFrame): void {
    const key = rtpTimestamp >>> 0;
    const trace = this.#traces.get(key);
    if (!trace) return remember(this.#presented, key, presentedMs);
    this.#traces.delete(key);
    this.#matched(trace, presentedMs);
  }
}

/** Frames that are never presented, and frames never traced, must not pile up. */
function remember<V>(map: Map<number, V>, key: number, value: V): void {
  map.set(key, value);
  if (map.size > CAPACITY) map.delete(map.keys().next().value!);
}
