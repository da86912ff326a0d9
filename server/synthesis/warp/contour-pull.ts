/**
 * What the face's edge shows when a turn widens it. The outline's landmarks lie one to three pixels outside of the cheek, and
 * triangles that the portrait sees edge-on may even be folded: stretched, they would paint a band of hair or background.
 * Where they grow, the edge samples further in, and nothing from beyond the outline.
 */
import type { AvatarFace } from '../../motion/AvatarFace.ts';
import { canonicalFace } from '../../landmarker/canonical-face.ts';
import { faceOval, skinTriangles } from '../../landmarker/mesh-topology.ts';
import { smoothstep } from '../../motion/scalars.ts';

/** Largest pull, as a share of the outline's radius, and the growth of area over which it comes in. */
const maxPull = 0.02;
const growthRange = [1.8, 3.6] as const;
/** Vertices further out than this share of the radius are concerned. */
const rimFrom = 0.86;

interface RimVertex {
  vertex: number;
  /** Direction and distance from the outline's middle. */
  dx: number;
  dy: number;
  /** Distance over the outline's radius in this direction. */
  ratio: number;
  /** Position among the outline's points, fractional. */
  spoke: number;
}

const spokes = faceOval.length;

export class ContourPull {
  readonly #middle: readonly [number, number];
  readonly #rim: RimVertex[];
  /** Per spoke, the skin triangles at this point of the outline. */
  readonly #fans: number[][];
  /** Area seen in the portrait; nothing where it shows the inner side. */
  readonly #restArea: Float32Array;
  /** Which sign of the area is the skin's outer side. */
  readonly #facing: Float32Array;
  readonly #pull = new Float32Array(spokes);
  readonly #smooth = new Float32Array(spokes);

  constructor(face: AvatarFace) {
    const p = face.points;
    const x = (v: number) => p[v * 3]!;
    const y = (v: number) => p[v * 3 + 1]!;
    this.#middle = [faceOval.reduce((s, v) => s + x(v) / spokes, 0), faceOval.reduce((s, v) => s + y(v) / spokes, 0)];
    const angles = faceOval.map((v) => Math.atan2(y(v) - this.#middle[1], x(v) - this.#middle[0]));
    const radii = faceOval.map((v) => Math.hypot(x(v) - this.#middle[0], y(v) - this.#middle[1]));
    this.#rim = [];
    for (let v = 0; v < 468; v++) {
      const [dx, dy] = [x(v) - this.#middle[0], y(v) - this.#middle[1]];
      const spoke = faceOval.includes(v as never) ? faceOval.indexOf(v as never) : spokeAt(angles, Math.atan2(dy, dx));
      const [a, b, f] = [Math.floor(spoke) % spokes, (Math.floor(spoke) + 1) % spokes, spoke % 1];
      const ratio = Math.hypot(dx, dy) / (radii[a]! * (1 - f) + radii[b]! * f);
      if (ratio > rimFrom) this.#rim.push({ vertex: v, dx, dy, ratio, spoke });
    }
    this.#fans = faceOval.map((v) => trianglesAt(v));
    const bias = 0.0006 * face.shape.extents[2] ** 2;
    this.#facing = Float32Array.from({ length: skinTriangles.length / 3 }, (_, t) =>
      Math.sign(
        area(
          t,
          (v) => canonicalFace[v * 3]!,
          (v) => canonicalFace[v * 3 + 1]!,
        ),
      ),
    );
    this.#restArea = this.#facing.map((facing, t) => Math.max(0, facing * area(t, x, y)) + bias);
  }

  /** Moves the sources of the rim for where the mesh stands; x, y in pixels of the output, `scale` the head's. */
  apply(x: Float32Array, y: Float32Array, scale: number, sourceX: Float32Array, sourceY: Float32Array): void {
    const unscale = 1 / (scale * scale);
    for (let s = 0; s < spokes; s++) {
      let growth = 0;
      for (const t of this.#fans[s]!)
        growth = Math.max(
          growth,
          (this.#facing[t]! *
            area(
              t,
              (v) => x[v]!,
              (v) => y[v]!,
            ) *
            unscale) /
            this.#restArea[t]!,
        );
      this.#pull[s] = smoothstep(growthRange[0], growthRange[1], growth);
    }
    for (let s = 0; s < spokes; s++) {
      this.#smooth[s] = (this.#pull[(s + spokes - 1) % spokes]! + 2 * this.#pull[s]! + this.#pull[(s + 1) % spokes]!) / 4;
    }
    for (const { vertex, dx, dy, ratio, spoke } of this.#rim) {
      const [a, f] = [Math.floor(spoke) % spokes, spoke % 1];
      const pull = this.#smooth[a]! * (1 - f) + this.#smooth[(a + 1) % spokes]! * f;
      const inner = Math.min(ratio, 1) * (1 - maxPull * smoothstep(rimFrom, 1, ratio));
      const to = 1 + pull * (inner / ratio - 1);
      sourceX[vertex] = this.#middle[0] + dx * to;
      sourceY[vertex] = this.#middle[1] + dy * to;
    }
  }
}

/** Between which points of the outline a direction leaves the face; the outline runs clockwise in the picture. */
function spokeAt(angles: readonly number[], angle: number): number {
  for (let s = 0; s < spokes; s++) {
    const span = wrap(angles[(s + 1) % spokes]! - angles[s]!);
    const into = wrap(angle - angles[s]!);
    if (into >= 0 && into < span) return s + into / span;
  }
  return 0;
}

function wrap(angle: number): number {
  return Math.atan2(Math.sin(angle), Math.cos(angle));
}

function trianglesAt(vertex: number): number[] {
  const out: number[] = [];
  for (let t = 0; t < skinTriangles.length; t += 3) {
    if (skinTriangles[t] === vertex || skinTriangles[t + 1] === vertex || skinTriangles[t + 2] === vertex) out.push(t / 3);
  }
  return out;
}

function area(t: number, x: (v: number) => number, y: (v: number) => number): number {
  const [a, b, c] = [skinTriangles[t * 3]!, skinTriangles[t * 3 + 1]!, skinTriangles[t * 3 + 2]!];
  return ((x(b) - x(a)) * (y(c) - y(a)) - (y(b) - y(a)) * (x(c) - x(a))) / 2;
}
