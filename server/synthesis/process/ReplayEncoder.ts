/** An encoder that encodes nothing: it gives recorded frames in a loop. A keyframe that is asked for is the next recorded one. */
import type { Encoder } from './LiveSession.ts';
import type { RecordedFrame } from './VideoRecording.ts';

export class ReplayEncoder implements Encoder {
  readonly #frames: readonly RecordedFrame[];
  #next: number;
  #keyframeWanted = false;

  /** @param seed any whole number from 0: which keyframe comes first, so that many avatars do not send theirs together */
  constructor(frames: readonly RecordedFrame[], seed: number) {
    this.#frames = frames;
    const keyframes = frames.flatMap(({ keyframe }, index) => (keyframe ? [index] : []));
    this.#next = keyframes[seed % keyframes.length]!;
  }

  requestKeyframe(): void {
    this.#keyframeWanted = true;
  }

  encode(): RecordedFrame[] {
    if (this.#keyframeWanted) this.#skipToKeyframe();
    const frame = this.#frames[this.#next]!;
    this.#step();
    return [frame];
  }

  /** Frames between refer to others that are not sent. */
  #skipToKeyframe(): void {
    this.#keyframeWanted = false;
    while (!this.#frames[this.#next]!.keyframe) this.#step();
  }

  #step(): void {
    this.#next = (this.#next + 1) % this.#frames.length;
  }

  close(): void {
    // holds nothing
  }
}
