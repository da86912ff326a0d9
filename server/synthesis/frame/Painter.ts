/** From a posed face to a picture: what differs between kinds of models. */
import type { AvatarFace, PosedFace } from '../../motion/AvatarFace.ts';
import type { FrameInputs, FrameStep } from '../model/FrameInputs.ts';
import type { ModelTensor } from '../model/OnnxModel.ts';
import { tensor } from '../model/OnnxModel.ts';
import type { GraphSpec } from '../model/model-manifest.ts';
import type { EnrolledAvatar } from '../model/types.ts';

/** Milliseconds. */
export interface PaintTimings {
  /** Flows and semantic map that the server draws. */
  flowMs: number;
  /** The graphs. */
  inferenceMs: number;
  /** Mixing pictures at the output's size, outside of the graphs. */
  compositionMs: number;
}

export interface Painter {
  /** [size * 3 / 2, size] planar Y, U, V: the last frame, until the next `paint`. */
  readonly i420: Uint8Array;
  /** Whether each frame is made from the model's own last one, and so might drift in time. */
  readonly carriesOn: boolean;
  /** Another person from the next frame on. @throws AppError; the one before is left whole then. */
  wear(avatar: EnrolledAvatar, face: AvatarFace): void;
  paint(pose: PosedFace, step: FrameStep): Promise<PaintTimings>;
}

/** Tensors over buffers of their own, or over those that `given` names, for what a graph takes or gives. */
export function makeTensors(
  specs: GraphSpec['outputs'],
  given: Readonly<Record<string, Uint8Array | Float32Array>> = {},
): Record<string, ModelTensor> {
  const made = Object.entries(specs).map(([name, { type, shape }]) => {
    const sides = shape as number[];
    const count = sides.reduce((a, b) => a * b, 1);
    return [name, tensor(given[name] ?? (type === 'uint8' ? new Uint8Array(count) : new Float32Array(count)), sides)] as const;
  });
  return Object.fromEntries(made);
}

/** All buffers that some producers fill, by name. */
export function buffersOf(producers: readonly FrameInputs[]): FrameInputs['inputs'] {
  return Object.assign({}, ...producers.map((producer) => producer.inputs)) as FrameInputs['inputs'];
}
