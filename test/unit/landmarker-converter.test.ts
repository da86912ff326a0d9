import { InferenceSession, Tensor } from 'onnxruntime-node';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  landmarksToTransformMatrix,
  transformLandmarks,
  transformTensorBilinear,
} from '../../server/setup/landmarker/attention-operators.ts';
import { ensureLandmarkModels } from '../../server/setup/landmarker/convert-models.ts';
import { OnnxGraph } from '../../server/setup/landmarker/onnx-graph.ts';
import { readTflite } from '../../server/setup/landmarker/tflite-model.ts';
import { halfToFloat, permute } from '../../server/setup/landmarker/tflite-to-onnx.ts';

/** Repeatable numbers in -1..1. */
function noise(count: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

async function run(
  graph: OnnxGraph,
  inputs: Record<string, { data: Float32Array; shape: number[] }>,
): Promise<Record<string, Float32Array>> {
  const session = await InferenceSession.create(graph.encode());
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, { data, shape }]) => [name, new Tensor('float32', data, shape)]));
  const outputs = await session.run(feeds);
  await session.release();
  return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data as Float32Array]));
}

const largestError = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

describe('number formats and layouts', () => {
  it('unpacks half precision: normal, subnormal, signed, infinite', () => {
    const bits = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x8400, 0x7bff, 0x7c00, 0x0000, 0x3555);
    const values = [1, -2, 2 ** -24, -(2 ** -14), 65504, Infinity, 0, 0.333251953125];
    expect([...halfToFloat(bits)]).toEqual(values);
    expect(halfToFloat(Uint16Array.of(0x7e00))[0]).toBeNaN();
  });

  it('moves channels to the front', () => {
    // [1, 2, 2, 3]: place p, channel c holds 10 p + c
    const last = Float32Array.of(0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32);
    expect([...permute(last, [1, 2, 2, 3], [0, 3, 1, 2])]).toEqual([0, 10, 20, 30, 1, 11, 21, 31, 2, 12, 22, 32]);
  });

  it('refuses what is not a tflite file', () => {
    expect(() => readTflite(new Uint8Array(64))).toThrow(/TFL3/);
  });

  it('refuses constants that do not fill their shape', () => {
    expect(() => new OnnxGraph('g').floats([1, 2, 3], [2, 2])).toThrow(/fill/);
  });
});

