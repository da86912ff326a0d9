/**
 * What a closing lid shows. The strip between lashes and crease is thin and shaded in an open eye; stretched over the ball it
 * would look like bruised smears. While the lid closes, its skin is taken from above the crease, and the crease's shadow goes
 * into the line of the lashes.
 */
import type { AvatarFace, PosedFace } from '../../motion/AvatarFace.ts';
import { eyes } from '../../landmarker/mesh-topology.ts';
import { smoothstep } from '../../motion/scalars.ts';

/** How far sources move at full closure: of the lash row towards its target, of the crease towards the brow ridge. */
const shares = { lashes: 0.8, target: 0.14, crease: 0.62 } as const;

interface Slide {
  eye: 0 | 1;
  vertex: number;
  restX: number;
  restY: number;
  byX: number;
  byY: number;
}

export class LidSkin {
  readonly #slides: Slide[] = [];

  /** @param lashes vertices cut out of the skin next to an upper lid's margin, with their rest sources. */
  constructor(face: AvatarFace, lashes: readonly { margin: number; vertex: number; x: number; y: number }[]) {
    const p = face.points;
    for (const eye of [0, 1] as const) {
      const { upper, crease, browRidge } = eyes[eye];
      upper.forEach((margin, i) => {
        const [cx, cy] = [p[crease[i]! * 3]!, p[crease[i]! * 3 + 1]!];
        const [rx, ry] = [p[browRidge[i]! * 3]! - cx, p[browRidge[i]! * 3 + 1]! - cy];
        this.#slides.push({ eye, vertex: crease[i]!, restX: cx, restY: cy, byX: shares.crease * rx, byY: shares.crease * ry });
        for (const { vertex, x, y } of lashes.filter((l) => l.margin === margin)) {
          const [tx, ty] = [cx + shares.target * rx - x, cy + shares.target * ry - y];
          // sideways the row stays where it is: only what lies above it is wanted
          this.#slides.push({ eye, vertex, restX: x, restY: y, byX: 0.15 * shares.lashes * tx, byY: shares.lashes * Math.min(0, ty) });
        }
      });
    }
  }

  apply(pose: PosedFace, sourceX: Float32Array, sourceY: Float32Array): void {
    for (const { eye, vertex, restX, restY, byX, byY } of this.#slides) {
      const share = smoothstep(0.1, 0.9, pose.closure[eye]);
      sourceX[vertex] = restX + share * byX;
      sourceY[vertex] = restY + share * byY;
    }
  }
}
