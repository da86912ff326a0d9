/** What an open mouth shows, a layer of its own behind the lips: as `cut` and `inside` of models/vid2vid/networks/interior.py. */
import * as m from './memory';
import { centre, pixelOf, Region } from './Region';
import { sampleBox, whole, within } from './sampling';

/** Side of the square in which a mouth is put together, of the picture's. */
const WINDOW: f64 = 0.375;
/** Of the opening's height: from there on, over that much, the jaw's motion counts. */
const JAW_FROM: f32 = 0.45;
const JAW_OVER: f32 = 0.2;
const INSET: f32 = 1;
const LEAST_SHARE: f32 = 0.05;
const LEAST_HEIGHT: f32 = 0.001;
/** Around the lent mouth, so that what is next to it is nothing. */
const MARGIN: i32 = 2;

let windowLeft: i32 = 0;
let windowTop: i32 = 0;
let windowSide: i32 = 0;

/** Keeps the open mouth of a portrait, within its lips' `knots`, with its mask. */
export function cut(index: i32): void {
  const region = Region.at(0);
  region.outline(m.knots, m.MOUTH_POINTS);
  const left = max(region.left - MARGIN, 0);
  const top = max(region.top - MARGIN, 0);
  const right = min(region.right + MARGIN, m.size);
  const bottom = min(region.bottom + MARGIN, m.size);
  if (right - left < 2 || bottom - top < 2) return;
  m.reserveInterior(left, top, right - left, bottom - top);
  const source = m.portrait + <usize>(index * m.size * m.size * 4);
  for (let y = region.top; y < region.bottom; y++) {
    for (let x = region.left; x < region.right; x++) {
      const mask = region.share(x, centre(y), INSET);
      const rgb = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(v128.load8x8_u(source + <usize>((y * m.size + x) * 4))));
      const value = f32x4.replace_lane(f32x4.mul(rgb, f32x4.splat(128 * mask)), 3, <f32>m.ONE * mask);
      store64(m.interior + <usize>(((y - top) * (right - left) + x - left) * 8), whole(value));
    }
  }
}

/** The low halves of four 32-bit values. */
// @ts-ignore: decorator
@inline
function store64(at: usize, value: v128): void {
  v128.store64_lane(at, i16x8.narrow_i32x4_s(value, value), 0);
}

export function outlineMouth(): void {
  Region.at(0).outline(m.mouth, m.MOUTH_POINTS);
  windowSide = <i32>(<f64>m.size * WINDOW);
  windowLeft = corner(load<f32>(m.inside, 32));
  windowTop = corner(load<f32>(m.inside, 36));
  memory.fill(m.opening, 0, <usize>(m.masks * m.masks * 4));
  memory.fill(m.shown, 0, <usize>(m.masks * m.masks * 4));
}

function corner(middle: f32): i32 {
  return <i32>within(nearest<f32>((middle + 1) * <f32>m.size * 0.5 - <f32>windowSide * 0.5), <f32>(m.size - windowSide));
}

/** Behind the lips lies no skin: there the row of the warped portrait has nothing but what the lent mouth shows. */
export function openMouth(y: i32): void {
  const region = Region.at(0);
  if (y < region.top || y >= region.bottom) return;
  const level = centre(y);
  const factor = 2 * m.scale;
  const each = <f32>1 / <f32>(factor * factor);
  const cells = <usize>(y / factor) * m.masks * 4;
  const row = m.warped + <usize>(y * m.size * 8);
  for (let x = region.left; x < region.right; x++) {
    const open = region.share(x, level, 0);
    if (open <= 0) continue;
    const at = row + <usize>x * 8;
    let value = f32x4.mul(f32x4.convert_i32x4_s(v128.load16x4_s(at)), f32x4.splat(1 - open));
    const cell = cells + <usize>(x / factor) * 4;
    if (hasInside(x, y)) {
      const lent = lentAt(region, x, y);
      const there = f32x4.extract_lane(lent, 3) / <f32>m.ONE;
      const shows = there * open;
      value = f32x4.add(value, f32x4.mul(lent, f32x4.splat(shows / max<f32>(LEAST_SHARE, there))));
      store<f32>(m.shown + cell, load<f32>(m.shown + cell) + shows * each);
    }
    store64(at, whole(f32x4.replace_lane(value, 3, 0)));
    store<f32>(m.opening + cell, load<f32>(m.opening + cell) + open * each);
  }
}

function hasInside(x: i32, y: i32): bool {
  return m.interiorWidth > 0 && x >= windowLeft && x < windowLeft + windowSide && y >= windowTop && y < windowTop + windowSide;
}

/** The lender's pixel that belongs at this one, times its mask, and the mask. */
function lentAt(region: Region, column: i32, row: i32): v128 {
  const x = centre(column);
  const y = centre(row);
  const up = region.upper(column);
  const down = (y - up) / max<f32>(LEAST_HEIGHT, region.lower(column) - up);
  const jaw = max<f32>(0, min<f32>(1, (down - JAW_FROM) / JAW_OVER));
  const told = m.inside;
  const lentX = load<f32>(told) * x + load<f32>(told, 4) * y + load<f32>(told, 16) + jaw * load<f32>(told, 24);
  const lentY = load<f32>(told, 8) * x + load<f32>(told, 12) * y + load<f32>(told, 20) + jaw * load<f32>(told, 28);
  const last = <f32>(m.size - 1);
  const inX = within(pixelOf(lentX), last) - <f32>m.interiorLeft;
  const inY = within(pixelOf(lentY), last) - <f32>m.interiorTop;
  return f32x4.convert_i32x4_s(sampleBox(m.interior, m.interiorWidth, m.interiorHeight, inX, inY));
}
