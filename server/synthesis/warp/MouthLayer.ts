/**
 * The mouth's inside: where it shows, how light it is there, and which part of the interior texture lies behind each pixel.
 * The upper half of the texture (gums, upper teeth) keeps to the skull, the lower half (tongue) to the jaw.
 */
import type { AvatarFace, PosedFace } from '../../motion/AvatarFace.ts';
import { fillPolygon } from './polygon-coverage.ts';
import type { PixelBox } from './polygon-coverage.ts';
import { innerLowerLip, innerUpperLip } from '../../landmarker/mesh-topology.ts';
import { clamp, smoothstep } from '../../motion/scalars.ts';

/**
 * How the interior texture lies in the face; all in mouth widths of the portrait at rest, along head axes. The upper half
 * covers `upper` around the middle of the upper lip's inner edge, the lower half `lower` around the lower lip's.
 */
export const interiorLayout = {
  halfWidth: 0.66,
  upper: [-0.25, 0.38],
  lower: [-0.48, 0.15],
  /** Where upper teeth end, below the upper lip's edge at rest. */
  teethEnd: 0.1,
} as const;

/** Opening over face size at which the inside begins and ends to fade in, beyond rest. */
const fade = [0.012, 0.05] as const;

const outline = [...innerUpperLip, ...innerLowerLip.slice(1, -1).toReversed()];

export class MouthLayer {
  /** [size, size] 0..1: the inside's coverage. */
  readonly mask: Float32Array;
  /** [size, size] factor on the inside's colour. */
  readonly light: Float32Array;
  /** [size, size, 2] grid into the interior texture; outside of the mouth beyond ±1. */
  readonly flow: Float32Array;
  readonly #face: AvatarFace;
  readonly #size: number;
  readonly #scale: number;
  readonly #width: number;
  readonly #polygon = new Float32Array(outline.length * 2);
  #box: PixelBox | null = null;

  constructor(face: AvatarFace, size: number) {
    this.#face = face;
    this.#size = size;
    this.#scale = size / face.size;
    this.mask = new Float32Array(size * size);
    this.light = new Float32Array(size * size);
    this.flow = new Float32Array(size * size * 2).fill(-2);
    const h = face.shape.points;
    this.#width = Math.hypot(h[308 * 3]! - h[78 * 3]!, h[308 * 3 + 1]! - h[78 * 3 + 1]!);
  }

  update(pose: PosedFace): void {
    this.#clear();
    const rest = this.#face.shape.lipGaps[4]!;
    const own = Math.min(rest, 0.02);
    const shown = smoothstep(own + fade[0], own + fade[1], pose.lipGap);
    if (shown <= 0) return;
    outline.forEach((v, i) => {
      this.#polygon[i * 2] = pose.points[v * 3]! * this.#scale;
      this.#polygon[i * 2 + 1] = pose.points[v * 3 + 1]! * this.#scale;
    });
    this.#box = fillPolygon(this.#polygon, this.mask, this.#size, shown);
    if (this.#box) this.#map(pose, this.#box);
  }

  #clear(): void {
    const box = this.#box;
    if (!box) return;
    for (let row = box.top; row < box.bottom; row++) {
      const [from, to] = [row * this.#size + box.left, row * this.#size + box.right];
      this.mask.fill(0, from, to);
      this.light.fill(0, from, to);
      this.flow.fill(-2, from * 2, to * 2);
    }
    this.#box = null;
  }

  /** Fills flow and light inside the box. */
  #map(pose: PosedFace, box: PixelBox): void {
    const at = this.#anchors(pose);
    const { halfWidth, upper, lower, teethEnd } = interiorLayout;
    const turn = Math.max(teethEnd, 0.5 * at.gap);
    for (let row = box.top; row < box.bottom; row++) {
      for (let column = box.left; column < box.right; column++) {
        const i = row * this.#size + column;
        if (this.mask[i]! <= 0) continue;
        const px = (column + 0.5) / this.#scale - at.x;
        const py = (row + 0.5) / this.#scale - at.y;
        const across = at.xx * px + at.xy * py;
        const down = at.yx * px + at.yy * py;
        this.flow[i * 2] = clamp(across / halfWidth, -0.995, 0.995);
        const v =
          down <= turn
            ? clamp((down - upper[0]) / (upper[1] - upper[0]), 0.01, 0.99) - 1
            : clamp((down - at.gap - lower[0]) / (lower[1] - lower[0]), 0.01, 0.99);
        this.flow[i * 2 + 1] = v;
        // the upper lip's shadow, and dark corners
        const depth = smoothstep(-0.02, 0.3, (down + 0.02) / Math.max(at.gap, 0.05));
        this.light[i] = (0.84 + 0.16 * depth) * (1 - 0.4 * smoothstep(0.3, 0.52, Math.abs(across)));
      }
    }
  }

  /** Upper anchor in the picture, the inverse of the local axes there (in mouth widths), and the distance to the lower anchor. */
  #anchors(pose: PosedFace): { x: number; y: number; xx: number; xy: number; yx: number; yy: number; gap: number } {
    const f = this.#face;
    const r = pose.rotation;
    const [dx, dy, dz] = [f.points[13 * 3]! - f.centre[0]!, f.points[13 * 3 + 1]! - f.centre[1]!, f.points[13 * 3 + 2]! - f.centre[2]!];
    const x = pose.scale * (r[0]! * dx + r[1]! * dy + r[2]! * dz) + f.centre[0]! + pose.shift[0];
    const y = pose.scale * (r[3]! * dx + r[4]! * dy + r[5]! * dz) + f.centre[1]! + pose.shift[1];
    const w = pose.scale * this.#width;
    const q = f.rotation;
    const axis = (row: number, column: number) =>
      w * (r[row * 3]! * q[column]! + r[row * 3 + 1]! * q[3 + column]! + r[row * 3 + 2]! * q[6 + column]!);
    const [ax, ay, bx, by] = [axis(0, 0), axis(1, 0), axis(0, 1), axis(1, 1)];
    const det = ax * by - ay * bx;
    const [xx, xy, yx, yy] = [by / det, -bx / det, -ay / det, ax / det];
    const [lx, ly] = [pose.points[14 * 3]! - x, pose.points[14 * 3 + 1]! - y];
    return { x, y, xx, xy, yx, yy, gap: Math.max(0, yx * lx + yy * ly) };
  }
}
