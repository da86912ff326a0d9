/** What a frame graph takes for each frame beside its cached tensors and its own previous output. */
import type { AvatarFace, PosedFace } from '../../motion/AvatarFace.ts';
import type { ModelSpec } from './model-manifest.ts';
import type { TensorData } from './OnnxModel.ts';
import type { EnrolledAvatar } from './types.ts';

export interface FrameStep {
  timeMs: number;
  /** There is no frame before this one that could be gone on with. */
  fresh: boolean;
  /** Share of the unwarped previous output everywhere, 0..1: above 0 that output is about to be forgotten. */
  keepAll: number;
}

/** Some of a frame graph's inputs, for one avatar. */
export interface FrameInputs {
  /** Buffers by name, the same ones for good; `fill` writes into them. */
  readonly inputs: Readonly<Record<string, TensorData>>;
  fill(pose: PosedFace, step: FrameStep): void;
}

export interface FrameInputsOptions {
  avatar: EnrolledAvatar;
  face: AvatarFace;
  spec: ModelSpec;
}
