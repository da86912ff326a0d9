/** The second pass: four pictures are mixed by the masks into the frame, which is stored for the next one and as I420. */
import { enlargedRow } from './fields';
import * as m from './memory';
import { prepareSynthesised, synthesisedRow } from './synthesised';
import { whole } from './sampling';
import { storeChroma, storeLuma } from './i420';
import { shrinkFrame } from './shrink';

const MOST: f32 = 20;

/** `keep`: share of the frame before that stays as it is. */
export function mixPictures(keep: f32): void {
  prepareSynthesised();
  const factor = 2 * m.scale;
  const plane = <usize>(m.masks * m.masks * 4);
  const wide = <usize>(m.size * 4 + 2 * m.ROOM);
  for (let y = 0; y < m.size; y++) {
    for (let i = 0; i < 4; i++) enlargedRow(m.logits + <usize>i * plane, m.masks, factor, y, 1, m.logitRow, m.logitsWide + <usize>i * wide);
    synthesisedRow(y);
    const row = <usize>(y * m.size);
    mixRow(row, wide, keep);
    storeLuma(row);
    if (y % 2 == 1) storeChroma(y / 2);
  }
  shrinkFrame();
}

/** e^x for -87 < x < 88, to four digits. */
// @ts-ignore: decorator
@inline
function exp(x: v128): v128 {
  const scaled = f32x4.mul(x, f32x4.splat(1.4426950408889634));
  const shifted = f32x4.add(scaled, f32x4.splat(12582912));
  const f = f32x4.sub(scaled, f32x4.sub(shifted, f32x4.splat(12582912))); // -0.5..0.5
  let p = f32x4.add(f32x4.mul(f, f32x4.splat(0.0096181291)), f32x4.splat(0.0555041087));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(0.2402265070));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(0.6931471806));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(1));
  return i32x4.add(p, i32x4.shl(shifted, 23)); // the whole part goes to the exponent
}

// @ts-ignore: decorator
@inline
function weight(at: usize): v128 {
  return exp(f32x4.pmin(f32x4.pmax(f32x4.splat(-MOST), v128.load(at)), f32x4.splat(MOST))); // what is no number has no weight
}

// @ts-ignore: decorator
@inline
function lows(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
}

// @ts-ignore: decorator
@inline
function highs(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
}

/** [w x y z] → w in all lanes, and so on: pairs of 16-bit weights of one pixel. */
// @ts-ignore: decorator
@inline
function only(pairs: v128, lane: i32): v128 {
  if (lane == 0) return i8x16.shuffle(pairs, pairs, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
  if (lane == 1) return i8x16.shuffle(pairs, pairs, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
  if (lane == 2) return i8x16.shuffle(pairs, pairs, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11);
  return i8x16.shuffle(pairs, pairs, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15);
}

/** Two pixels of the four pictures. */
// @ts-ignore: decorator
@inline
function mixed(portrait: usize, plate: usize, previous: usize, made: usize, first: v128, second: v128, lane: i32): v128 {
  const a = v128.load(portrait);
  const b = i16x8.shl(v128.load8x8_u(plate), 7);
  const c = v128.load(previous);
  const d = v128.load(made);
  const round = i32x4.splat(8192);
  const low = i32x4.add(i32x4.dot_i16x8_s(lows(a, b), only(first, lane)), i32x4.dot_i16x8_s(lows(c, d), only(second, lane)));
  const high = i32x4.add(i32x4.dot_i16x8_s(highs(a, b), only(first, lane + 1)), i32x4.dot_i16x8_s(highs(c, d), only(second, lane + 1)));
  return i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.add(low, round), 14), i32x4.shr_s(i32x4.add(high, round), 14));
}

/** Two pixels of which some stays as it was in the frame before. `shares`: 14 bits of weight of the new ones and of those. */
// @ts-ignore: decorator
@inline
function faded(made: v128, before: v128, shares: v128): v128 {
  const round = i32x4.splat(8192);
  const a = i32x4.dot_i16x8_s(lows(made, before), shares);
  const b = i32x4.dot_i16x8_s(highs(made, before), shares);
  return i16x8.narrow_i32x4_s(i32x4.shr_s(i32x4.add(a, round), 14), i32x4.shr_s(i32x4.add(b, round), 14));
}

function mixRow(row: usize, wide: usize, keep: f32): void {
  const kept = <i32>nearest<f32>(keep * 16384);
  const shares = i32x4.splat((16384 - kept) | (kept << 16));
  const one = f32x4.splat(16384);
  const none = i16x8.splat(0);
  let logits = m.logitsWide;
  let portrait = m.warped + row * 8;
  let plate = m.plate + row * 4;
  let previous = m.carried + row * 8;
  let made = m.synthesised;
  let frame = m.frame + row * 8;
  for (let x = 0, n = m.size; x < n; x += 4) {
    const e0 = weight(logits);
    const e1 = weight(logits + wide);
    const e2 = weight(logits + 2 * wide);
    const e3 = weight(logits + 3 * wide);
    const unit = f32x4.div(one, f32x4.add(f32x4.add(e0, e1), f32x4.add(e2, e3)));
    const ofPlate = whole(f32x4.mul(e1, unit));
    const ofPrevious = whole(f32x4.mul(e2, unit));
    const ofMade = whole(f32x4.mul(e3, unit));
    // The portrait gets what is left, so that the shares add up to one.
    const left = i32x4.sub(i32x4.splat(16384), i32x4.add(ofPlate, i32x4.add(ofPrevious, ofMade)));
    const first = v128.or(v128.and(left, i32x4.splat(0xffff)), i32x4.shl(ofPlate, 16));
    const second = v128.or(ofPrevious, i32x4.shl(ofMade, 16));
    let a = mixed(portrait, plate, previous, made, first, second, 0);
    let b = mixed(portrait + 16, plate + 8, previous + 16, made + 16, first, second, 2);
    if (kept > 0) {
      a = faded(a, v128.load(frame), shares);
      b = faded(b, v128.load(frame, 16), shares);
    }
    v128.store(frame, i16x8.max_s(none, a));
    v128.store(frame, i16x8.max_s(none, b), 16);
    logits += 16;
    portrait += 32;
    plate += 16;
    previous += 32;
    made += 32;
    frame += 32;
  }
}
