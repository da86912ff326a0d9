/** Eye balls that turn behind the lids: as `turned` of models/vid2vid/networks/eyes.py. */
import * as m from './memory';
import { centre, Region } from './Region';

/** Of an iris's radius aside of its middle: the ball moves wholly up to here, and no more from there. */
const FULL: f32 = 1.2;
const NONE: f32 = 2.4;

export function outlineEyes(): void {
  for (let eye = 0; eye < m.EYES; eye++) Region.at(1 + eye).outline(m.eyes + <usize>(eye * 2 * m.EYE_POINTS * 8), m.EYE_POINTS);
}

/** Adds to the row's places what the balls move beyond the flow. */
export function turnEyes(y: i32): void {
  for (let eye = 0; eye < m.EYES; eye++) turnEye(Region.at(1 + eye), m.turns + <usize>eye * 16, y);
}

function turnEye(region: Region, told: usize, y: i32): void {
  if (y < region.top || y >= region.bottom) return;
  const half = <f32>m.size * 0.5;
  const moveX = load<f32>(told) * half;
  const moveY = load<f32>(told, 4) * half;
  const middle = load<f32>(told, 8);
  const radius = load<f32>(told, 12);
  const level = centre(y);
  for (let column = region.left; column < region.right; column++) {
    const aside = abs<f32>(centre(column) - middle) / radius;
    const part = max<f32>(0, min<f32>(1, (NONE - aside) / (NONE - FULL))) * region.share(column, level, 0);
    const at = <usize>column * 4;
    store<f32>(m.placesX + at, load<f32>(m.placesX + at) + part * moveX);
    store<f32>(m.placesY + at, load<f32>(m.placesY + at) + part * moveY);
  }
}
