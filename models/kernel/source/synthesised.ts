/** What the network synthesises, enlarged to the output's size by cubic convolution (a = -0.75, as PyTorch's `bicubic`). */
import * as m from './memory';
import { whole } from './sampling';

/** Half of ONE: between the two passes values may lie beyond a picture's. */
const HALF: f32 = 16320;

/** Red, green and blue from planes of floats into pixels of 16 bits. */
export function prepareSynthesised(): void {
  const pixels = <usize>(m.network * m.network);
  const plane = pixels * 4;
  const gain = f32x4.splat(HALF);
  for (let i: usize = 0; i < pixels; i += 4) {
    const at = m.picture + i * 4;
    const red = whole(f32x4.mul(v128.load(at), gain));
    const green = whole(f32x4.mul(v128.load(at + plane), gain));
    const blue = whole(f32x4.mul(v128.load(at + 2 * plane), gain));
    const redGreen = v128.or(v128.and(red, i32x4.splat(0xffff)), i32x4.shl(green, 16));
    const to = m.picture16 + i * 8;
    v128.store(to, i8x16.shuffle(redGreen, blue, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23));
    v128.store(to + 16, i8x16.shuffle(redGreen, blue, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31));
  }
}

function near(x: f32): f32 {
  return (<f32>1.25 * x - 2.25) * x * x + 1;
}

function far(x: f32): f32 {
  return ((<f32>-0.75 * x + 3.75) * x - 6) * x + 3;
}

function bits(weight: f32): i32 {
  return <i32>nearest<f32>(weight * 16384);
}

/** Weights of 14 bits of the four values around a place `t` beyond the second: the first two, and the others. */
function firstPair(t: f32): i32 {
  return (bits(far(1 + t)) & 0xffff) | (bits(near(t)) << 16);
}

function secondPair(t: f32): i32 {
  return (bits(near(1 - t)) & 0xffff) | (bits(far(2 - t)) << 16);
}

/** Which value lies before the `phase`-th of `scale` output pixels of one of the network's, and how far beyond it that pixel lies. */
function before(phase: i32): i32 {
  return 2 * phase + 1 < m.scale ? -1 : 0;
}

function beyond(phase: i32): f32 {
  return (<f32>phase + 0.5) / <f32>m.scale - 0.5 - <f32>before(phase);
}

/** Row `y` of the output's size. */
export function synthesisedRow(y: i32): void {
  if (m.scale == 1) return double(m.picture16 + <usize>(y * m.network * 8));
  mixRows(y);
  const row = m.pictureRow + 16; // two pixels lie before it
  for (let phase = 0; phase < m.scale; phase++) {
    const t = beyond(phase);
    const first = i32x4.splat(firstPair(t));
    const second = i32x4.splat(secondPair(t));
    let from = row + (before(phase) - 1) * 8;
    let to = m.synthesised + <usize>phase * 8;
    const step = <usize>m.scale * 8;
    for (let x = 0, n = m.network; x < n; x++) {
      const a = i32x4.dot_i16x8_s(paired(v128.load(from)), first);
      const b = i32x4.dot_i16x8_s(paired(v128.load(from, 16)), second);
      const value = i32x4.shr_s(i32x4.add(i32x4.add(a, b), i32x4.splat(4096)), 13);
      v128.store64_lane(to, clamped(i16x8.narrow_i32x4_s(value, value)), 0);
      from += 8;
      to += step;
    }
  }
}

// @ts-ignore: decorator
@inline
function paired(two: v128): v128 {
  return i8x16.shuffle(two, two, 0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
}

// @ts-ignore: decorator
@inline
function clamped(value: v128): v128 {
  return i16x8.max_s(i16x8.splat(0), i16x8.min_s(i16x8.splat(<i16>m.ONE), value));
}

function double(from: usize): void {
  for (let i: usize = 0, n = <usize>m.size * 8; i < n; i += 16) v128.store(m.synthesised + i, clamped(i16x8.shl(v128.load(from + i), 1)));
}

/** Four of the network's rows into the one at the output's row `y`; its ends are repeated twice. */
function mixRows(y: i32): void {
  const phase = y % m.scale;
  const base = y / m.scale + before(phase);
  const t = beyond(phase);
  const first = i32x4.splat(firstPair(t));
  const second = i32x4.splat(secondPair(t));
  const a = line(base - 1);
  const b = line(base);
  const c = line(base + 1);
  const d = line(base + 2);
  const row = m.pictureRow + 16;
  const bytes = <usize>m.network * 8;
  for (let i: usize = 0; i < bytes; i += 16) {
    const low = upright(v128.load(a + i), v128.load(b + i), v128.load(c + i), v128.load(d + i), first, second);
    v128.store(row + i, low);
  }
  for (let i = 0; i < 2; i++) {
    store<u64>(m.pictureRow + <usize>i * 8, load<u64>(row));
    store<u64>(row + bytes + <usize>i * 8, load<u64>(row + bytes - 8));
  }
}

function line(row: i32): usize {
  return m.picture16 + <usize>(max(0, min(m.network - 1, row)) * m.network * 8);
}

// @ts-ignore: decorator
@inline
function upright(a: v128, b: v128, c: v128, d: v128, first: v128, second: v128): v128 {
  const abLow = i8x16.shuffle(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
  const abHigh = i8x16.shuffle(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
  const cdLow = i8x16.shuffle(c, d, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
  const cdHigh = i8x16.shuffle(c, d, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
  const round = i32x4.splat(8192);
  const low = i32x4.add(i32x4.add(i32x4.dot_i16x8_s(abLow, first), i32x4.dot_i16x8_s(cdLow, second)), round);
  const high = i32x4.add(i32x4.add(i32x4.dot_i16x8_s(abHigh, first), i32x4.dot_i16x8_s(cdHigh, second)), round);
  return i16x8.narrow_i32x4_s(i32x4.shr_s(low, 14), i32x4.shr_s(high, 14));
}
