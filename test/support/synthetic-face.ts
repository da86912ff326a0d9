/** Faces made from the canonical mesh: posed, opened, shut; as drivers (picture widths) and as portraits (pixels). */
import { canonicalFace, mirrorPoints } from '../../server/landmarker/canonical-face.ts';
import { eyes, innerLowerLip } from '../../server/landmarker/mesh-topology.ts';
import { rotationMatrix } from '../../client/src/faces/rigid-fit.ts';
import type { PreparedPortrait } from '../../server/portraits/crop.ts';

export interface FaceOptions {
  /** Radians. */
  nod?: number;
  turn?: number;
  tilt?: number;
  /** Face width in picture widths. */
  width?: number;
  /** Centre in picture widths. */
  at?: [x: number, y: number];
  /** Lowers lower lip and chin, in face widths. */
  jaw?: number;
  /** 0 open … 1 as far shut as a tracker shows it. */
  blink?: number;
  /** Share of the face's height. */
  stretch?: number;
}

const chin = new Set([14, 17, 152, 148, 377, 176, 400, 84, 314, 200, 199, 175, 18, 83, 313, ...innerLowerLip.slice(1, -1)]);

/** [478, 3] in picture widths. */
export function driverFace({
  nod = 0,
  turn = 0,
  tilt = 0,
  width = 0.35,
  at = [0.5, 0.48],
  jaw = 0,
  blink = 0,
  stretch = 1,
}: FaceOptions = {}): Float32Array {
  const shape = Float32Array.from(canonicalFace);
  for (let i = 1; i < shape.length; i += 3) shape[i]! *= stretch;
  for (const v of chin) shape[v * 3 + 1]! += jaw;
  for (const { upper, lower } of eyes) {
    upper.forEach((u, i) => {
      const gap = shape[lower[i]! * 3 + 1]! - shape[u * 3 + 1]!;
      shape[u * 3 + 1]! += 0.72 * blink * gap;
    });
  }
  const r = rotationMatrix(nod, turn, tilt);
  const out = new Float32Array(shape.length);
  for (let i = 0; i < shape.length; i += 3) {
    for (let a = 0; a < 3; a++)
      out[i + a] = width * (r[a * 3]! * shape[i]! + r[a * 3 + 1]! * shape[i + 1]! + r[a * 3 + 2]! * shape[i + 2]!) + (at[a] ?? 0);
  }
  return out;
}

/** The face seen in a mirror: x against the picture's width, left and right points exchanged. */
export function mirrored(points: Float32Array, pictureWidth = 1): Float32Array {
  const out = new Float32Array(points.length);
  for (let v = 0; v < points.length / 3; v++) {
    const from = mirrorPoints[v]! * 3;
    out[v * 3] = pictureWidth - points[from]!;
    out[v * 3 + 1] = points[from + 1]!;
    out[v * 3 + 2] = points[from + 2]!;
  }
  return out;
}

/** A drawn portrait: skin-coloured oval before a gradient, with noise so that warps can be told apart. */
export function drawnPortrait(size: number, options: FaceOptions & { matte?: boolean; seed?: number } = {}): PreparedPortrait {
  const points = driverFace(options).map((v) => v * size);
  const data = new Uint8Array(size * size * 3);
  const matte = new Uint8Array(size * size);
  const [cx, cy] = [points[6 * 3]!, (points[10 * 3 + 1]! + points[152 * 3 + 1]!) / 2];
  const [rx, ry] = [0.62 * (points[454 * 3]! - points[234 * 3]!), 0.72 * (points[152 * 3 + 1]! - points[10 * 3 + 1]!)];
  let state = options.seed ?? 7;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const noise = (state >>> 24) / 8;
      const person = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1 || (y > cy + ry * 0.8 && Math.abs(x - cx) < rx * 1.4);
      const i = y * size + x;
      matte[i] = person ? 255 : 0;
      const colour = person ? [190, 140, 120] : [60 + (120 * x) / size, 90, 60 + (120 * y) / size];
      for (let c = 0; c < 3; c++) data[i * 3 + c] = colour[c]! + noise;
    }
  }
  return { image: { width: size, height: size, data }, points, crop: { x: 0, y: 0, size }, ...((options.matte ?? true) ? { matte } : {}) };
}
