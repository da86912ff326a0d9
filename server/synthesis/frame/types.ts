/** What one frame is made of, and what comes out. */
import type { DriveState, LandmarkFrame } from '../../../client/src/protocol/index.ts';
import type { PaintTimings } from './Painter.ts';

export interface RenderInput {
  /** The newest observation, or null when none arrived since the last call. */
  landmarks: LandmarkFrame | null;
  /** Presentation time of the frame asked for, ms, monotonic, any origin (the same as `capturedMs`'s). */
  timeMs: number;
}

export interface RenderedFrame {
  /** [size * 3 / 2, size] planar Y, U, V, BT.601 limited range; valid until the next call of the same session. */
  i420: Uint8Array;
  state: DriveState;
  timings: { retargetMs: number } & PaintTimings;
}
