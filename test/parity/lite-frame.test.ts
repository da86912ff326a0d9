/**
 * `lite` as it is served, enrolment, two graphs and the composition between and after them, against what PyTorch made of the same portraits and
 * landmarks in one piece: three frames, each from the one before, at the network's size and at twice that; then the same with 8-bit convolutions.
 * The file is written by `vid2vid.export` together with the graphs.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Composition } from '../../server/synthesis/compose/Composition.ts';
import { shrinkPlanes } from '../../server/synthesis/enrol/plane-filters.ts';
import { modelsDirectory } from '../../server/synthesis/model/model-manifest.ts';
import type { ComposedVariant } from '../../server/synthesis/model/model-manifest.ts';
import { loadModel, tensor } from '../../server/synthesis/model/OnnxModel.ts';
import type { ModelTensor, OnnxModel } from '../../server/synthesis/model/OnnxModel.ts';
import { openSafetensors, unpackTensors } from '../../server/synthesis/model/safetensors.ts';
import type { NamedTensor } from '../../server/synthesis/model/types.ts';

const networkSize = 256;
const frames = 3;
const pointsLength = 478 * 3;
/** The stored frames are 64 x 64 pixels all over the picture, and windows of 64 pixels. */
const thin = 64;
/** Every so-manieth row of I420 is stored. */
const rowStep = 7;
/** Of 1. Sums are done in another order, and weights and values have 14 and 15 bits; a flow's last bits move an edge's sample a little. */
const mostError = 2e-3;
const mostMeanError = 1e-4;
const mostCodeError = 1;
/** dB. A wrong scale or an overflow in one convolution costs ten at once. */
const leastInt8Psnr = 42;

let stored: Record<string, NamedTensor>;
beforeAll(async () => {
  stored = unpackTensors(openSafetensors(await readFile(path.join(modelsDirectory, 'lite/parity.safetensors'))));
});

const numbers = (name: string): Float32Array => stored[name]!.data as Float32Array;

/** RGB bytes [.., side, side, 3] enlarged by repeating pixels, under a pattern that only the larger size can show; as `enlarged` of vid2vid.export. */
function enlarged(name: string, scale: number): Uint8Array {
  const data = stored[name]!.data as Uint8Array;
  const side = networkSize * scale;
  return Uint8Array.from({ length: data.length * scale * scale }, (_, i) => {
    const [c, x, y, k] = [i % 3, Math.floor(i / 3) % side, Math.floor(i / 3 / side) % side, Math.floor(i / 3 / side / side)];
    const value = data[((k * networkSize + Math.floor(y / scale)) * networkSize + Math.floor(x / scale)) * 3 + c]!;
    return scale === 1 ? value : Math.min(255, Math.max(0, value + (((x * 5 + y * 3) % 7) - 3) * 4));
  });
}

/** RGB bytes [K, side, side, 3] → [K, 3, side, side] 0..1. */
function planes(pictures: Uint8Array, side: number): Float32Array {
  const n = side * side;
  return Float32Array.from(pictures, (_, i) => pictures[(Math.floor(i / 3 / n) * n + (i % n)) * 3 + (Math.floor(i / n) % 3)]! / 255);
}

interface Frame {
  /** [3, S, S] 0..1, as the next frame sees it. */
  at(c: number, y: number, x: number): number;
  i420: Uint8Array;
}

/** The stored frames made anew, one from the other. */
async function* madeBy(model: OnnxModel, scale: number): AsyncGenerator<Frame> {
  const { motion, picture } = model.variant as ComposedVariant;
  const size = networkSize * scale;
  const pictures = enlarged('portraits', scale);
  const k = pictures.length / (size * size * 3);
  const small = shrinkPlanes(planes(pictures, size), size, scale);
  const points = tensor(numbers('portrait_landmarks'), stored['portrait_landmarks']!.shape);
  const cached = await model.runEnrolment({ portraits: tensor(small, [k, 3, networkSize, networkSize]), portrait_landmarks: points });
  const composition = Composition.create({
    size,
    networkSize,
    portraits: pictures,
    plate: enlarged('background', scale),
    lender: cached['interior_index']!.data[0]!,
    knots: cached['interior_knots']!.data,
  });
  const made = new Map<string, ModelTensor>();
  const buffer = (name: string, shape: readonly (number | string)[]): ModelTensor => {
    const sides = shape.map((side) => (typeof side === 'number' ? side : k));
    const own = (composition.tensors as Partial<Record<string, Float32Array>>)[name];
    if (!made.has(name)) made.set(name, tensor(own ?? new Float32Array(sides.reduce((a, b) => a * b, 1)), sides));
    return made.get(name)!;
  };
  const all = (specs: Readonly<Record<string, { shape: readonly (number | string)[] }>>, given: Record<string, ModelTensor> = {}) =>
    Object.fromEntries(Object.entries(specs).map(([name, { shape }]) => [name, given[name] ?? buffer(name, shape)]));
  const kept = Object.fromEntries(Object.entries(cached).map(([name, { data, shape }]) => [name, tensor(data, shape)]));
  const landmarks = (n: number) => tensor(numbers('landmarks').slice(n * pointsLength, (n + 1) * pointsLength), [1, 478, 3]);
  for (let n = 0; n < frames; n++) {
    const index = (stored[`reference_index.${size}.${n}`]!.data as Int32Array)[0]!;
    const given = {
      ...kept,
      landmarks: landmarks(n),
      previous_landmarks: landmarks(Math.max(0, n - 1)),
      has_previous: tensor(Float32Array.of(n > 0 ? 1 : 0), [1]),
      reference_index: tensor(BigInt64Array.of(BigInt(index)), [1]),
    };
    await model.run('motion', all(motion.inputs, given), all(motion.outputs));
    composition.warp(index, n > 0);
    await model.run('picture', all(picture.inputs, given), all(picture.outputs));
    composition.mix(0);
    const { frame } = composition;
    yield { i420: composition.i420, at: (c, y, x) => frame[(y * size + x) * 4 + c]! / Composition.one };
  }
}

