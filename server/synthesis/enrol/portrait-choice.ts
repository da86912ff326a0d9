/** Which portrait is warped, and which one lends its teeth. */
import { analyseHead, meanLipGap } from '../../motion/head-geometry.ts';
import { rotationVector } from '../../../client/src/faces/rigid-fit.ts';
import type { PreparedPortrait } from '../../portraits/crop.ts';

export interface PortraitChoice {
  /** Index of the portrait that is warped. */
  base: number;
  /** Index of the portrait whose teeth are used, or null when none shows any. */
  teeth: number | null;
}

/** Lip gap over face size from which a mouth counts as open. */
const openGap = 0.035;

export interface PortraitTraits {
  /** Radians away from looking into the camera. */
  turned: number;
  lipGap: number;
  /** Opening of both eyes over their width. */
  eyesOpen: number;
  /** How much wider than high the mouth is, over face width: a smile pulls it. */
  smile: number;
  /** Mean gradient inside the face, 0..1 scale. */
  sharpness: number;
}

export function portraitTraits(portrait: PreparedPortrait): PortraitTraits {
  const { shape, rotation } = analyseHead(portrait.points);
  const [nod, turn] = rotationVector(rotation);
  const h = shape.points;
  return {
    turned: Math.hypot(nod * 0.7, turn),
    lipGap: meanLipGap(h, shape.extents[2]),
    eyesOpen: (shape.eyeOpenness[0] + shape.eyeOpenness[1]) / 2,
    smile: Math.abs(h[291 * 3]! - h[61 * 3]!) / shape.extents[0],
    sharpness: faceSharpness(portrait),
  };
}

/** The frontal, neutral, sharp one with open eyes and a shut mouth is warped; the widest bright opening lends teeth. */
export function choosePortraits(portraits: readonly PreparedPortrait[]): PortraitChoice {
  const traits = portraits.map(portraitTraits);
  const sharpest = Math.max(...traits.map((t) => t.sharpness), 1e-6);
  const smallestSmile = Math.min(...traits.map((t) => t.smile));
  const cost = traits.map(
    (t) =>
      3 * Math.max(0, t.turned - 0.08) +
      10 * Math.max(0, t.lipGap - 0.02) +
      4 * Math.max(0, 0.22 - t.eyesOpen) +
      5 * (t.smile - smallestSmile) +
      0.6 * (1 - t.sharpness / sharpest),
  );
  const base = cost.indexOf(Math.min(...cost));
  const shown = traits.map((t, i) =>
    t.lipGap < openGap || t.turned > 0.45 ? 0 : teethBrightness(portraits[i]!) * Math.min(t.lipGap, 0.12),
  );
  const best = Math.max(...shown);
  return { base, teeth: best > 0 ? shown.indexOf(best) : null };
}

function luma(data: Uint8Array, at: number): number {
  return (0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!) / 255;
}

/** Brightness between the lips relative to the lips; 0 when it is dark there (no teeth to lend). */
function teethBrightness({ image, points }: PreparedPortrait): number {
  const at = (x: number, y: number) =>
    (Math.min(image.height - 1, Math.max(0, Math.floor(y))) * image.width + Math.min(image.width - 1, Math.max(0, Math.floor(x)))) * 3;
  let inside = 0;
  let lips = 0;
  for (const [u, l] of [
    [13, 14],
    [82, 87],
    [312, 317],
  ] as const) {
    inside += luma(image.data, at(points[u * 3]! * 0.6 + points[l * 3]! * 0.4, points[u * 3 + 1]! * 0.6 + points[l * 3 + 1]! * 0.4)) / 3;
  }
  for (const v of [0, 17, 37, 267]) lips += luma(image.data, at(points[v * 3]!, points[v * 3 + 1]!)) / 4;
  return Math.max(0, inside / Math.max(lips, 0.02) - 0.95);
}

function faceSharpness({ image, points }: PreparedPortrait): number {
  const [left, right, top, bottom] = [points[234 * 3]!, points[454 * 3]!, points[10 * 3 + 1]!, points[152 * 3 + 1]!].map(Math.round) as [
    number,
    number,
    number,
    number,
  ];
  let sum = 0;
  let n = 0;
  for (let y = Math.max(1, top); y < Math.min(image.height - 1, bottom); y++) {
    for (let x = Math.max(1, left); x < Math.min(image.width - 1, right); x++, n++) {
      const i = (y * image.width + x) * 3;
      sum +=
        Math.abs(luma(image.data, i + 3) - luma(image.data, i - 3)) +
        Math.abs(luma(image.data, i + image.width * 3) - luma(image.data, i - image.width * 3));
    }
  }
  return n ? sum / n : 0;
}
