/** An opening of mouth or eyes, drawn from the knots that the motion graph gives: as `region` of models/vid2vid/networks/openings.py. */
import * as m from './memory';
import { within } from './sampling';

/** Width of an opening's edge; the picture's half side is 1. */
const SOFT: f32 = 0.014;
const LEAST_STEP: f32 = 0.001;

// @ts-ignore: decorator
@inline
export function centre(pixel: i32): f32 {
  return (<f32>2 * <f32>pixel + 1) / <f32>m.size - 1;
}

export function pixelOf(place: f32): f32 {
  return ((place + 1) * <f32>m.size - 1) * 0.5;
}

function clampPixel(at: f32): i32 {
  return <i32>within(at, <f32>m.size);
}

function curveAt(knots: usize, points: i32, x: f32): f32 {
  let y = load<f32>(knots, 4);
  for (let i = 0; i < points - 1; i++) {
    const at = knots + <usize>i * 8;
    const step = max<f32>(load<f32>(at, 8) - load<f32>(at), LEAST_STEP);
    y += max<f32>(0, min<f32>(1, (x - load<f32>(at)) / step)) * (load<f32>(at, 12) - load<f32>(at, 4));
  }
  return y;
}

// @ts-ignore: decorator
@unmanaged
export class Region {
  /** Its box in pixels, the soft edge included; `right` and `bottom` are the first outside. */
  left: i32;
  right: i32;
  top: i32;
  bottom: i32;
  /** [3, S] */
  rims: usize;

  /** 0: the mouth; then the eyes. */
  static at(index: i32): Region {
    const region = changetype<Region>(m.regions + <usize>(index * m.REGION_BYTES));
    region.rims = m.rims + <usize>(index * 3 * m.size * 4);
    return region;
  }

  /** Takes the curves [2, points, 2]. */
  outline(knots: usize, points: i32): void {
    this.box(knots, points);
    const first = load<f32>(knots);
    const last = load<f32>(knots + <usize>(points - 1) * 8);
    const row = <usize>m.size * 4;
    for (let column = this.left; column < this.right; column++) {
      const x = centre(column);
      const at = this.rims + <usize>column * 4;
      store<f32>(at, curveAt(knots, points, x));
      store<f32>(at + row, curveAt(knots + <usize>points * 8, points, x));
      store<f32>(at + 2 * row, max<f32>(0, first - x) + max<f32>(0, x - last));
    }
  }

  private box(knots: usize, points: i32): void {
    let minX: f32 = Infinity;
    let maxX: f32 = -Infinity;
    let minY: f32 = Infinity;
    let maxY: f32 = -Infinity;
    for (let i = 0; i < 2 * points; i++) {
      const x = load<f32>(knots + <usize>i * 8);
      const y = load<f32>(knots + <usize>i * 8, 4);
      minX = min(minX, x);
      maxX = max(maxX, x);
      minY = min(minY, y);
      maxY = max(maxY, y);
    }
    this.left = clampPixel(floor<f32>(pixelOf(minX - SOFT)));
    this.right = clampPixel(ceil<f32>(pixelOf(maxX + SOFT)) + 1);
    this.top = clampPixel(floor<f32>(pixelOf(minY - SOFT)));
    this.bottom = clampPixel(ceil<f32>(pixelOf(maxY + SOFT)) + 1);
  }

  // @ts-ignore: decorator
  @inline
  upper(column: i32): f32 {
    return load<f32>(this.rims + <usize>column * 4);
  }

  // @ts-ignore: decorator
  @inline
  lower(column: i32): f32 {
    return load<f32>(this.rims + <usize>(m.size + column) * 4);
  }

  /** How much of a pixel of the box lies inside, 0..1, at the height `y`. `inset`: how much further in the edge lies, in widths of it. */
  share(column: i32, y: f32, inset: f32): f32 {
    const up = this.upper(column);
    const low = this.lower(column);
    const out = load<f32>(this.rims + <usize>(2 * m.size + column) * 4);
    const gap = max<f32>(0, min<f32>(1, (low - up) / SOFT));
    const inside = min<f32>(y - (up + out), low - out - y);
    return max<f32>(0, min<f32>(1, inside / SOFT + (<f32>0.5 - inset))) * gap;
  }
}