/** Differences of a frame from a stored window whose pixel (x, y) is the frame's (x * step + left, y * step + top). */
function differences(frame: Frame, name: string, { step = 1, left = 0, top = 0 }): number[] {
  return Array.from(numbers(name), (value, i) => {
    const [c, y, x] = [Math.floor(i / (thin * thin)), Math.floor(i / thin) % thin, i % thin];
    return Math.abs(frame.at(c, top + y * step, left + x * step) - value);
  });
}

function expectAlike(found: number[], what: string): void {
  expect(Math.max(...found), what).toBeLessThan(mostError);
  expect(found.reduce((sum, v) => sum + v, 0) / found.length, what).toBeLessThan(mostMeanError);
}

describe.each([1, 2])('at %i times the size of the network', (scale) => {
  const size = networkSize * scale;
  let model: OnnxModel;
  let int8: OnnxModel;
  beforeAll(async () => {
    model = await loadModel('lite', { size, precision: 'fp32' });
    int8 = await loadModel('lite', { size });
  });
  afterAll(() => Promise.all([model.close(), int8.close()]));

  it('what is served and PyTorch agree over frames that each go on from the one before', async () => {
    let n = 0;
    for await (const frame of madeBy(model, scale)) {
      const name = `${size}.${n}`;
      expectAlike(differences(frame, `frame.${name}`, { step: size / thin }), `frame ${n}`);
      for (const part of ['mouth', 'eye']) {
        const [left, top] = stored[`${part}.corner.${name}`]!.data as Int32Array;
        expectAlike(differences(frame, `${part}.${name}`, { left: left!, top: top! }), `${part} of frame ${n}`);
      }
      const rows = stored[`i420.${name}`]!.data as Uint8Array;
      const worst = rows.reduce(
        (most, v, i) => Math.max(most, Math.abs(v - frame.i420[Math.floor(i / size) * rowStep * size + (i % size)]!)),
        0,
      );
      expect(worst, `codes of frame ${n}`).toBeLessThanOrEqual(mostCodeError);
      n++;
    }
    expect(n).toBe(frames);
  });

  it('8-bit convolutions make the same picture', async () => {
    let n = 0;
    for await (const frame of madeBy(int8, scale)) {
      const found = differences(frame, `frame.${size}.${n++}`, { step: size / thin });
      const error = found.reduce((sum, v) => sum + v ** 2, 0) / found.length;
      expect(-10 * Math.log10(error), `frame ${n}`).toBeGreaterThan(leastInt8Psnr);
      expect(error, 'the int8 graphs were really run').toBeGreaterThan(1e-9);
    }
    expect(n).toBe(frames);
  });

  it('the stored frames are a picture that moves, with an open mouth, so that agreeing with them means something', () => {
    const [first, last] = [numbers(`frame.${size}.0`), numbers(`frame.${size}.2`)];
    expect(Math.max(...first) - Math.min(...first)).toBeGreaterThan(0.3);
    expect(Math.max(...first.map((v, i) => Math.abs(v - last[i]!)))).toBeGreaterThan(5 * mostError);
    const [lips, points] = [(n: number) => numbers('landmarks')[n * 3 + 1]!, numbers('portrait_landmarks')];
    expect(lips(14) - lips(13)).toBeGreaterThan(0.02);
    expect(points[pointsLength + 14 * 3 + 1]! - points[pointsLength + 13 * 3 + 1]!, 'and a portrait that lends its own').toBeGreaterThan(
      0.02,
    );
  });
});
