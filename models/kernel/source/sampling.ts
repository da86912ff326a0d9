/** Pictures at places between their pixels, in whole numbers: 14 bits of weight, 15 of value. */
import * as m from './memory';

const MAGIC: f32 = 12582912; // 1.5 · 2^23: added, it leaves a float's nearest whole number in its last bits

// @ts-ignore: decorator
@inline
export function whole(x: v128): v128 {
  return i32x4.sub(f32x4.add(x, f32x4.splat(MAGIC)), i32x4.splat(0x4b400000));
}

/** Two weights of 14 bits that add up to one: the second is `share` (0..1). */
// @ts-ignore: decorator
@inline
export function weightPair(share: v128): v128 {
  const second = whole(f32x4.mul(share, f32x4.splat(16384)));
  return v128.or(i32x4.sub(i32x4.splat(16384), second), i32x4.shl(second, 16));
}

/** Red, green and blue of two neighbours side by side: [a b] → [a0 b0 a1 b1 …]. */
// @ts-ignore: decorator
@inline
export function interleaved(pair: v128): v128 {
  return i8x16.shuffle(pair, pair, 0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
}

/** The sampled pixel from its upper and lower pair, as four 32-bit values. */
// @ts-ignore: decorator
@inline
function between(top: v128, bottom: v128, across: v128, down: v128, shift: i32): v128 {
  const a = i32x4.shr_s(i32x4.dot_i16x8_s(interleaved(top), across), shift);
  const b = i32x4.shr_s(i32x4.dot_i16x8_s(interleaved(bottom), across), shift);
  const both = interleaved(i16x8.narrow_i32x4_s(a, b));
  return i32x4.shr_s(i32x4.add(i32x4.dot_i16x8_s(both, down), i32x4.splat(8192)), 14);
}

// @ts-ignore: decorator
@inline
function ofBytes(at: usize, stride: usize, across: v128, down: v128): v128 {
  return between(v128.load8x8_u(at), v128.load8x8_u(at + stride), across, down, 7);
}

// @ts-ignore: decorator
@inline
function ofWords(at: usize, stride: usize, across: v128, down: v128): v128 {
  return between(v128.load(at), v128.load(at + stride), across, down, 14);
}

/**
 * Turns `placesX` and `placesY` (pixels) into addresses and weights. Places are kept inside, and what is no number is the first pixel; a place
 * on the last pixel takes the one before it with no weight.
 */
export function locate(bytesPerPixel: i32): void {
  const last = f32x4.splat(<f32>(m.size - 1));
  const none = f32x4.splat(0);
  const half = f32x4.splat(0.5);
  const across = i32x4.splat(bytesPerPixel);
  const down = i32x4.splat(bytesPerPixel * m.size);
  // Globals are read once: in a loop each of them would be a load of its own.
  const placesX = m.placesX;
  const placesY = m.placesY;
  const addresses = m.addresses;
  const weightsX = m.weightsX;
  const weightsY = m.weightsY;
  for (let i: usize = 0, n = <usize>m.size * 4; i < n; i += 16) {
    const x = f32x4.pmin(f32x4.pmax(none, v128.load(placesX + i)), last);
    const y = f32x4.pmin(f32x4.pmax(none, v128.load(placesY + i)), last);
    const column = whole(f32x4.sub(x, half));
    const row = whole(f32x4.sub(y, half));
    v128.store(addresses + i, i32x4.add(i32x4.mul(column, across), i32x4.mul(row, down)));
    v128.store(weightsX + i, weightPair(f32x4.sub(x, f32x4.convert_i32x4_s(column))));
    v128.store(weightsY + i, weightPair(f32x4.sub(y, f32x4.convert_i32x4_s(row))));
  }
}

/** A row of pixels of 16 bits from a picture of bytes, after `locate(4)`. */
export function sampleBytes(source: usize, to: usize): void {
  const stride = <usize>m.size * 4;
  const addresses = m.addresses;
  const weightsX = m.weightsX;
  const weightsY = m.weightsY;
  for (let i: usize = 0, n = <usize>m.size * 4; i < n; i += 8) {
    const a = ofBytes(source + load<u32>(addresses + i), stride, v128.load32_splat(weightsX + i), v128.load32_splat(weightsY + i));
    const b = ofBytes(source + load<u32>(addresses + i, 4), stride, v128.load32_splat(weightsX + i, 4), v128.load32_splat(weightsY + i, 4));
    v128.store(to + 2 * i, i16x8.narrow_i32x4_s(a, b));
  }
}

/** The same from a picture of 16 bits, after `locate(8)`. */
export function sampleWords(source: usize, to: usize): void {
  const stride = <usize>m.size * 8;
  const addresses = m.addresses;
  const weightsX = m.weightsX;
  const weightsY = m.weightsY;
  for (let i: usize = 0, n = <usize>m.size * 4; i < n; i += 8) {
    const a = ofWords(source + load<u32>(addresses + i), stride, v128.load32_splat(weightsX + i), v128.load32_splat(weightsY + i));
    const b = ofWords(source + load<u32>(addresses + i, 4), stride, v128.load32_splat(weightsX + i, 4), v128.load32_splat(weightsY + i, 4));
    v128.store(to + 2 * i, i16x8.narrow_i32x4_s(a, b));
  }
}

/** Within 0 and `most`; what is no number is 0. */
// @ts-ignore: decorator
@inline
export function within(x: f32, most: f32): f32 {
  return x > 0 ? (x < most ? x : most) : 0;
}

/** One pixel of a box of 16-bit pixels at `x`, `y` (pixels of the box, kept inside): four 32-bit values. */
export function sampleBox(source: usize, width: i32, height: i32, x: f32, y: f32): v128 {
  const inX = within(x, <f32>(width - 1));
  const inY = within(y, <f32>(height - 1));
  const column = min<i32>(<i32>inX, width - 2);
  const row = min<i32>(<i32>inY, height - 2);
  const across = weightPair(f32x4.splat(inX - <f32>column));
  const down = weightPair(f32x4.splat(inY - <f32>row));
  return ofWords(source + <usize>((row * width + column) * 8), <usize>(width * 8), across, down);
}
