import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { Composition } from '../../server/synthesis/compose/Composition.ts';

const networkSize = 64;
const SURE = 30;
/** Levels of 255: 15 bits of value, 14 of weight. */
const exact = 1;

const noise = (length: number, seed = 1): Uint8Array => {
  let state = seed;
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24);
};

/** A mouth [2, 11, 2] in the picture's middle, so wide and high; -1..1. */
function mouth(width: number, height: number): Float32Array {
  const points = Array.from({ length: 11 }, (_, i) => [width * (i / 10 - 0.5), height * Math.sin((Math.PI * i) / 10)] as const);
  return Float32Array.from([...points.flatMap(([x, y]) => [x, -y / 2]), ...points.flatMap(([x, y]) => [x, y / 2])]);
}

interface Given {
  scale?: number;
  portraits?: Uint8Array[];
  plate?: Uint8Array;
  knots?: Float32Array;
  lender?: number;
}

function make({ scale = 2, portraits, plate, knots = mouth(0, 0), lender = 0 }: Given = {}): Composition {
  const size = networkSize * scale;
  const pixels = size * size * 3;
  const stack = portraits ?? [noise(pixels), noise(pixels, 2)];
  const composition = Composition.create({
    size,
    networkSize,
    portraits: Uint8Array.from(stack.flatMap((picture) => [...picture])),
    plate: plate ?? noise(pixels, 3),
    knots,
    lender,
  });
  // shut eyes and a shut mouth, which moves nowhere
  composition.tensors.turns.fill(1);
  composition.tensors.inside.set([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return composition;
}

/** Which of the four pictures is shown everywhere. */
function show({ tensors }: Composition, source: 'portrait' | 'plate' | 'previous' | 'made'): void {
  const plane = tensors.logits.length / 4;
  const index = ['portrait', 'plate', 'previous', 'made'].indexOf(source);
  tensors.logits.fill(-SURE).fill(SURE, index * plane, (index + 1) * plane);
}

const luma = (rgb: ArrayLike<number>, pixel: number): number =>
  16.5 + (65.481 * rgb[pixel * 3]! + 128.553 * rgb[pixel * 3 + 1]! + 24.966 * rgb[pixel * 3 + 2]!) / 255;

/** The largest difference of Y from that of a picture, over a window that leaves `margin` pixels out. */
function worst(composition: Composition, rgb: ArrayLike<number>, margin = 0): number {
  const size = Math.sqrt((composition.i420.length * 2) / 3);
  let most = 0;
  for (let y = margin; y < size - margin; y++)
    for (let x = margin; x < size - margin; x++)
      most = Math.max(most, Math.abs(composition.i420[y * size + x]! - Math.floor(luma(rgb, y * size + x))));
  return most;
}

const flat = (size: number, level: number): Uint8Array => new Uint8Array(size * size * 3).fill(level);

describe('a composition', () => {
  it.each([1, 2, 3])('shows each of its pictures as it is, at %i times the network', (scale) => {
    const size = networkSize * scale;
    const [first, second, plate] = [1, 2, 3].map((seed) => noise(size * size * 3, seed)) as [Uint8Array, Uint8Array, Uint8Array];
    const composition = make({ scale, portraits: [first, second], plate });
    for (const [source, index, picture] of [
      ['portrait', 0, first],
      ['portrait', 1, second],
      ['plate', 0, plate],
    ] as const) {
      show(composition, source);
      composition.warp(index, false);
      composition.mix(0);
      expect(worst(composition, picture), source).toBeLessThanOrEqual(exact);
    }
    composition.tensors.picture.fill(0.5);
    show(composition, 'made');
    composition.mix(0);
    expect(worst(composition, flat(size, 127.5))).toBeLessThanOrEqual(exact);
  });

  it('samples the portrait at its own detail, along the flow, and repeats its border', () => {
    const size = 2 * networkSize;
    const picture = noise(size * size * 3);
    const composition = make({ portraits: [picture] });
    const moved = 6;
    composition.tensors.flow.fill((2 * moved) / size, 0, composition.tensors.flow.length / 2); // x only
    show(composition, 'portrait');
    composition.warp(0, false);
    composition.mix(0);
    const expected = Uint8Array.from(picture, (_, i) => {
      const [pixel, c] = [Math.floor(i / 3), i % 3];
      const x = Math.min(size - 1, (pixel % size) + moved);
      return picture[(Math.floor(pixel / size) * size + x) * 3 + c]!;
    });
    expect(worst(composition, expected)).toBeLessThanOrEqual(exact);
  });

  it('tells the network what it sees: the pictures shrunk by area, and whether there is a frame before', () => {
    const size = 2 * networkSize;
    const picture = noise(size * size * 3);
    const composition = make({ portraits: [picture] });
    const { seen, small_previous: small } = composition.tensors;
    const area = networkSize * networkSize;
    const shrunk = (c: number, x: number, y: number): number =>
      [0, 1, size, size + 1].reduce((sum, step) => sum + picture[(2 * y * size + 2 * x + step) * 3 + c]!, 0) / 4 / 255;
    show(composition, 'portrait');
    composition.warp(0, false);
    composition.mix(0);
    for (const [x, y] of [
      [0, 0],
      [17, 40],
      [63, 63],
    ] as const)
      for (const c of [0, 1, 2]) expect(seen[c * area + y * networkSize + x]! + 0.5).toBeCloseTo(shrunk(c, x, y), 3);
    expect(seen.subarray(6 * area).every((value) => value === 0)).toBe(true);
    expect(small[0]).toBeCloseTo([0, 1, 2, 3].flatMap((y) => [0, 1, 2, 3].map((x) => shrunk(0, x, y))).reduce((a, b) => a + b) / 16, 3);
    composition.warp(0, true);
    expect(seen[9 * area]).toBe(1);
    expect(seen[6 * area]! + 0.5).toBeCloseTo(shrunk(0, 0, 0), 3);
  });

  it('goes on from its own frame, and from that of another of its size', () => {
    const size = 2 * networkSize;
    const picture = noise(size * size * 3);
    const [first, next] = [make({ portraits: [picture] }), make()];
    show(first, 'portrait');
    first.warp(0, false);
    first.mix(0);
    next.goOnFrom(first);
    expect(next.tensors.small_previous).toEqual(first.tensors.small_previous);
    for (const composition of [first, next]) {
      show(composition, 'previous');
      for (let frame = 0; frame < 20; frame++) {
        composition.warp(0, true);
        composition.mix(0);
      }
      expect(worst(composition, picture), 'twenty times over nothing is lost').toBeLessThanOrEqual(exact);
    }
  });

  it('keeps a share of the frame before, for a cross-fade', () => {
    const size = 2 * networkSize;
    const composition = make({ portraits: [flat(size, 200)], plate: flat(size, 100) });
    show(composition, 'plate');
    composition.warp(0, false);
    composition.mix(0);
    show(composition, 'portrait');
    composition.mix(0.75);
    expect(worst(composition, flat(size, 125))).toBeLessThanOrEqual(exact);
  });

  it('mixes by the shares that the logits say, which add up to one', () => {
    const size = 2 * networkSize;
    const composition = make({ portraits: [flat(size, 240)], plate: flat(size, 40) });
    composition.tensors.picture.fill(1);
    const plane = composition.tensors.logits.length / 4;
    [0, Math.log(2), -SURE, Math.log(3)].forEach((value, i) => composition.tensors.logits.fill(value, i * plane, (i + 1) * plane));
    composition.warp(0, false);
    composition.mix(0);
    expect(worst(composition, flat(size, (240 + 2 * 40 + 3 * 255) / 6))).toBeLessThanOrEqual(exact);
  });

  it('shows nothing of the portrait between open lips but the mouth that a portrait lends', () => {
    const size = 2 * networkSize;
    const [shut, open] = [flat(size, 50), flat(size, 220)];
    const lips = mouth(0.5, 0.3);
    const middle = (size / 2) * size + size / 2;
    const level = (knots: Float32Array): number => {
      const composition = make({ portraits: [shut, open], knots, lender: 1 });
      composition.tensors.mouth.set(lips);
      show(composition, 'portrait');
      composition.warp(0, false);
      composition.mix(0);
      const { opening, shown } = composition.tensors;
      const cell = (networkSize / 4) * (networkSize / 2) + networkSize / 4;
      expect(opening[cell]).toBeCloseTo(1, 3);
      expect(shown[cell]).toBeCloseTo(knots === lips ? 1 : 0, 3);
      expect(composition.i420[0], 'elsewhere it is as it was').toBeCloseTo(luma(shut, 0), -0.5);
      return composition.i420[middle]!;
    };
    expect(level(lips)).toBeCloseTo(luma(open, 0), -0.5);
    expect(level(mouth(0, 0))).toBe(16);
  });

  it('turns an eye ball inside of the lids only', () => {
    const size = 2 * networkSize;
    const stripes = Uint8Array.from({ length: size * size * 3 }, (_, i) => (Math.floor((Math.floor(i / 3) % size) / 4) % 2 ? 220 : 30));
    const composition = make({ portraits: [stripes] });
    const lids = mouth(0.6, 0.4).filter((_, i) => Math.floor(i / 2) % 11 < 9);
    composition.tensors.eyes.set(lids);
    composition.tensors.turns.set([8 / size, 0, 0, 1]); // four pixels to the left, a ball as wide as the eye
    show(composition, 'portrait');
    composition.warp(0, false);
    composition.mix(0);
    const [row, column] = [size / 2, size / 2];
    expect(composition.i420[row * size + column]).toBeCloseTo(luma(stripes, row * size + column + 4), -0.5);
    expect(composition.i420[8 * size + column]).toBeCloseTo(luma(stripes, 8 * size + column), -0.5);
  });

  it('refuses sizes and pictures that do not belong together', () => {
    const picture = noise(128 * 128 * 3);
    const good = { size: 128, networkSize, portraits: picture, plate: picture, knots: mouth(0, 0), lender: 0 };
    for (const bad of [
      { size: 100 },
      { networkSize: 40 },
      { networkSize: 32, size: 128 },
      { portraits: picture.subarray(3) },
      { plate: picture.subarray(3) },
      { lender: 1 },
      { lender: -1 },
    ])
      expect(() => Composition.create({ ...good, ...bad }), JSON.stringify(Object.keys(bad))).toThrow(RangeError);
    expect(() => Composition.create(good)).not.toThrow();
  });

  it('holds out against numbers that are none', () => {
    const composition = make();
    for (const tensor of Object.values(composition.tensors)) tensor.fill(NaN);
    composition.warp(0, true);
    composition.mix(0);
    expect(composition.i420).toHaveLength(128 * 128 * 1.5);
  });
});

describe('the compiled kernel', () => {
  it('is what its source compiles to: npm run build:kernel', async () => {
    const { compileKernel } = (await import(new URL('../../models/kernel/build.mjs', import.meta.url).href)) as {
      compileKernel(): Promise<Uint8Array>;
    };
    const committed = await readFile(new URL('../../server/synthesis/compose/kernel.wasm', import.meta.url));
    expect(Buffer.compare(committed, Buffer.from(await compileKernel()))).toBe(0);
  });
});
