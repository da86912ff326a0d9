/**
 * The exported graphs of `lite` in the server's runtime against what PyTorch made of the same portraits and landmarks: enrolment, then three
 * frames, each from the one before; then the same with 8-bit convolutions. The file is written by `vid2vid.export` together with the graphs.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { modelsDirectory } from '../../server/synthesis/model/model-manifest.ts';
import { loadModel, tensor } from '../../server/synthesis/model/OnnxModel.ts';
import type { ModelTensor, OnnxModel } from '../../server/synthesis/model/OnnxModel.ts';
import { openSafetensors, unpackTensors } from '../../server/synthesis/model/safetensors.ts';
import type { NamedTensor } from '../../server/synthesis/model/types.ts';

const size = 256;
const frames = 3;
/** The stored frames are every fourth pixel of every fourth row. */
const stride = 4;
/** Of 1; sums are done in another order, and a flow's last bits move an edge's sample a little. */
const mostFrameError = 2e-3;
const mostCodeError = 1;
const pointsLength = 478 * 3;

/** dB. A wrong scale or an overflow in one convolution costs ten at once. */
const leastInt8Psnr = 42;

let model: OnnxModel;
let int8: OnnxModel;
let stored: Record<string, NamedTensor>;
beforeAll(async () => {
  model = await loadModel('lite', { size, precision: 'fp32' });
  int8 = await loadModel('lite', { size });
  stored = unpackTensors(openSafetensors(await readFile(path.join(modelsDirectory, `lite/parity-${size}.safetensors`))));
});
afterAll(() => Promise.all([model.close(), int8.close()]));

const numbers = (name: string): Float32Array => stored[name]!.data as Float32Array;

async function enrol(): Promise<Record<string, ModelTensor>> {
  const picture = (name: string) =>
    tensor(
      Float32Array.from(stored[name]!.data as Uint8Array, (v) => v / 255),
      stored[name]!.shape,
    );
  const made = await model.runEnrolment({
    portraits: picture('portraits'),
    background: picture('background'),
    portrait_landmarks: tensor(numbers('portrait_landmarks'), stored['portrait_landmarks']!.shape),
  });
  return Object.fromEntries(model.spec.cached.map((name) => [name, tensor(made[name]!.data, made[name]!.shape)]));
}

function worst(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < expected.length; i++) most = Math.max(most, Math.abs(found[i]! - expected[i]!));
  return most;
}

/** [1, 3, S, S] → [1, 3, S / stride, S / stride]. */
function thinned(frame: Float32Array): Float32Array {
  const side = size / stride;
  return Float32Array.from({ length: 3 * side * side }, (_, i) => {
    const [c, y, x] = [Math.floor(i / (side * side)), Math.floor(i / side) % side, i % side];
    return frame[(c * size + y * stride) * size + x * stride]!;
  });
}

/** The stored frames, made anew one from the other: [3, S, S] and I420. */
async function* madeBy(frameModel: OnnxModel): AsyncGenerator<{ frame: Float32Array; i420: Uint8Array }> {
  const cached = await enrol();
  const landmarks = (n: number) => tensor(numbers('landmarks').subarray(n * pointsLength, (n + 1) * pointsLength), [1, 478, 3]);
  let previous = new Float32Array(3 * size * size);
  for (let n = 0; n < frames; n++) {
    const i420 = new Uint8Array((size * size * 3) / 2);
    const frame = new Float32Array(3 * size * size);
    const inputs = {
      ...cached,
      landmarks: landmarks(n),
      previous_landmarks: landmarks(Math.max(0, n - 1)),
      previous_frame: tensor(previous, [1, 3, size, size]),
      has_previous: tensor(Float32Array.of(n > 0 ? 1 : 0), [1]),
      reference_index: tensor(BigInt64Array.of(BigInt((stored[`reference_index.${n}`]!.data as Int32Array)[0]!)), [1]),
      keep: tensor(new Float32Array(1), [1]),
    };
    await frameModel.runFrame(inputs, { i420: tensor(i420, [1, size * 1.5, size]), frame: tensor(frame, [1, 3, size, size]) });
    yield { frame, i420 };
    previous = frame;
  }
}

it('ONNX Runtime and PyTorch agree over frames that each go on from the one before', async () => {
  let n = 0;
  for await (const { frame, i420 } of madeBy(model)) {
    expect(worst(thinned(frame), numbers(`frame.${n}`)), `frame ${n}`).toBeLessThan(mostFrameError);
    expect(worst(i420, stored[`i420.${n}`]!.data as Uint8Array), `codes of frame ${n}`).toBeLessThanOrEqual(mostCodeError);
    n++;
  }
  expect(n).toBe(frames);
});

it('8-bit convolutions make the same picture', async () => {
  let n = 0;
  for await (const { frame } of madeBy(int8)) {
    const [found, expected] = [thinned(frame), numbers(`frame.${n++}`)];
    const error = found.reduce((sum, v, i) => sum + (v - expected[i]!) ** 2, 0) / found.length;
    expect(-10 * Math.log10(error), `frame ${n}`).toBeGreaterThan(leastInt8Psnr);
    expect(error, 'the int8 graph was really run').toBeGreaterThan(1e-9);
  }
  expect(n).toBe(frames);
});

it('the stored frames are a picture that moves, so that agreeing with them means something', () => {
  const spread = numbers('frame.0').reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)] as [number, number], [1, 0] as [
    number,
    number,
  ]);
  expect(spread[1] - spread[0]).toBeGreaterThan(0.3);
  expect(worst(numbers('frame.2'), numbers('frame.0'))).toBeGreaterThan(10 * mostFrameError);
});
