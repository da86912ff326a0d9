/** The part of `PersonMesh` outside the face: rings from the face's outline to the picture's border. */
import type { AvatarFace, PosedFace } from '../../motion/AvatarFace.ts';
import { faceOval } from '../../landmarker/mesh-topology.ts';
import { clamp, smoothstep } from '../../motion/scalars.ts';

/** Distances of the rings from the outline, in face sizes; the last ring lies beyond the picture's border. */
const ringDistances = [0.05, 0.11, 0.19, 0.3, 0.44, 0.62, 0.85];
const spokes = faceOval.length;
const rings = ringDistances.length + 1;
/** Half-axes and middle of the ellipsoid that stands for the skull, in face sizes. */
const skull = { halfWidth: 0.5, halfHeight: 0.86, depth: 0.4, up: 0.11 };

/** How far beyond the border the last ring lies, in picture sides: a head that shrinks or moves away must not bare what the mesh does not cover. */
const outermost = 0.6;

/** Shoulders go along with this share of the head's shift; only before a plate, or the background would swim. */
const bodyShare = 0.12;

export interface PersonRings {
  count: number;
  triangles: number[];
  sources(x: Float32Array, y: Float32Array): void;
  update(pose: PosedFace, x: Float32Array, y: Float32Array, z: Float32Array): void;
}

export interface RingOptions {
  face: AvatarFace;
  /** [size, size] 0..1 or null. */
  alpha: Float32Array | null;
  firstVertex: number;
}

interface RingVertex {
  x: number;
  y: number;
  /** Depth behind the face's centre, pixels. */
  z: number;
  /** Share of the head's motion. */
  head: number;
  /** Share of the body's motion. */
  body: number;
  /** Share of the outline's own motion (jaw) at this place of the outline. */
  outline: number;
}

export function buildRings({ face, alpha, firstVertex }: RingOptions): PersonRings {
  const vertices = placeVertices(face, alpha);
  const ovalDepth = faceOval.map((v) => face.points[v * 3 + 2]! - face.centre[2]!);
  const residual = new Float64Array(spokes * 2);
  const smooth = new Float64Array(spokes * 2);
  return {
    count: vertices.length,
    triangles: ringTriangles(firstVertex),
    sources(x, y) {
      vertices.forEach((v, i) => {
        x[firstVertex + i] = v.x;
        y[firstVertex + i] = v.y;
      });
    },
    update(pose, x, y, z) {
      const r = pose.rotation;
      const c = face.centre;
      const k = pose.scale;
      for (let s = 0; s < spokes; s++) {
        const o = faceOval[s]! * 3;
        const [dx, dy, dz] = [face.points[o]! - c[0]!, face.points[o + 1]! - c[1]!, ovalDepth[s]!];
        residual[s * 2] = pose.points[o]! - (k * (r[0]! * dx + r[1]! * dy + r[2]! * dz) + c[0]! + pose.shift[0]);
        residual[s * 2 + 1] = pose.points[o + 1]! - (k * (r[3]! * dx + r[4]! * dy + r[5]! * dz) + c[1]! + pose.shift[1]);
      }
      for (let ring = 0, i = 0; ring < rings; ring++) {
        spread(ring === 0 ? residual : smooth, smooth);
        for (let s = 0; s < spokes; s++, i++) {
          const v = vertices[i]!;
          const [dx, dy, dz] = [v.x - c[0]!, v.y - c[1]!, v.z];
          const hx = k * (r[0]! * dx + r[1]! * dy + r[2]! * dz) + c[0]! + pose.shift[0];
          const hy = k * (r[3]! * dx + r[4]! * dy + r[5]! * dz) + c[1]! + pose.shift[1];
          const hz = k * (r[6]! * dx + r[7]! * dy + r[8]! * dz) + c[2]!;
          const at = firstVertex + i;
          x[at] = v.x + v.head * (hx - v.x) + (1 - v.head) * bodyShare * pose.shift[0] * v.body + v.outline * smooth[s * 2]!;
          y[at] = v.y + v.head * (hy - v.y) + (1 - v.head) * bodyShare * pose.shift[1] * v.body + v.outline * smooth[s * 2 + 1]!;
          z[at] = c[2]! + v.z + v.head * (hz - c[2]! - v.z);
        }
      }
    },
  };
}

/** Averages along the outline: the further out, the less one point of the jaw matters. */
function spread(from: Float64Array, to: Float64Array): void {
  const n = spokes * 2;
  const first = [from[0]!, from[1]!];
  let [px, py] = [from[n - 2]!, from[n - 1]!];
  for (let i = 0; i < n; i += 2) {
    const [x, y] = [from[i]!, from[i + 1]!];
    const [nx, ny] = i + 2 < n ? [from[i + 2]!, from[i + 3]!] : (first as [number, number]);
    to[i] = (px + 2 * x + nx) / 4;
    to[i + 1] = (py + 2 * y + ny) / 4;
    [px, py] = [x, y];
  }
}

