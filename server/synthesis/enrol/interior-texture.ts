/**
 * The mouth's inside as a small picture, made once per avatar: gums and upper teeth above, tongue below. Teeth come from
 * the best portrait that shows them; without one they are drawn, in the tone of the person's own eyes and lips.
 */
import type { AvatarFace } from '../../motion/AvatarFace.ts';
import { interiorLayout } from '../warp/MouthLayer.ts';
import { eyes, innerLowerLip, innerUpperLip, rigidPoints } from '../../landmarker/mesh-topology.ts';
import { fillPolygon } from '../warp/polygon-coverage.ts';
import { fitSimilarity } from '../../../client/src/faces/rigid-fit.ts';
import { clamp, smoothstep } from '../../motion/scalars.ts';
import type { PreparedPortrait } from '../../portraits/crop.ts';
import { boxBlur, erode } from './plane-filters.ts';

export type Rgb = [number, number, number];

export interface InteriorTexture {
  /** [3, n, n] 0..1, drawn. */
  fill: Float32Array;
  /** [n, n] 0..1, where the portrait's own teeth replace it. */
  mask: Float32Array;
  /** [n, n, 2] grid into the portrait that lends them. */
  flow: Float32Array;
  /** Per-channel factor that carries that portrait's light to the base portrait's. */
  gain: Rgb;
}

/** Mean colour 0..1 of small patches around landmarks. */
export function colourAt({ image, points }: PreparedPortrait, landmarks: readonly number[]): Rgb {
  const sum: Rgb = [0, 0, 0];
  for (const v of landmarks) {
    const x = clamp(Math.floor(points[v * 3]!), 1, image.width - 2);
    const y = clamp(Math.floor(points[v * 3 + 1]!), 1, image.height - 2);
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        for (let c = 0; c < 3; c++) sum[c]! += image.data[((y + dy) * image.width + x + dx) * 3 + c]! / (255 * 9 * landmarks.length);
      }
    }
  }
  return sum;
}

/** The bright part of the eyes: what white looks like in this light. */
function eyeWhite(portrait: PreparedPortrait): Rgb {
  const { image, points } = portrait;
  const found: { luma: number; rgb: Rgb }[] = [];
  for (const { upper, lower } of eyes) {
    for (const i of [1, 2, 4, 5]) {
      for (const f of [0.35, 0.5, 0.65]) {
        const [u, l] = [upper[i]! * 3, lower[i]! * 3];
        const x = clamp(Math.floor(points[u]! + f * (points[l]! - points[u]!)), 0, image.width - 1);
        const y = clamp(Math.floor(points[u + 1]! + f * (points[l + 1]! - points[u + 1]!)), 0, image.height - 1);
        const at = (y * image.width + x) * 3;
        const rgb: Rgb = [image.data[at]! / 255, image.data[at + 1]! / 255, image.data[at + 2]! / 255];
        found.push({ luma: lumaOf(rgb), rgb });
      }
    }
  }
  found.sort((a, b) => b.luma - a.luma);
  const best = found.slice(1, 5);
  return [0, 1, 2].map((c) => best.reduce((s, f) => s + f.rgb[c]! / best.length, 0)) as Rgb;
}

const lumaOf = (c: Rgb) => 0.3 * c[0] + 0.59 * c[1] + 0.11 * c[2];

/**
 * White in this light: the eyes', but brighter than the lit skin and not much darker than its brightest places, for eyes may
 * be narrowed and shaded.
 */
function whiteIn(portrait: PreparedPortrait): Rgb {
  const eye = eyeWhite(portrait);
  // enamel reflects more than any skin
  const lit = Math.min(0.95, Math.max(1.08 * lumaOf(colourAt(portrait, skin)), 0.9 * brightSkin(portrait)));
  const lift = Math.max(1, lit / Math.max(lumaOf(eye), 0.02));
  return eye.map((v) => Math.min(1, v * lift)) as Rgb;
}

/** Luma that one in twenty places of forehead, nose and cheeks surpasses. */
function brightSkin({ image, points }: PreparedPortrait): number {
  const [left, right, top, bottom] = [points[234 * 3]!, points[454 * 3]!, points[151 * 3 + 1]!, points[2 * 3 + 1]!];
  const inset = 0.15 * (right - left);
  const found: number[] = [];
  for (let y = Math.max(0, Math.floor(top)); y < Math.min(image.height, bottom); y++) {
    for (let x = Math.max(0, Math.floor(left + inset)); x < Math.min(image.width, right - inset); x++) {
      const at = (y * image.width + x) * 3;
      found.push(lumaOf([image.data[at]! / 255, image.data[at + 1]! / 255, image.data[at + 2]! / 255]));
    }
  }
  found.sort((p, q) => p - q);
  return found[Math.floor(0.95 * (found.length - 1))] ?? 0;
}

const lips = [0, 17, 37, 267, 84, 314] as const;
const skin = [205, 425, 199, 6] as const;

export function makeInterior(base: PreparedPortrait, face: AvatarFace, lender: PreparedPortrait | null, size: number): InteriorTexture {
  const fill = drawInterior({ white: whiteIn(base), lip: colourAt(base, lips), size });
  const mask = new Float32Array(size * size);
  const flow = new Float32Array(size * size * 2);
  if (!lender) return { fill, mask, flow, gain: [1, 1, 1] };
  borrowTeeth({ base, face, lender, size, mask, flow });
  const [to, from] = [colourAt(base, skin), colourAt(lender, skin)];
  return { fill, mask, flow, gain: [0, 1, 2].map((c) => clamp(to[c]! / Math.max(from[c]!, 0.02), 0.5, 2)) as Rgb };
}

