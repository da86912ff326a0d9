/** Red, green and blue to planes of BT.601, limited range; chroma averaged over 2 x 2. */
import * as m from './memory';

/** Bits of a coefficient below one step of a byte. */
const BITS: i32 = 22;
/** ONE of a colour is so many steps of luma or chroma (ITU-R BT.601); as coefficients on a picture of 16 bits. */
const STEP: f64 = 4194304.0 / 32640.0; // 2^BITS / ONE
const LUMA = i16x8(<i16>(65.481 * STEP), <i16>(128.553 * STEP), <i16>(24.966 * STEP), 0, <i16>(65.481 * STEP), <i16>(128.553 * STEP), <i16>(24.966 * STEP), 0);
const BLUE = i16x8(<i16>(-37.797 * STEP), <i16>(-74.203 * STEP), <i16>(112.0 * STEP), 0, <i16>(-37.797 * STEP), <i16>(-74.203 * STEP), <i16>(112.0 * STEP), 0);
const RED = i16x8(<i16>(112.0 * STEP), <i16>(-93.786 * STEP), <i16>(-18.214 * STEP), 0, <i16>(112.0 * STEP), <i16>(-93.786 * STEP), <i16>(-18.214 * STEP), 0);

/** [a b c d], [e f g h] → [a+b c+d e+f g+h]. */
// @ts-ignore: decorator
@inline
function pairs(a: v128, b: v128): v128 {
  const even = i8x16.shuffle(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
  const odd = i8x16.shuffle(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  return i32x4.add(even, odd);
}

/** The lowest bytes of four 32-bit values. */
// @ts-ignore: decorator
@inline
function storeBytes(at: usize, values: v128): void {
  v128.store32_lane(at, i8x16.shuffle(values, values, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12), 0);
}

/** The row of the frame whose first pixel has this number. */
export function storeLuma(row: usize): void {
  const offset = i32x4.splat(<i32>(16.5 * 4194304.0));
  let from = m.frame + row * 8;
  const to = m.i420 + row;
  for (let x: usize = 0, n = <usize>m.size; x < n; x += 4, from += 32) {
    const y = pairs(i32x4.dot_i16x8_s(v128.load(from), LUMA), i32x4.dot_i16x8_s(v128.load(from, 16), LUMA));
    storeBytes(to + x, i32x4.shr_s(i32x4.add(y, offset), BITS));
  }
}

/** Two rows of the frame, the `line`-th pair of them. */
export function storeChroma(line: i32): void {
  const width = <usize>m.size;
  const pixels = width * width;
  const from = m.frame + <usize>(2 * line) * width * 8;
  const blue = m.i420 + pixels + <usize>line * (width >> 1);
  const red = blue + (pixels >> 2);
  for (let x: usize = 0; x < width; x += 8) {
    const at = from + x * 8;
    const a = mean(at, width);
    const b = mean(at + 16, width);
    const c = mean(at + 32, width);
    const d = mean(at + 48, width);
    storeBytes(blue + (x >> 1), chroma(a, b, c, d, BLUE));
    storeBytes(red + (x >> 1), chroma(a, b, c, d, RED));
  }
}

/** Of two pixels and those below them. */
// @ts-ignore: decorator
@inline
function mean(at: usize, width: usize): v128 {
  return i16x8.avgr_u(v128.load(at), v128.load(at + width * 8));
}

/** Of four pairs of pixels. */
// @ts-ignore: decorator
@inline
function chroma(a: v128, b: v128, c: v128, d: v128, coefficients: v128): v128 {
  const ab = pairs(i32x4.dot_i16x8_s(a, coefficients), i32x4.dot_i16x8_s(b, coefficients));
  const cd = pairs(i32x4.dot_i16x8_s(c, coefficients), i32x4.dot_i16x8_s(d, coefficients));
  const twice = pairs(ab, cd);
  return i32x4.shr_s(i32x4.add(twice, i32x4.splat(<i32>(2 * 128.5 * 4194304.0))), BITS + 1);
}
