/** The first pass over a picture: portrait and frame before are sampled along the flows, and shrunk to what the network sees. */
import { outlineEyes, turnEyes } from './eyes';
import { enlargedRow } from './fields';
import * as m from './memory';
import { openMouth, outlineMouth } from './mouth';
import { locate, sampleBytes, sampleWords } from './sampling';

/** `index`: which portrait; `known`: whether there is a frame before. */
export function warpPictures(index: i32, known: bool): void {
  outlineEyes();
  outlineMouth();
  const pixels = m.size * m.size;
  const portrait = m.portrait + <usize>(index * pixels * 4);
  for (let y = 0; y < m.size; y++) {
    const row = <usize>(y * m.size * 8);
    follow(m.flow, y);
    turnEyes(y);
    locate(4);
    sampleBytes(portrait, m.warped + row);
    openMouth(y);
    if (known) {
      follow(m.flowPrevious, y);
      locate(8);
      sampleWords(m.frame, m.carried + row);
    }
    if ((y + 1) % m.scale == 0) {
      const line = y / m.scale;
      see(m.warped, line, 0);
      if (known) see(m.carried, line, 6);
    }
  }
  tellPrevious(known);
}

/** The row's places along a flow, in pixels. */
function follow(flow: usize, y: i32): void {
  const half = <f32>m.size * 0.5;
  const field = <usize>(m.flows * m.flows * 4);
  enlargedRow(flow, m.flows, 4 * m.scale, y, half, m.flowRow, m.placesX);
  enlargedRow(flow + field, m.flows, 4 * m.scale, y, half, m.flowRow, m.placesY);
  let column = f32x4(0, 1, 2, 3);
  const line = f32x4.splat(<f32>y);
  const placesX = m.placesX;
  const placesY = m.placesY;
  for (let i: usize = 0, n = <usize>m.size * 4; i < n; i += 16) {
    v128.store(placesX + i, f32x4.add(v128.load(placesX + i), column));
    v128.store(placesY + i, f32x4.add(v128.load(placesY + i), line));
    column = f32x4.add(column, f32x4.splat(4));
  }
}

/** Three planes of `seen` from `plane` on: row `line` of a picture of 16 bits at the network's size, less a half. */
function see(source: usize, line: i32, plane: i32): void {
  const step = <usize>m.scale * 8;
  const stride = <usize>m.size * 8;
  const area = <usize>(m.network * m.network * 4);
  const factor = f32x4.splat(<f32>1 / <f32>(m.ONE * m.scale * m.scale));
  let from = source + <usize>(line * m.scale) * stride;
  let to = m.seen + <usize>plane * area + <usize>(line * m.network * 4);
  for (let x = 0; x < m.network; x += 4) {
    const a = f32x4.mul(sum(from, stride), factor);
    const b = f32x4.mul(sum(from + step, stride), factor);
    const c = f32x4.mul(sum(from + 2 * step, stride), factor);
    const d = f32x4.mul(sum(from + 3 * step, stride), factor);
    const ab = i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const cd = i8x16.shuffle(c, d, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    const blue = i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    const blueToo = i8x16.shuffle(c, d, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    const half = f32x4.splat(0.5);
    v128.store(to, f32x4.sub(i64x2.replace_lane(ab, 1, i64x2.extract_lane(cd, 0)), half));
    v128.store(to + area, f32x4.sub(i64x2.replace_lane(cd, 0, i64x2.extract_lane(ab, 1)), half));
    v128.store(to + 2 * area, f32x4.sub(i64x2.replace_lane(blue, 1, i64x2.extract_lane(blueToo, 0)), half));
    from += 4 * step;
    to += 16;
  }
}

/** Of scale x scale pixels of 16 bits, as floats. */
// @ts-ignore: decorator
@inline
function sum(from: usize, stride: usize): v128 {
  let total = i32x4.splat(0);
  for (let row = 0; row < m.scale; row++) {
    for (let column = 0; column < m.scale; column++) total = i32x4.add(total, v128.load16x4_s(from + <usize>row * stride + <usize>column * 8));
  }
  return f32x4.convert_i32x4_s(total);
}

let told: i32 = -1;

/** Whether there was a frame before; where there was none, nothing is seen of it. */
function tellPrevious(known: bool): void {
  if (told == <i32>known) return;
  told = <i32>known;
  const area = <usize>(m.network * m.network);
  const value = f32x4.splat(known ? 1 : 0);
  for (let i: usize = 0; i < area * 4; i += 16) v128.store(m.seen + 9 * area * 4 + i, value);
  if (!known) memory.fill(m.seen + 6 * area * 4, 0, 3 * area * 4);
}