describe('operators of the attention mesh, against their definition', () => {
  const count = 24;
  const subset = [2, 3, 5, 7, 11, 13, 17, 19];
  const options = { leftIndex: 4, rightIndex: 9, subset, scale: [1.5, 1.25] as [number, number], outputSize: [16, 12] as [number, number] };
  const landmarks = noise(count * 3, 7).map((value) => 24 + 12 * value);

  /** Straight from the operator's description: turn, box, centre; then shift · turn · scale · shift. */
  function expectedMatrix(): number[] {
    const at = (i: number) => [landmarks[3 * i]!, landmarks[3 * i + 1]!] as const;
    const [left, right] = [at(options.leftIndex), at(options.rightIndex)];
    const angle = Math.atan2(right[1] - left[1], right[0] - left[0]);
    const turned = subset
      .map(at)
      .map(([x, y]) => [x * Math.cos(-angle) - y * Math.sin(-angle), x * Math.sin(-angle) + y * Math.cos(-angle)] as const);
    const [xs, ys] = [turned.map(([x]) => x), turned.map(([, y]) => y)];
    const [width, height] = [Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys)];
    const [mx, my] = [(Math.max(...xs) + Math.min(...xs)) / 2, (Math.max(...ys) + Math.min(...ys)) / 2];
    const [cx, cy] = [mx * Math.cos(angle) - my * Math.sin(angle), mx * Math.sin(angle) + my * Math.cos(angle)];
    const [sx, sy] = [(1.5 * width) / 16, (1.25 * height) / 12];
    const [a, b, c, d] = [Math.cos(angle) * sx, -Math.sin(angle) * sy, Math.sin(angle) * sx, Math.cos(angle) * sy];
    return [a, b, 0, cx - 8 * a - 6 * b, c, d, 0, cy - 8 * c - 6 * d, 0, 0, 1, 0, 0, 0, 0, 1];
  }

  it('finds the region of a set of landmarks', async () => {
    const graph = new OnnxGraph('g');
    graph.output('matrix', [1, 4, 4], landmarksToTransformMatrix(graph, graph.input('landmarks', [1, count, 3]), options));
    const { matrix } = await run(graph, { landmarks: { data: landmarks, shape: [1, count, 3] } });
    expect(largestError(matrix!, expectedMatrix())).toBeLessThan(1e-3);
  });

  it('cuts the region out of a feature map, zero outside of the pixel centres', async () => {
    const [channels, height, width] = [3, 20, 28];
    const map = noise(channels * height * width, 3);
    // Turned, enlarged, and reaching out of the map on two sides.
    const matrix = Float32Array.of(1.9, -0.4, 0, -3, 0.35, 1.7, 0, 1.5, 0, 0, 1, 0, 0, 0, 0, 1);
    const graph = new OnnxGraph('g');
    const inputs = {
      map: graph.input('map', [1, channels, height, width]),
      shape: [1, height, width, channels],
      matrix: graph.input('matrix', [1, 4, 4]),
    };
    graph.output('region', [1, channels, 12, 16], transformTensorBilinear(graph, inputs, [16, 12]));
    const { region } = await run(graph, {
      map: { data: map, shape: [1, channels, height, width] },
      matrix: { data: matrix, shape: [1, 4, 4] },
    });

    const expected = new Float32Array(channels * 12 * 16);
    let outside = 0;
    for (let v = 0; v < 12; v += 1)
      for (let u = 0; u < 16; u += 1) {
        const x = matrix[0]! * (u + 0.5) + matrix[1]! * (v + 0.5) + matrix[3]! - 0.5;
        const y = matrix[4]! * (u + 0.5) + matrix[5]! * (v + 0.5) + matrix[7]! - 0.5;
        if (x < 0 || y < 0 || x > width - 1 || y > height - 1) {
          outside += 1;
          continue;
        }
        const [x0, y0] = [Math.floor(x), Math.floor(y)];
        for (let c = 0; c < channels; c += 1) {
          const at = (yy: number, xx: number) => (xx < width && yy < height ? map[(c * height + yy) * width + xx]! : 0);
          const top = at(y0, x0) * (1 - x + x0) + at(y0, x0 + 1) * (x - x0);
          const bottom = at(y0 + 1, x0) * (1 - x + x0) + at(y0 + 1, x0 + 1) * (x - x0);
          expected[(c * 12 + v) * 16 + u] = top * (1 - y + y0) + bottom * (y - y0);
        }
      }
    expect(outside).toBeGreaterThan(10);
    expect(largestError(region!, expected)).toBeLessThan(1e-4);
  });

  it('carries points out of the region', async () => {
    const points = Float32Array.of(0, 0, 16, 12, 4, 9);
    const matrix = Float32Array.of(2, -1, 9, 5, 1, 3, 9, -7, 0, 0, 1, 0, 0, 0, 0, 1);
    const graph = new OnnxGraph('g');
    graph.output('out', [1, 3, 2], transformLandmarks(graph, graph.input('points', [1, 3, 2]), graph.input('matrix', [1, 4, 4])));
    const { out } = await run(graph, { points: { data: points, shape: [1, 3, 2] }, matrix: { data: matrix, shape: [1, 4, 4] } });
    expect([...out!]).toEqual([5, -7, 25, 45, 4, 24]);
  });
});

describe('ensureLandmarkModels', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gioconda-models-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('makes three loadable networks with the promised inputs and outputs', async () => {
    const paths = await ensureLandmarkModels(folder);
    const layout = { detector: [['image'], ['boxes', 'scores']], mesh: [['image'], ['points', 'presence']], matte: [['image'], ['matte']] };
    for (const [name, path] of Object.entries(paths)) {
      const session = await InferenceSession.create(path);
      expect([[...session.inputNames], [...session.outputNames]]).toEqual(layout[name as keyof typeof layout]);
      await session.release();
    }
  });

  it('leaves finished files alone, also when two processes ask at once, and no temporary ones behind', async () => {
    const before = await ensureLandmarkModels(folder);
    const written = await Promise.all(Object.values(before).map(async (path) => (await stat(path)).mtimeMs));
    const again = await Promise.all([ensureLandmarkModels(folder), ensureLandmarkModels(folder)]);
    expect(again).toEqual([before, before]);
    expect(await Promise.all(Object.values(before).map(async (path) => (await stat(path)).mtimeMs))).toEqual(written);
    expect((await readdir(folder)).toSorted((a, b) => a.localeCompare(b))).toEqual(
      Object.values(before)
        .map((path) => path.slice(folder.length + 1))
        .toSorted((a, b) => a.localeCompare(b)),
    );
  });

  it('makes the same bytes each time', async () => {
    const other = join(folder, 'other');
    const [first, second] = [await ensureLandmarkModels(folder), await ensureLandmarkModels(other)];
    expect((await readFile(first.mesh)).equals(await readFile(second.mesh))).toBe(true);
    await rm(other, { recursive: true });
  });

  it('says so when the folder cannot be made', async () => {
    await expect(ensureLandmarkModels('/dev/null/models')).rejects.toThrow(/ENOTDIR|not a directory|EEXIST/);
  });
});
