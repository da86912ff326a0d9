/** The nouns that enrolment, synthesis and the command line share. No runtime code, no dependencies. */
import type { DriveState, LandmarkFrame } from '../../../client/src/protocol/index.ts';

/** A picture in memory. */
export interface RgbImage {
  width: number;
  height: number;
  /** [height, width, 3], sRGB 0..255. */
  data: Uint8Array;
}

/** A face as the server's own landmarker finds it. */
export interface DetectedFace {
  /** [478, 3], isotropic, in units of the picture's width: see `LandmarkFrame`. */
  points: Float32Array;
  /** 0..1, from the mesh network's face flag. */
  confidence: number;
  /** The detector's box: x, y, width, height in pixels. */
  box: [x: number, y: number, width: number, height: number];
}

/** A portrait cropped square on the head, as the model's enrolment graph takes it. */
export interface PreparedPortrait {
  /** size x size, the model's own size. */
  image: RgbImage;
  /** [478, 3] in pixels of `image` (x, y; z in the same unit). */
  points: Float32Array;
  /** [size, size] 0..255, 255 = person; absent where no matte could be made. */
  matte?: Uint8Array;
  /** Where the crop lay in the upright original, in its pixels; may reach beyond its borders. */
  crop: { x: number; y: number; size: number };
}

/** A named tensor of the cache or of a graph. */
export interface NamedTensor {
  type: 'float32' | 'float16' | 'uint8' | 'int32' | 'int64';
  shape: number[];
  data: Float32Array | Uint16Array | Uint8Array | Int32Array | BigInt64Array;
}

/** What enrolment generates once per person and model; stored as safetensors, keyed by portraits + model version. */
export interface EnrolledAvatar {
  model: string;
  modelVersion: string;
  /** Side of the square output picture in pixels. */
  size: number;
  tensors: Record<string, NamedTensor>;
}

export type MotionMode = 'relative' | 'absolute';

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
  timings: { retargetMs: number; flowMs: number; inferenceMs: number };
}