/** Position of texture row `v` in 0..1: which half, and mouth widths below that half's anchor. */
function rowPlace(v: number): { upper: boolean; y: number } {
  const { upper, lower } = interiorLayout;
  return v < 0.5
    ? { upper: true, y: upper[0] + 2 * v * (upper[1] - upper[0]) }
    : { upper: false, y: lower[0] + (2 * v - 1) * (lower[1] - lower[0]) };
}

function drawInterior({ white, lip, size }: { white: Rgb; lip: Rgb; size: number }): Float32Array {
  const out = new Float32Array(3 * size * size);
  const n = size * size;
  const whiteLuma = lumaOf(white);
  // ivory, half in the tint of the light
  const tooth = [1, 0.96, 0.88].map((ivory, c) => ivory * (0.5 * whiteLuma + 0.5 * white[c]!)) as Rgb;
  const hollow: Rgb = [lip[0] * 0.36, lip[1] * 0.26, lip[2] * 0.26];
  const tongue: Rgb = [lip[0] * 0.78, lip[1] * 0.66, lip[2] * 0.68];
  const gum: Rgb = [lip[0] * 0.75, lip[1] * 0.7, lip[2] * 0.7];
  for (let row = 0; row < size; row++) {
    const { upper, y } = rowPlace((row + 0.5) / size);
    for (let column = 0; column < size; column++) {
      const x = ((2 * column + 1) / size - 1) * interiorLayout.halfWidth;
      for (let c = 0; c < 3; c++) {
        let value = hollow[c]!;
        if (upper) {
          const t = toothCover(x, y);
          value += (gum[c]! - value) * 0.7 * (1 - smoothstep(-0.16, -0.06, y));
          value += (tooth[c]! - value) * t;
        } else {
          const cover = smoothstep(-0.3, -0.04, y - 0.5 * x * x) * (1 - smoothstep(0.25, 0.5, Math.abs(x)));
          value += (tongue[c]! - value) * cover;
        }
        out[c * n + row * size + column] = clamp(value, 0, 1);
      }
    }
  }
  return out;
}

/** 0..1 coverage of the upper row of teeth at (x, y) mouth widths: an arc, shaded towards the corners, with faint gaps. */
function toothCover(x: number, y: number): number {
  const ax = Math.abs(x);
  const end = interiorLayout.teethEnd - 0.035 - 0.22 * x * x;
  const body = smoothstep(-0.2, -0.1, y) * (1 - smoothstep(end - 0.025, end + 0.012, y));
  // widths of the teeth from the middle outwards
  const edges = [0, 0.105, 0.19, 0.275, 0.345, 0.41];
  const gap = edges.reduce((m, e) => Math.min(m, Math.abs(ax - e)), 1);
  const line = 1 - 0.09 * (1 - smoothstep(0, 0.014, gap));
  return body * line * (1 - 0.72 * smoothstep(0.2, 0.48, ax));
}

interface Borrowing {
  base: PreparedPortrait;
  face: AvatarFace;
  lender: PreparedPortrait;
  size: number;
  mask: Float32Array;
  flow: Float32Array;
}

/** Maps the texture's upper half rigidly with the skull into the lender's picture, within the lender's lips. */
function borrowTeeth({ base, face, lender, size, mask, flow }: Borrowing): void {
  const side = lender.image.width;
  const fit = fitSimilarity(base.points, lender.points, rigidPoints);
  const open = lipMask(lender);
  const h = face.shape.points;
  const width = Math.hypot(h[308 * 3]! - h[78 * 3]!, h[308 * 3 + 1]! - h[78 * 3 + 1]!);
  const q = face.rotation;
  for (let row = 0; row < size; row++) {
    const { upper, y } = rowPlace((row + 0.5) / size);
    for (let column = 0; column < size; column++) {
      const i = row * size + column;
      const lx = ((2 * column + 1) / size - 1) * interiorLayout.halfWidth * width;
      const ly = y * width;
      const p = [0, 1, 2].map((a) => base.points[13 * 3 + a]! + q[a * 3]! * lx + q[a * 3 + 1]! * ly - fit.sourceCentre[a]!) as Rgb;
      const r = fit.rotation;
      const sx = fit.scale * (r[0]! * p[0] + r[1]! * p[1] + r[2]! * p[2]) + fit.targetCentre[0]!;
      const sy = fit.scale * (r[3]! * p[0] + r[4]! * p[1] + r[5]! * p[2]) + fit.targetCentre[1]!;
      flow[i * 2] = clamp((2 * sx) / side - 1, -1, 1);
      flow[i * 2 + 1] = clamp((2 * sy) / side - 1, -1, 1);
      const inside = sx >= 0 && sy >= 0 && sx < side && sy < side;
      mask[i] = upper && inside ? open[Math.floor(sy) * side + Math.floor(sx)]! * (1 - smoothstep(0.2, 0.34, y)) : 0;
    }
  }
}

/** [side, side] 0..1: well inside the lips of a portrait. */
function lipMask({ image, points }: PreparedPortrait): Float32Array {
  const side = image.width;
  const polygon = Float32Array.from(
    [...innerUpperLip, ...innerLowerLip.slice(1, -1).toReversed()].flatMap((v) => [points[v * 3]!, points[v * 3 + 1]!]),
  );
  const filled = new Float32Array(side * side);
  fillPolygon(polygon, filled, side);
  const reach = Math.max(1, Math.round(side / 256));
  return boxBlur(erode(filled, side, reach), side, reach);
}
