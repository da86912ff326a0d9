/** What a frame graph may ask for beside its cached tensors and its own previous output: who makes it, by name. */
import type { AvatarFace, PosedFace } from '../../motion/AvatarFace.ts';
import { GeometryInputs } from '../warp/GeometryInputs.ts';
import { LandmarkInputs } from './LandmarkInputs.ts';
import type { ModelSpec } from '../model/model-manifest.ts';
import type { TensorData } from '../model/OnnxModel.ts';
import type { EnrolledAvatar } from '../model/types.ts';

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

const producers: readonly { names: readonly string[]; create(options: FrameInputsOptions): FrameInputs }[] = [
  { names: GeometryInputs.names, create: (options) => new GeometryInputs(options) },
  { names: LandmarkInputs.names, create: (options) => new LandmarkInputs(options) },
];

/** Only the producers of which something is wanted: flows cost milliseconds a frame, landmarks nothing. */
export function createFrameInputs(wanted: readonly string[], options: FrameInputsOptions): FrameInputs[] {
  return producers.filter(({ names }) => names.some((name) => wanted.includes(name))).map(({ create }) => create(options));
}
