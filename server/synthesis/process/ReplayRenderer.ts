/** A renderer that renders nothing, for `ReplayEncoder`: it does all that an avatar's session does around the graph. */
import type { DriveState } from '../../../client/src/protocol/index.ts';
import type { RenderedFrame, RenderInput } from '../frame/types.ts';
import type { Renderer } from './LiveSession.ts';

export class ReplayRenderer implements Renderer {
  readonly size: number;
  /** As large as a real one, and as often on its way to the parent. */
  driverNeutral: Float32Array | null;
  readonly #i420: Uint8Array;

  constructor(size: number, driverNeutral: Float32Array | null) {
    this.size = size;
    this.driverNeutral = driverNeutral;
    this.#i420 = new Uint8Array((size * size * 3) / 2);
  }

  /** The recording shows the same, whoever is asked for. */
  takes(): boolean {
    return true;
  }

  switchAvatar(): void {
    // nobody to exchange
  }

  follow({ landmarks }: RenderInput): DriveState {
    if (landmarks) this.driverNeutral ??= Float32Array.from(landmarks.points);
    return landmarks ? 'tracking' : 'idle';
  }

  async render(input: RenderInput): Promise<RenderedFrame> {
    return {
      i420: this.#i420,
      state: this.follow(input),
      timings: { retargetMs: 0, flowMs: 0, inferenceMs: 0, compositionMs: 0 },
    };
  }

  express(): void {
    // nothing that could show it
  }

  setExpressiveness(): void {
    // nor this
  }

  recalibrate(): void {
    this.driverNeutral = null;
  }

  close(): void {
    // holds nothing
  }
}
