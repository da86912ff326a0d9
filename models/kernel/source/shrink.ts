/** Pictures at the size of the flows, as planes of floats 0..1, each value the mean of what it covers. */
import * as m from './memory';

/** The frame, for the next one: `smallPrevious`. */
export function shrinkFrame(): void {
  const side = 4 * m.scale;
  const stride = <usize>m.size * 8;
  const plane = <usize>(m.flows * m.flows * 4);
  const area = m.ONE * side * side;
  const factor = f32x4.splat(<f32>1 / <f32>area);
  for (let y = 0; y < m.flows; y++) {
    for (let x = 0; x < m.flows; x++) {
      const from = m.frame + <usize>(y * side) * stride + <usize>(x * side * 8);
      let even = i32x4.splat(0);
      let odd = i32x4.splat(0);
      for (let row = 0; row < side; row++) {
        for (let i = 0; i < side * 8; i += 16) {
          const two = v128.load(from + <usize>row * stride + i);
          even = i32x4.add(even, i32x4.extend_low_i16x8_s(two));
          odd = i32x4.add(odd, i32x4.extend_high_i16x8_s(two));
        }
      }
      tell(m.smallPrevious + <usize>((y * m.flows + x) * 4), plane, f32x4.mul(f32x4.convert_i32x4_s(i32x4.add(even, odd)), factor));
    }
  }
}

/** A picture of bytes. */
export function shrinkBytes(source: usize, to: usize, side: i32, cells: i32, less: f32): void {
  const plane = <usize>(cells * cells * 4);
  const area = 255 * side * side;
  const factor = f32x4.splat(<f32>1 / <f32>area);
  for (let y = 0; y < cells; y++) {
    for (let x = 0; x < cells; x++) {
      let total = i32x4.splat(0);
      for (let row = y * side; row < (y + 1) * side; row++) {
        for (let column = x * side; column < (x + 1) * side; column++) {
          const pixel = i16x8.extend_low_i8x16_u(v128.load32_zero(source + <usize>((row * m.size + column) * 4)));
          total = i32x4.add(total, i32x4.extend_low_i16x8_u(pixel));
        }
      }
      const mean = f32x4.sub(f32x4.mul(f32x4.convert_i32x4_s(total), factor), f32x4.splat(less));
      tell(to + <usize>((y * cells + x) * 4), plane, mean);
    }
  }
}

// @ts-ignore: decorator
@inline
function tell(at: usize, plane: usize, value: v128): void {
  store<f32>(at, f32x4.extract_lane(value, 0));
  store<f32>(at + plane, f32x4.extract_lane(value, 1));
  store<f32>(at + 2 * plane, f32x4.extract_lane(value, 2));
}