function placeVertices(face: AvatarFace, alpha: Float32Array | null): RingVertex[] {
  const p = face.points;
  const size = face.shape.extents[2];
  const middle = [0, 0];
  for (const v of faceOval) for (const a of [0, 1] as const) middle[a]! += p[v * 3 + a]! / spokes;
  const templeDepth = [127, 356, 234, 454].reduce((sum, v) => sum + p[v * 3 + 2]! / 4, 0) - face.centre[2]!;
  const out: RingVertex[] = [];
  for (let ring = 0; ring < rings; ring++) {
    for (let s = 0; s < spokes; s++) {
      const o = faceOval[s]! * 3;
      const [ux, uy] = unit(p[o]! - middle[0]!, p[o + 1]! - middle[1]!);
      const toBorder = borderDistance(p[o]!, p[o + 1]!, ux, uy, face.size);
      const d = ringDistance(ring, toBorder, size);
      const x = p[o]! + ux * d;
      const y = p[o + 1]! + uy * d;
      const ovalZ = p[o + 2]! - face.centre[2]!;
      const z = depthAt({ x: x - middle[0]!, y: y - middle[1]!, d: d / size, ovalZ, templeDepth, size, face });
      const head = headShare({ x: (x - middle[0]!) / size, y: (y - middle[1]!) / size, d: d / size, face, matted: alpha !== null });
      const atBorder = ring === rings - 1;
      out.push({
        x,
        y,
        z,
        head: atBorder && touchesBorder(alpha, x, y, face.size) ? 0 : head,
        outline: 1 - smoothstep(0, 0.25, d / size),
        body: alpha ? 1 : 0,
      });
    }
  }
  return out;
}

function unit(x: number, y: number): [number, number] {
  const length = Math.hypot(x, y) || 1;
  return [x / length, y / length];
}

/** From inside the picture along a unit vector to a little beyond its border. */
function borderDistance(x: number, y: number, ux: number, uy: number, size: number): number {
  const beyond = outermost * size;
  const tx = ux > 0 ? (size + beyond - x) / ux : ux < 0 ? (x + beyond) / -ux : Infinity;
  const ty = uy > 0 ? (size + beyond - y) / uy : uy < 0 ? (y + beyond) / -uy : Infinity;
  return Math.max(1, Math.min(tx, ty));
}

/** Rings keep their distance where there is room and crowd together where the border is near. */
function ringDistance(ring: number, toBorder: number, size: number): number {
  const last = ringDistances.at(-1)! * size;
  if (ring === rings - 1) return Math.max(toBorder, 0.1 * size);
  return ringDistances[ring]! * size * Math.min(1, (0.88 * Math.max(toBorder, 0.1 * size)) / last);
}

interface DepthQuery {
  x: number;
  y: number;
  d: number;
  ovalZ: number;
  templeDepth: number;
  size: number;
  face: AvatarFace;
}

/** Depth of the head behind a place of the picture: from the outline's own back to the ellipsoid, its middle plane beyond. */
function depthAt({ x, y, d, ovalZ, templeDepth, size, face }: DepthQuery): number {
  const r = face.rotation;
  const hx = (r[0]! * x + r[3]! * y) / size;
  const hy = (r[1]! * x + r[4]! * y) / size;
  const rho2 = (hx / skull.halfWidth) ** 2 + ((hy + skull.up) / skull.halfHeight) ** 2;
  const proxy = templeDepth - skull.depth * size * Math.sqrt(Math.max(0, 1 - rho2));
  return ovalZ + (Math.max(proxy, ovalZ) - ovalZ) * smoothstep(0, 0.22, d);
}

/** 1 moves with the head, 0 stays with the body (and, without a matte, with the background). */
function headShare({ x, y, d, face, matted }: { x: number; y: number; d: number; face: AvatarFace; matted: boolean }): number {
  const r = face.rotation;
  const hx = r[0]! * x + r[3]! * y;
  const hy = r[1]! * x + r[4]! * y;
  const up = clamp(-hy / (Math.hypot(hx, hy) || 1), 0, 1) ** 2;
  const down = clamp(hy / (Math.hypot(hx, hy) || 1), 0, 1) ** 2;
  const side = 1 - up - down;
  if (!matted) return 1 - smoothstep(0.55 * up + 0.02 * down + 0.28 * side, 1.15 * up + 0.65 * down + 0.8 * side, d);
  const neck = 1 - smoothstep(0, 0.8, d) * smoothstep(0.2, 0.55, hy);
  return neck * (1 - smoothstep(0.45, 1.15, hy)) * (1 - smoothstep(0.9, 1.6, Math.abs(hx)));
}

/** Whether the person reaches the picture's border here; then the border must not come loose. */
function touchesBorder(alpha: Float32Array | null, x: number, y: number, size: number): boolean {
  if (!alpha) return true;
  const column = Math.round(clamp(x, 0, size - 1));
  const row = Math.round(clamp(y, 0, size - 1));
  return alpha[row * size + column]! > 0.2;
}

/** Two triangles per cell; the innermost row hangs on the face's outline itself, so that there is no seam. */
function ringTriangles(firstVertex: number): number[] {
  const at = (ring: number, s: number) => (ring < 0 ? faceOval[s % spokes]! : firstVertex + ring * spokes + (s % spokes));
  const out: number[] = [];
  for (let ring = -1; ring < rings - 1; ring++) {
    for (let s = 0; s < spokes; s++) {
      out.push(at(ring, s), at(ring, s + 1), at(ring + 1, s + 1), at(ring, s), at(ring + 1, s + 1), at(ring + 1, s));
    }
  }
  return out;
}
