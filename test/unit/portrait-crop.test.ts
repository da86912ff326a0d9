import { describe, expect, it } from 'vitest';
import { cropSquare, headSquare, pointsInCrop, wholeSquare } from '../../server/portraits/crop.ts';
import { canonicalFace } from '../../server/landmarker/canonical-face.ts';
import type { RgbImage } from '../../server/landmarker/types.ts';

const picture = (width: number, height: number, paint: (x: number, y: number) => number[]): RgbImage => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => paint(Math.floor(i / 3) % width, Math.floor(i / 3 / width))[i % 3]!),
});
/** The canonical face in pixels, 100 wide. */
const faceAt = (x: number, y: number): Float32Array => canonicalFace.map((value, i) => value * 100 + [x, y, 0][i % 3]!);

describe('headSquare', () => {
  it('holds the whole face with room for hair and shoulders', () => {
    const square = headSquare(faceAt(300, 300), { width: 600, height: 600 });
    expect(square.size / 100).toBeGreaterThan(2.2);
    expect(square.size / 100).toBeLessThan(2.7);
    const xs = faceAt(300, 300).filter((_, i) => i % 3 === 0);
    const ys = faceAt(300, 300).filter((_, i) => i % 3 === 1);
    const [above, below] = [Math.min(...ys) - square.y, square.y + square.size - Math.max(...ys)];
    expect(above).toBeGreaterThan(0.18 * square.size);
    expect(below).toBeGreaterThan(0.18 * square.size);
    expect(Math.min(...xs) - square.x).toBeCloseTo(square.x + square.size - Math.max(...xs), -1);
  });

  it('shrinks and shifts a little rather than leave the picture', () => {
    const free = headSquare(faceAt(300, 300), { width: 600, height: 600 });
    const tight = headSquare(faceAt(110, 120), { width: 215, height: 600 });
    expect(tight.size).toBeLessThan(free.size);
    expect(tight.size).toBeGreaterThanOrEqual(0.81 * free.size);
    const aside = headSquare(faceAt(112, 300), { width: 600, height: 600 });
    expect(aside.x).toBe(0);
    const far = headSquare(faceAt(40, 300), { width: 600, height: 600 });
    expect(far.x).toBeLessThan(0); // the face stays where it belongs: the rest is made up
  });
});

describe('cropSquare', () => {
  const image = picture(200, 100, (x, y) => [x, y, 77]);

  it('resizes a part without shift', async () => {
    const { data, width, height } = await cropSquare(image, { x: 60, y: 20, size: 64 }, 32);
    expect([width, height, data.length]).toEqual([32, 32, 32 * 32 * 3]);
    const middle = (16 * 32 + 16) * 3; // covers x 92..93, y 52..53
    expect([...data.subarray(middle, middle + 3)]).toEqual(
      [92.5, 52.5, 77].map((value) => expect.toSatisfy((actual: number) => Math.abs(actual - value) <= 1)),
    );
  });

  it('fills what lies outside with the border, not with black', async () => {
    const { data } = await cropSquare(image, { x: -50, y: -50, size: 200 }, 100);
    const at = (x: number, y: number) => [...data.subarray((y * 100 + x) * 3, (y * 100 + x) * 3 + 3)];
    expect(at(2, 50)[2]).toBe(77);
    expect(at(2, 50)[0]).toBeLessThan(8); // the left border's value
    expect(at(97, 97)[1]).toBeGreaterThan(90); // the lower border's value
    expect(at(60, 50)).toEqual([71, 51, 77].map((value) => expect.toSatisfy((actual: number) => Math.abs(actual - value) <= 2)));
  });

  it('gives points in pixels of the crop, depth in the same unit', () => {
    const face = {
      points: Float32Array.from({ length: 478 * 3 }, (_, i) => [0.5, 0.25, 0.1][i % 3]!),
      confidence: 1,
      box: [0, 0, 1, 1] as [number, number, number, number],
    };
    const points = pointsInCrop(face, 200, { x: 60, y: 20, size: 64 }, 32);
    expect([...points.subarray(0, 3)]).toEqual([20, 15, 10].map((value) => expect.closeTo(value, 4)));
  });

  it('takes the largest centred square of a picture that is framed already', () => {
    expect(wholeSquare(image)).toEqual({ x: 50, y: 0, size: 100 });
    expect(wholeSquare({ width: 256, height: 256, data: new Uint8Array() })).toEqual({ x: 0, y: 0, size: 256 });
  });

  it('returns a square picture of the right size as it is', async () => {
    const square = picture(64, 64, (x, y) => [x, y, (x * y) % 256]);
    const { data } = await cropSquare(square, { x: 0, y: 0, size: 64 }, 64);
    expect(Buffer.from(data).equals(Buffer.from(square.data))).toBe(true);
  });
});
