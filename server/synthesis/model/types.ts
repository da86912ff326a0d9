/** An avatar as enrolment generates it and as frame graphs read it. */

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
