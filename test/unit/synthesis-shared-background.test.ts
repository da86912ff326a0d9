import { describe, expect, it } from 'vitest';
import { shareBackground } from '../../server/synthesis/enrol/shared-background.ts';
import type { PreparedPortrait } from '../../server/portraits/crop.ts';
import { drawnPortrait } from '../support/synthetic-face.ts';

const size = 128;
const base = drawnPortrait(size);
const bare = drawnPortrait(size, { matte: false, turn: 0.3 });

/** The same person turned, in front of a wall that is lighter by 70. */
function elsewhere(): PreparedPortrait {
  const portrait = drawnPortrait(size, { turn: 0.3, seed: 11 });
  return {
    ...portrait,
    image: { ...portrait.image, data: portrait.image.data.map((v, i) => (portrait.matte![Math.floor(i / 3)] ? v : Math.min(255, v + 70))) },
  };
}

/** Largest mean difference of a channel over a square of pixels. */
function apart(a: PreparedPortrait, b: PreparedPortrait, [left, top]: [number, number], side = 12): number {
  const sums = [0, 0, 0];
  for (let y = top; y < top + side; y++)
    for (let x = left; x < left + side; x++)
      for (const c of [0, 1, 2]) sums[c]! += a.image.data[(y * size + x) * 3 + c]! - b.image.data[(y * size + x) * 3 + c]!;
  return Math.max(...sums.map(Math.abs)) / side ** 2;
}

describe('a shared background', () => {
  const other = elsewhere();
  const [first, second] = shareBackground([base, other], 0) as [PreparedPortrait, PreparedPortrait];

  it('is that of the base portrait, which stays as it is', () => {
    expect(first).toBe(base);
    expect(apart(other, base, [2, 2])).toBeGreaterThan(60);
    for (const corner of [
      [2, 2],
      [114, 2],
      [2, 50],
      [114, 50],
    ] as [number, number][])
      expect(apart(second, base, corner)).toBeLessThan(4);
  });

  it('leaves the person alone', () => {
    const nose: [number, number] = [Math.round(other.points[12]!) - 6, Math.round(other.points[13]!) - 6];
    expect(apart(second, other, nose)).toBeLessThan(2);
    expect(second.points).toBe(other.points);
  });

  it('is not made where a matte is missing, nor for a single portrait', () => {
    expect(shareBackground([base, bare], 0)).toEqual([base, bare]);
    expect(shareBackground([bare, base], 0)).toEqual([bare, base]);
    expect(shareBackground([base], 0)[0]).toBe(base);
  });
});
