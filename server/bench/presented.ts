/** What a viewer of the benchmark has seen. */
import type { FrameTrace } from '../../client/src/protocol/index.ts';

export interface PresentedFrame extends FrameTrace {
  /** When its last packet had arrived at the viewer, server clock. */
  receivedMs: number;
  /** When the compositor took the frame, server clock; NaN for viewers who present nothing. */
  presentedMs: number;
}

export interface ViewerResult {
  joinToFirstFrameMs: number;
  presented: PresentedFrame[];
  framesDropped: number;
}
