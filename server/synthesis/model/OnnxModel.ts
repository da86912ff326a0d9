/** One model of the manifest, loaded: its ONNX Runtime sessions. Shareable between avatar sessions of a process. */
import '../../base/no-telemetry.ts';
import * as ort from 'onnxruntime-node';
import { AppError } from '../../../client/src/protocol/errors.ts';
import { findModel, findVariant, loadManifest, modelsDirectory, readGraph } from './model-manifest.ts';
import type { FileSpec, ModelSpec, ModelVariant } from './model-manifest.ts';

export type TensorData = Float32Array | Uint8Array | Uint16Array | Int32Array | BigInt64Array;

export interface OnnxModelOptions {
  /** Threads inside one operator; 1 is right where one process per core serves avatars. */
  threads?: number;
  /** Side of the output picture; the model's smallest unless given. */
  size?: number;
  directory?: string;
  /** `fp32`: 32-bit convolutions, also where the model has a graph with 8-bit ones. */
  precision?: 'int8' | 'fp32';
}

/** What runs for each frame: one graph, or, of a composed model, two. */
export type FrameGraph = 'frame' | 'motion' | 'picture';
type FrameSessions = ReadonlyMap<FrameGraph, ort.InferenceSession>;

export class OnnxModel {
  readonly name: string;
  readonly spec: ModelSpec;
  readonly variant: ModelVariant;
  readonly #options: ort.InferenceSession.SessionOptions;
  readonly #directory: string;
  readonly #frame: FrameSessions;
  #enrolment: Promise<ort.InferenceSession> | null = null;
  #closed = false;

  private constructor(
    name: string,
    spec: ModelSpec,
    variant: ModelVariant,
    parts: { options: ort.InferenceSession.SessionOptions; directory: string; frame: FrameSessions },
  ) {
    this.name = name;
    this.spec = spec;
    this.variant = variant;
    this.#options = parts.options;
    this.#directory = parts.directory;
    this.#frame = parts.frame;
  }

  /** @throws AppError `model-unknown`; `internal` when a file is missing, altered or not loadable. */
  static async create(
    name: string,
    { threads = 1, size, directory = modelsDirectory, precision = 'int8' }: OnnxModelOptions = {},
  ): Promise<OnnxModel> {
    const spec = findModel(await loadManifest(directory), name);
    const variant = findVariant(spec, size);
    const options: ort.InferenceSession.SessionOptions = {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
    };
    const frame = new Map<FrameGraph, ort.InferenceSession>();
    try {
      for (const [graph, file] of frameFiles(variant, precision)) frame.set(graph, await openGraph(file, options, directory));
    } catch (error) {
      for (const session of frame.values()) await session.release();
      throw error;
    }
    return new OnnxModel(name, spec, variant, { options, directory, frame });
  }

  get size(): number {
    return this.variant.size;
  }

  /**
   * Runs a graph of the frame.
   * @param inputs by the manifest's names. Tensors from `tensor()` are read in place.
   * @param outputs tensors to be filled, by the manifest's names.
   */
  async run(graph: FrameGraph, inputs: Record<string, ort.Tensor>, outputs: Record<string, ort.Tensor>): Promise<void> {
    if (this.#closed) throw new AppError('closed', 'The model is closed');
    const session = this.#frame.get(graph);
    if (!session) throw new AppError('internal', `The model ${this.name} has no ${graph} graph`);
    try {
      await session.run(inputs, outputs);
    } catch (cause) {
      throw new AppError('synthesis-failed', `The ${graph} graph failed`, { cause });
    }
  }

  /** Runs the enrolment graph; loaded on the first call. Returns float32 data and shapes by output name. */
  async runEnrolment(inputs: Record<string, ort.Tensor>): Promise<Record<string, { shape: number[]; data: Float32Array }>> {
    if (this.#closed) throw new AppError('closed', 'The model is closed');
    const session = await this.#loadEnrolment();
    try {
      const results = await session.run(inputs);
      return Object.fromEntries(
        Object.entries(results).map(([name, t]) => [name, { shape: [...t.dims], data: Float32Array.from(t.data as Float32Array) }]),
      );
    } catch (cause) {
      throw new AppError('synthesis-failed', 'The enrolment graph failed', { cause });
    }
  }

  /** A failed load is forgotten: the next call tries again. */
  #loadEnrolment(): Promise<ort.InferenceSession> {
    this.#enrolment ??= openGraph(this.variant.enrolment, this.#options, this.#directory).catch((cause: unknown) => {
      this.#enrolment = null;
      throw cause;
    });
    return this.#enrolment;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const session of this.#frame.values()) await session.release();
    const enrolment = await this.#enrolment?.catch(() => null); // whoever waits for a load hears of its failure
    await enrolment?.release();
  }
}

function frameFiles(variant: ModelVariant, precision: 'int8' | 'fp32'): [FrameGraph, FileSpec][] {
  const chosen = (float: FileSpec, int8: FileSpec | undefined): FileSpec => (precision === 'int8' ? (int8 ?? float) : float);
  if (variant.kind === 'whole') return [['frame', chosen(variant.frame, variant.frameInt8)]];
  return [
    ['motion', chosen(variant.motion, variant.motionInt8)],
    ['picture', chosen(variant.picture, variant.pictureInt8)],
  ];
}

async function openGraph(graph: FileSpec, options: ort.InferenceSession.SessionOptions, directory: string): Promise<ort.InferenceSession> {
  const bytes = await readGraph(graph, directory);
  try {
    return await ort.InferenceSession.create(bytes, options);
  } catch (cause) {
    throw new AppError('internal', `ONNX Runtime cannot load ${graph.file}`, { cause });
  }
}

/** A tensor over the caller's own memory. */
export function tensor(data: TensorData, shape: readonly number[]): ort.Tensor {
  if (data instanceof Float32Array) return new ort.Tensor('float32', data, shape);
  if (data instanceof Uint8Array) return new ort.Tensor('uint8', data, shape);
  if (data instanceof Int32Array) return new ort.Tensor('int32', data, shape);
  if (data instanceof BigInt64Array) return new ort.Tensor('int64', data, shape);
  return new ort.Tensor('float16', data as never, shape);
}

export type ModelTensor = ort.Tensor;

/** Loads a model of `models/manifest.json` by name. */
export function loadModel(name: string, options?: OnnxModelOptions): Promise<OnnxModel> {
  return OnnxModel.create(name, options);
}
