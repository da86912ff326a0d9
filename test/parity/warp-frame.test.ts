/** The warp's frame graph against a slow, plain implementation of the same formulae, on random inputs. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadModel, tensor } from '../../server/synthesis/model/OnnxModel.ts';
import type { WholeVariant } from '../../server/synthesis/model/model-manifest.ts';
import type { OnnxModel } from '../../server/synthesis/model/OnnxModel.ts';

const size = 256;
const n = size * size;
let model: OnnxModel;

beforeAll(async () => {
  model = await loadModel('warp', { size });
});
afterAll(() => model.close());

let state = 12345;
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}
const noise = (count: number, low = 0, high = 1) => Float32Array.from({ length: count }, () => low + (high - low) * random());

/** A grid that wanders by some pixels and sometimes far. */
function wanderingGrid(): Float32Array {
  const edge = 1 - 1 / size;
  return Float32Array.from({ length: n * 2 }, (_, i) => {
    const home = (2 * (i % 2 === 0 ? (i >> 1) % size : Math.floor((i >> 1) / size)) + 1) / size - 1;
    return Math.min(edge, Math.max(-edge, home + (random() - 0.5) * (random() < 0.05 ? 2 : 0.1)));
  });
}

/** Bilinear, zeros outside, align_corners 0: ONNX GridSample's definition. */
function sample(plane: (x: number, y: number) => number, side: number, gx: number, gy: number): number {
  const x = ((gx + 1) * side - 1) / 2;
  const y = ((gy + 1) * side - 1) / 2;
  const [x0, y0] = [Math.floor(x), Math.floor(y)];
  let sum = 0;
  for (const [dx, dy] of [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ] as const) {
    const [xi, yi] = [x0 + dx, y0 + dy];
    if (xi < 0 || yi < 0 || xi >= side || yi >= side) continue;
    sum += plane(xi, yi) * (dx ? x - x0 : 1 - x + x0) * (dy ? y - y0 : 1 - y + y0);
  }
  return sum;
}

interface Inputs {
  source: Float32Array;
  plate: Float32Array;
  interior: Float32Array;
  prior_flow: Float32Array;
  interior_flow: Float32Array;
  semantic_map: Float32Array;
  previous_frame: Float32Array;
  previous_flow: Float32Array;
}

const clip = (v: number) => Math.min(1, Math.max(0, v));

function reference(f: Inputs, interiorSide: number): { frame: Float64Array; occlusion: Float64Array; i420: Uint8Array } {
  const pick = (data: Float32Array, side: number, channel: number) => (x: number, y: number) => data[(channel * side + y) * side + x]!;
  const [mouth, light, reuse, fold] = [0, 1, 2, 3].map((c) => f.semantic_map.subarray(c * n, (c + 1) * n));
  const fresh = new Float64Array(3 * n);
  for (let i = 0; i < n; i++) {
    const [gx, gy] = [f.prior_flow[i * 2]!, f.prior_flow[i * 2 + 1]!];
    const alpha = sample(pick(f.source, size, 3), size, gx, gy);
    for (let c = 0; c < 3; c++) fresh[c * n + i] = sample(pick(f.source, size, c), size, gx, gy) + (1 - alpha) * f.plate[c * n + i]!;
  }
  const frame = new Float64Array(3 * n);
  for (let i = 0; i < n; i++) {
    const [x, y] = [i % size, Math.floor(i / size)];
    for (let c = 0; c < 3; c++) {
      let [sum, count] = [0, 0];
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) {
          if (x + dx < 0 || y + dy < 0 || x + dx >= size || y + dy >= size) continue;
          sum += fresh[c * n + i + dy * size + dx]!;
          count++;
        }
      }
      let value = fresh[c * n + i]! + fold![i]! * (sum / count - fresh[c * n + i]!);
      const inside =
        sample(pick(f.interior, interiorSide, c), interiorSide, f.interior_flow[i * 2]!, f.interior_flow[i * 2 + 1]!) * light![i]!;
      value += mouth![i]! * (inside - value);
      const carried = sample(pick(f.previous_frame, size, c), size, f.previous_flow[i * 2]!, f.previous_flow[i * 2 + 1]!);
      frame[c * n + i] = clip(carried + (1 - reuse![i]!) * (value - carried));
    }
  }
  return { frame, occlusion: Float64Array.from(reuse!, (r) => 1 - r), i420: toI420(frame) };
}

/** BT.601 limited range, chroma from the mean of 2 x 2 pixels. */
function toI420(frame: Float64Array): Uint8Array {
  const out = new Uint8Array((n * 3) / 2);
  const half = size / 2;
  for (let i = 0; i < n; i++) out[i] = Math.floor(16.5 + 65.481 * frame[i]! + 128.553 * frame[n + i]! + 24.966 * frame[2 * n + i]!);
  for (let y = 0; y < half; y++) {
    for (let x = 0; x < half; x++) {
      const mean = [0, 1, 2].map((c) => [0, 1, size, size + 1].reduce((s, d) => s + frame[c * n + 2 * y * size + 2 * x + d]! / 4, 0)) as [
        number,
        number,
        number,
      ];
      out[n + y * half + x] = Math.floor(128.5 - 37.797 * mean[0] - 74.203 * mean[1] + 112 * mean[2]);
      out[n + (n >> 2) + y * half + x] = Math.floor(128.5 + 112 * mean[0] - 93.786 * mean[1] - 18.214 * mean[2]);
    }
  }
  return out;
}

it('the frame graph gives what the formulae say: floats to 2e-5, bytes to one step', async () => {
  const side = model.spec.interiorSize!;
  const inputs: Inputs = {
    source: noise(4 * n),
    plate: noise(3 * n),
    interior: noise(3 * side * side),
    prior_flow: wanderingGrid(),
    interior_flow: noise(n * 2, -2, 1),
    semantic_map: noise(4 * n),
    previous_frame: noise(3 * n),
    previous_flow: wanderingGrid(),
  };
  const { frame: graph } = model.variant as WholeVariant;
  const shapes = graph.inputs;
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, data]) => [name, tensor(data, shapes[name]!.shape as number[])]));
  const outputs = { i420: new Uint8Array((n * 3) / 2), frame: new Float32Array(3 * n), occlusion: new Float32Array(n) };
  const out = graph.outputs;
  await model.run(
    'frame',
    feeds,
    Object.fromEntries(Object.entries(outputs).map(([name, data]) => [name, tensor(data, out[name]!.shape as number[])])),
  );
  const expected = reference(inputs, side);
  const worst = (a: ArrayLike<number>, b: ArrayLike<number>) => {
    let most = 0;
    for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
    return most;
  };
  expect(worst(outputs.frame, expected.frame)).toBeLessThan(2e-5);
  expect(worst(outputs.occlusion, expected.occlusion)).toBeLessThan(1e-6);
  expect(worst(outputs.i420, expected.i420)).toBeLessThanOrEqual(1);
  // rounding apart, the bytes are the same
  expect(outputs.i420.filter((v, i) => v !== expected.i420[i]).length).toBeLessThan(outputs.i420.length / 1000);
});
