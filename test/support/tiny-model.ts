/**
 * A model of the manifest's format with a frame graph of a few operators, in a folder of its own. Its avatars decide what becomes of their
 * frames: ONNX Runtime itself throws for one, is busy for ever with another, and makes a grey picture of the third.
 */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OnnxGraph } from '../../server/setup/landmarker/onnx-graph.ts';
import { encodeAvatar } from '../../server/synthesis/model/avatar-file.ts';
import { drawnPortrait } from './synthetic-face.ts';

export const TINY = 'tiny';
export const TINY_SIZE = 64;
/** A graph of matrix products of constants, which ONNX Runtime works out while it loads: so many times one that takes some tenths of a second. */
export const SLOW_TO_LOAD = 'slow-to-load';

export type Behaviour = 'sound' | 'throws' | 'hangs';

const behaviours: Record<Behaviour, { trips: bigint; row: bigint }> = {
  sound: { trips: 1n, row: 0n },
  throws: { trips: 1n, row: 7n },
  hangs: { trips: 10n ** 15n, row: 0n },
};

/** Adds 1 in each of `trips` rounds. */
function countingLoop(graph: OnnxGraph, trips: string): string {
  const body = new OnnxGraph('body');
  body.input('round', [], 'int64');
  const going = body.input('going_in', [], 'bool');
  const sum = body.input('sum_in', [1]);
  body.output('going', [], going, 'bool');
  body.output('sum', [1], body.add('Add', [sum, body.floats([1], [1])]));
  return graph.add('Loop', [trips, '', graph.floats([0], [1])], { body: { graph: body } });
}

/** [3, 512, 512] products of constants, each a little larger. */
function slowConstant(graph: OnnxGraph, rounds: number): string {
  const side = 768;
  let value = graph.floats(new Float32Array(side * side).fill(1 / side), [side, side]);
  const other = value;
  for (let n = 0; n < rounds; n++) value = graph.add('MatMul', [value, other]);
  return graph.add('ReduceMean', [value], { keepdims: 0 });
}

function frameGraph(rounds: number): Uint8Array {
  const graph = new OnnxGraph('frame');
  const sum = countingLoop(graph, graph.add('Squeeze', [graph.input('trips', [1], 'int64')]));
  // out of range for `throws`
  const chosen = graph.add('Gather', [graph.floats([100, 100], [2]), graph.input('row', [1], 'int64')]);
  let grey = graph.add('Add', [chosen, graph.add('Mul', [sum, graph.floats([0], [1])])]);
  if (rounds > 0) grey = graph.add('Add', [grey, graph.add('Mul', [slowConstant(graph, rounds), graph.floats([0], [1])])]);
  const picture = graph.add('Expand', [grey, graph.ints([(TINY_SIZE * 3) / 2, TINY_SIZE])]);
  graph.output('i420', [(TINY_SIZE * 3) / 2, TINY_SIZE], graph.add('Cast', [picture], { to: 2 }), 'uint8');
  return graph.encode();
}

const scalar = { type: 'int64', shape: [1] };

async function writeModel(folder: string, name: string, rounds: number): Promise<object> {
  const bytes = frameGraph(rounds);
  await writeFile(join(folder, `${name}.onnx`), bytes);
  const file = { file: `${name}.onnx`, sha256: createHash('sha256').update(bytes).digest('hex') };
  const outputs = { i420: { type: 'uint8', shape: [(TINY_SIZE * 3) / 2, TINY_SIZE] } };
  return {
    version: '1',
    title: 'A picture without a person',
    licence: 'Apache-2.0',
    semanticChannels: [],
    cached: ['trips', 'row'],
    variants: [
      {
        size: TINY_SIZE,
        enrolment: { ...file, inputs: {}, outputs: {} },
        frame: { ...file, inputs: { trips: scalar, row: scalar }, outputs },
      },
    ],
  };
}

export class TinyModel {
  /** With a manifest: what a pool takes as `modelsDirectory`. */
  readonly folder: string;

  /** @param loadRounds how slow `slow-to-load` is. */
  static async create(folder: string, { loadRounds = 0 } = {}): Promise<TinyModel> {
    await mkdir(folder, { recursive: true });
    const models = {
      [TINY]: await writeModel(folder, TINY, 0),
      ...(loadRounds > 0 ? { [SLOW_TO_LOAD]: await writeModel(folder, SLOW_TO_LOAD, loadRounds) } : {}),
    };
    await writeFile(join(folder, 'manifest.json'), JSON.stringify({ format: 1, default: TINY, models }));
    return new TinyModel(folder);
  }

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Writes an avatar's weights. @returns their path */
  async avatar(behaviour: Behaviour, model = TINY): Promise<string> {
    const { trips, row } = behaviours[behaviour];
    const path = join(this.folder, `${model}-${behaviour}.safetensors`);
    const points = Float32Array.from(drawnPortrait(TINY_SIZE).points);
    const tensors = {
      points: { type: 'float32' as const, shape: [points.length / 3, 3], data: points },
      trips: { type: 'int64' as const, shape: [1], data: BigInt64Array.of(trips) },
      row: { type: 'int64' as const, shape: [1], data: BigInt64Array.of(row) },
    };
    await writeFile(path, encodeAvatar({ model, modelVersion: '1', size: TINY_SIZE, tensors }));
    return path;
  }
}
