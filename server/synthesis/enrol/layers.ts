/**
 * A portrait taken apart into person and background. A segmentation's edge lies some pixels off and knows no hair; here the
 * edge is found again from the colours on either side of it, so that the person carries no background along when it moves
 * and the background keeps nothing of the person.
 */
import { fillBackground } from './background-plate.ts';
import { fillSmoothly } from './membrane.ts';
import { boxBlur, dilate, erode } from './plane-filters.ts';
import { clamp, smoothstep } from '../../motion/scalars.ts';
import type { PreparedPortrait } from '../../portraits/crop.ts';

/** The filling's detail is a guess: no more of it than this, and none deep behind the person. */
const mostDetail = 0.2;

export interface PersonLayers {
  /** [S, S] 0..1, the person's share of each pixel. */
  alpha: Float32Array;
  /** [3, S, S] 0..1, the person's own colour, continued outwards beyond the edge. */
  foreground: Float32Array;
  /** [3, S, S] 0..1, the picture without the person. */
  background: Float32Array;
}

/** Pixels of a 256 picture: how far outside of the matte hair may reach, and how far inside of it background. */
const reach = { outside: 12, inside: 6 } as const;
/** Squared colour distance at which the segmentation and the colours weigh the same, near the edge and far from it. */
const trust = { near: 0.012, far: 0.12 } as const;

/** @returns null without a matte. */
export function separateLayers(portrait: PreparedPortrait): PersonLayers | null {
  const { image, matte } = portrait;
  if (!matte) return null;
  const side = image.width;
  const n = side * side;
  const unit = side / 256;
  const picture = new Float32Array(3 * n);
  for (let i = 0; i < n; i++) for (let c = 0; c < 3; c++) picture[c * n + i] = image.data[i * 3 + c]! / 255;
  const person = Float32Array.from(matte, (v) => v / 255);
  const filled = fillBackground(portrait, Math.round(reach.outside * unit));
  const foreground = continueOutwards(
    picture,
    erode(
      person.map((v) => (v > 0.5 ? 1 : 0)),
      side,
      Math.round(4 * unit),
    ),
    side,
  );
  const alpha = edgeAlpha({ picture, person, foreground, filled, side });
  const background = joinBackground({ picture, filled, alpha, side });
  return { alpha, foreground, background };
}

interface Join {
  picture: Float32Array;
  filled: Float32Array;
  alpha: Float32Array;
  side: number;
}

/**
 * The picture where the person adds nothing; behind the person a smooth continuation of it, with the filling's fine detail:
 * the filling's larger shapes would repeat the head's outline.
 */
function joinBackground({ picture, filled, alpha, side }: Join): Float32Array {
  const n = side * side;
  const unit = side / 256;
  const stands = dilate(
    alpha.map((v) => (v > 0.04 ? 1 : 0)),
    side,
    Math.max(1, Math.round(1.5 * unit)),
  );
  const seen = stands.map((v) => 1 - v);
  const share = boxBlur(stands, side, Math.max(1, Math.round(unit)));
  const deep = boxBlur(stands, side, Math.round(16 * unit));
  const out = new Float32Array(3 * n);
  for (let c = 0; c < 3; c++) {
    const [shown, guess] = [picture.subarray(c * n, (c + 1) * n), filled.subarray(c * n, (c + 1) * n)];
    const smooth = fillSmoothly(shown, seen, side);
    const coarse = boxBlur(guess, side, Math.max(2, Math.round(6 * unit)));
    for (let i = 0; i < n; i++) {
      const detail = clamp(guess[i]! - coarse[i]!, -mostDetail, mostDetail) * (1 - smoothstep(0.7, 0.98, deep[i]!));
      const joined = clamp(smooth[i]! + (stands[i]! > 0 ? detail : 0), 0, 1);
      out[c * n + i] = shown[i]! + (stands[i]! > 0 ? 1 : share[i]!) * (joined - shown[i]!);
    }
  }
  return out;
}

/** The picture where `known` is 1, elsewhere the mean of what is known nearby, from ever further away. */
function continueOutwards(picture: Float32Array, known: Float32Array, side: number): Float32Array {
  const n = side * side;
  const out = picture.slice();
  const left = known.map((v) => (v > 0 ? 0 : 1));
  for (const radius of [3, 7, 15, 31]) {
    const r = Math.max(1, Math.round((radius * side) / 256));
    const weight = boxBlur(known, side, r);
    for (let c = 0; c < 3; c++) {
      const plane = picture.subarray(c * n, (c + 1) * n);
      const mean = boxBlur(
        plane.map((v, i) => v * known[i]!),
        side,
        r,
      );
      for (let i = 0; i < n; i++) if (left[i]! && weight[i]! > 0.02) out[c * n + i] = mean[i]! / weight[i]!;
    }
    for (let i = 0; i < n; i++) if (weight[i]! > 0.02) left[i] = 0;
  }
  return out;
}

interface Edge {
  picture: Float32Array;
  /** [S, S] 0..1, the segmentation. */
  person: Float32Array;
  foreground: Float32Array;
  filled: Float32Array;
  side: number;
}

/** Alpha from where a pixel's colour lies between the person's and the background's, held to the segmentation where that says little. */
function edgeAlpha({ picture, person, foreground, filled, side }: Edge): Float32Array {
  const n = side * side;
  const unit = side / 256;
  const wide = Math.round(reach.outside * unit);
  // across a straight edge the blurred segmentation falls linearly: a distance
  const blurred = boxBlur(person, side, wide);
  const prior = boxBlur(person, side, Math.max(1, Math.round(unit)));
  const share = new Float32Array(n);
  const certainty = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    let [dot, apart] = [0, 0];
    for (let c = 0; c < 3; c++) {
      const between = foreground[c * n + i]! - filled[c * n + i]!;
      dot += between * (picture[c * n + i]! - filled[c * n + i]!);
      apart += between * between;
    }
    const along = clamp(dot / Math.max(apart, 1e-4), 0, 1);
    let beside = 0;
    for (let c = 0; c < 3; c++) {
      const mixed = filled[c * n + i]! + along * (foreground[c * n + i]! - filled[c * n + i]!);
      beside += (picture[c * n + i]! - mixed) ** 2;
    }
    share[i] = along;
    // a colour that is no mixture of the two says nothing
    certainty[i] = apart * Math.exp(-beside / 0.02);
  }
  const calm = boxBlur(share, side, Math.max(1, Math.round(unit / 2)));
  const alpha = Float32Array.from(prior, (p, i) => {
    const outside = ((0.5 - blurred[i]!) * (2 * wide + 1)) / unit;
    if (outside > reach.outside - 1) return 0;
    if (outside < -reach.inside) return p > 0.98 ? 1 : p;
    const far = smoothstep(1, 6, Math.abs(outside));
    const found = 0.5 * (share[i]! + calm[i]!);
    // far from the edge only what is clearly the other side's colour counts
    const clear = outside > 0 ? smoothstep(0.12 + 0.5 * far, 0.95, found) : smoothstep(0.1, 0.88 - 0.35 * far, found);
    const doubt = trust.near + (trust.far - trust.near) * far;
    const alpha = (certainty[i]! * clear + doubt * p) / (certainty[i]! + doubt);
    const ends = outside > 0 ? 1 - smoothstep(reach.outside - 4, reach.outside - 1, outside) : 1;
    const inner = outside < 0 ? smoothstep(reach.inside - 3, reach.inside, -outside) : 0;
    return clamp(alpha * ends + inner * (1 - alpha * ends), 0, 1);
  });
  return boxBlur(alpha, side, Math.max(1, Math.round(unit)));
}
