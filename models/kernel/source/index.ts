/**
 * What a composed model does outside of its network, at the output's size: docs/decisions/0013-composition-outside-of-the-graph.md. The same is in
 * models/vid2vid/networks/composition.py, with which the model is trained.
 */
import * as m from './memory';
import { mixPictures } from './mix';
import { cut } from './mouth';
import { shrinkBytes } from './shrink';
import { warpPictures } from './warp';

/** Makes room for one avatar with `portraits` portraits. To be called once, first. */
export function open(size: i32, network: i32, portraits: i32): void {
  m.reserve(size, network, portraits);
}

/** Once portraits, plate and `knots` are written. `lender`: the portrait whose open mouth is shown. Memory may grow: views are to be made anew. */
export function prepare(lender: i32): void {
  const pixels = <usize>(m.size * m.size * 4);
  const small = <usize>(3 * m.flows * m.flows * 4);
  for (let k = 0; k < m.portraits; k++) {
    shrinkBytes(m.portrait + <usize>k * pixels, m.smallPortraits + <usize>k * small, 4 * m.scale, m.flows, 0);
  }
  shrinkBytes(m.plate, m.smallPlate, 4 * m.scale, m.flows, 0);
  const area = <usize>(m.network * m.network * 4);
  shrinkBytes(m.plate, m.seen + 3 * area, m.scale, m.network, 0.5);
  cut(lender);
}

/** After the motion graph: fills `seen`, `opening` and `shown`. */
export function warp(portrait: i32, known: bool): void {
  warpPictures(portrait, known);
}

/** After the picture graph: fills `i420`, `frame` and `smallPrevious`. `keep`: share of the frame before that stays as it is. */
export function mix(keep: f32): void {
  mixPictures(keep);
}

/** Where a part lies, by its number; see kernel/parts.ts of the server. */
export function part(index: i32): usize {
  switch (index) {
    case 0: return m.portrait;
    case 1: return m.plate;
    case 2: return m.frame;
    case 3: return m.i420;
    case 4: return m.knots;
    case 5: return m.flow;
    case 6: return m.flowPrevious;
    case 7: return m.mouth;
    case 8: return m.inside;
    case 9: return m.eyes;
    case 10: return m.turns;
    case 11: return m.seen;
    case 12: return m.opening;
    case 13: return m.shown;
    case 14: return m.picture;
    case 15: return m.logits;
    case 16: return m.smallPortraits;
    case 17: return m.smallPlate;
    case 18: return m.smallPrevious;
    default: unreachable(); return 0;
  }
}
