/**
 * A portrait's own mesh, posed by a motion. Deltas are scaled to the portrait's proportions, lip gap and lids are set
 * explicitly, and the head stays within what the model can show.
 */
import { LANDMARK_COUNT } from '../../client/src/protocol/landmarks.ts';
import { analyseHead, eyeOpenness, eyeWidth, gazeOffset } from './head-geometry.ts';
import type { FaceShape } from './head-geometry.ts';
import { lipPulls, setLipGaps } from './lip-closing.ts';
import type { LipPull } from './lip-closing.ts';
import { eyes, innerLowerLip, innerUpperLip, lipColumns } from '../landmarker/mesh-topology.ts';
import { motionLayout } from './motion.ts';
import type { Motion } from './motion.ts';
import { shutEyeShare, surfacePosing } from './posing.ts';
import type { Posing, SoftLimit } from './posing.ts';
import { rotationMatrix } from '../../client/src/faces/rigid-fit.ts';
import { clamp, softClamp } from './scalars.ts';

const L = motionLayout;
export interface PosedFace {
  /** [478, 3] pixels of the output picture. */
  points: Float32Array;
  scale: number;
  /** Head motion in image axes (row-major 3 x 3): portrait → now. */
  rotation: Float64Array;
  /** Shift of the head's centre, pixels. */
  shift: [number, number];
  closure: [number, number];
  /** Shift of each iris in portrait pixels, picture axes: x0, y0, x1, y1. */
  gaze: Float64Array;
  /** Opening in the middle of the lips over face size. */
  lipGap: number;
}

export interface AvatarFaceOptions {
  /** [478, 3] pixels of the portrait. */
  points: Float32Array;
  /** Side of the square picture, pixels. */
  size: number;
  /** Absolute motion: place, limits and lips are the driver's own. */
  absolute?: boolean;
  /** What the model needs; that of a warp unless given. */
  posing?: Posing;
}

/** A lip contour's offset from what is seen (`Posing.lipOverlap`) is full from this gap on, over face size. */
const lipOverlapOver = 0.02;

/** A tracker's contours of lips that are pressed together lie a little across each other, by no more than this with another's: over face size. */
const mostPressed = -0.008;
/** A hand-held camera and every blink change a face's size by so much (natural logarithm): nothing that a portrait should do. */
const sizeNoise = 0.015;
/** Another's eyes never open further than this closure. */
const widestEye = -0.4;
/** Eye widths that an iris moves from its place at rest, with another's motion. */
const gazeLimits = { aside: { knee: 0.2, limit: 0.32 }, up: { knee: 0.12, limit: 0.2 } } as const;

export class AvatarFace {
  readonly size: number;
  readonly points: Float32Array;
  readonly shape: FaceShape;
  /** Head → image of the portrait. */
  readonly rotation: Float64Array;
  readonly centre: Float64Array;
  readonly #absolute: boolean;
  readonly #posing: Posing;
  /** How far the portrait itself is turned, radians, signed as the motion. */
  readonly #aside: number;
  readonly #lipPulls: LipPull[];
  readonly #lipRest: Float64Array;
  readonly #work = new Float64Array(LANDMARK_COUNT * 3);
  readonly #lipFix = new Float64Array(lipColumns);
  readonly #irisNow = new Float64Array(2);
  readonly #turn = new Float64Array(9);
  readonly #total = new Float64Array(9);

  constructor(options: AvatarFaceOptions) {
    this.size = options.size;
    this.#absolute = options.absolute ?? false;
    this.#posing = options.posing ?? surfacePosing;
    this.points = this.#absolute ? options.points : flatterSides(options.points, this.#posing.sideDepth);
    const head = analyseHead(options.points);
    this.shape = head.shape;
    this.rotation = head.rotation;
    this.centre = head.centre;
    this.#aside = Math.atan2(head.rotation[2]!, head.rotation[8]!);
    this.#lipPulls = lipPulls(this.shape.points);
    this.#lipRest = this.#restingLips();
  }

  static newPose(): PosedFace {
    return {
      points: new Float32Array(LANDMARK_COUNT * 3),
      scale: 1,
      rotation: Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1),
      shift: [0, 0],
      closure: [0, 0],
      gaze: new Float64Array(4),
      lipGap: 0,
    };
  }

  /** The portrait's face as a driver's face at rest: in units of the picture's width. */
  inPictureWidths(): { shape: FaceShape; rotation: Float64Array; centre: Float64Array } {
    const { shape, rotation, centre } = analyseHead(Float64Array.from(this.points, (v) => v / this.size));
    return { shape, rotation, centre };
  }

  /** Poses the portrait's mesh by `motion` into `out`. */
  pose(motion: Motion, out: PosedFace): PosedFace {
    const { points: rest, extents } = this.shape;
    const h = this.#work;
    for (let i = 0; i < h.length; i++) h[i] = rest[i]! + motion[L.deltas + i]! * extents[(i % 3) as 0 | 1 | 2];
    this.#setLips(motion, h);
    for (const eye of [0, 1] as const) this.#setEye(eye, motion, h, out);
    this.#place(motion, h, out);
    const mid = (lipColumns >> 1) + 1;
    out.lipGap = (h[innerLowerLip[mid]! * 3 + 1]! - h[innerUpperLip[mid]! * 3 + 1]!) / extents[2];
    return out;
  }

  /** Lip gaps of the avatar at rest, over face size: a portrait with parted lips closes them when the driver does. */
  #restingLips(): Float64Array {
    const { points, extents, lipGaps } = this.shape;
    const mouthWidth = Math.abs(points[308 * 3]! - points[78 * 3]!) / extents[2];
    return lipGaps.map((gap) => (this.#absolute ? gap : Math.min(gap, 0.02 * mouthWidth)));
  }

  #setLips(motion: Motion, h: Float64Array): void {
    const size = this.shape.extents[2];
    const own = this.#absolute ? this.shape.lipGaps : null;
    const wanted = (i: number) => {
      const beyond = motion[L.lips + i]!;
      const rest = own ? own[i]! : this.#lipRest[i]!;
      if (this.#posing.tracked) return size * (rest + (own ? beyond : Math.max(mostPressed, beyond)));
      return size * (own ? rest + this.#seen(Math.max(0, rest + beyond)) - this.#seen(rest) : rest + this.#seen(Math.max(0, beyond)));
    };
    setLipGaps(h, wanted, this.#lipPulls, this.#lipFix);
  }

  /** Opening that is seen between lips whose contours are `gap` apart; over face size. */
  #seen(gap: number): number {
    const { absolute, relative } = this.#posing.lipOverlap;
    return gap - (this.#absolute ? absolute : relative) * (1 - Math.exp(-Math.max(0, gap) / lipOverlapOver));
  }

  /** Lids from the closure, with the skin around them; gaze into `out`. */
  #setEye(eye: 0 | 1, motion: Motion, h: Float64Array, out: PosedFace): void {
    const closure = motion[L.closure + eye]!;
    const shut = clamp(closure, this.#absolute ? -Infinity : widestEye, 1);
    if (this.#posing.tracked) this.#setTrackedLids(eye, this.#absolute ? closure : Math.max(widestEye, closure), h);
    else this.#setSurfaceLids(eye, shut, h);
    out.closure[eye] = shut;
    const width = eyeWidth(this.shape.points, eye);
    const limit = (value: number, { knee, limit: most }: SoftLimit) => (this.#absolute ? value : softClamp(value, knee, most));
    const gx = limit(motion[L.gaze + eye * 2]!, gazeLimits.aside) * width;
    const gy = limit(motion[L.gaze + eye * 2 + 1]!, gazeLimits.up) * width;
    if (this.#posing.tracked) this.#setIris(eye, [gx / width, gy / width], h);
    const reach = 1 - Math.max(0, shut);
    out.gaze[eye * 2] = (this.rotation[0]! * gx + this.rotation[1]! * gy) * reach;
    out.gaze[eye * 2 + 1] = (this.rotation[3]! * gx + this.rotation[4]! * gy) * reach;
  }

  /** Lids that are drawn: each column opens by the same share of its own gap at rest, so that a shut eye has none. */
  #setSurfaceLids(eye: 0 | 1, closure: number, h: Float64Array): void {
    const { upper, lower } = eyes[eye];
    const rest = this.shape.points;
    const open = closure > 0 ? 1 - closure : lidOpening(closure);
    for (let i = 0; i < upper.length; i++) {
      const [u, l] = [upper[i]! * 3 + 1, lower[i]! * 3 + 1];
      this.#moveLids(eye, i, (rest[l]! - rest[u]!) * open - (h[l]! - h[u]!), h);
    }
  }

  /**
   * Lids as a tracker sees them: the driver's own shape of an eye stays, only its mean opening is brought to what is wanted. Nothing is
   * left to do for a driver with the avatar's own proportions; a face without a driver blinks by this alone.
   */
  #setTrackedLids(eye: 0 | 1, closure: number, h: Float64Array): void {
    const { upper, lower } = eyes[eye];
    const rest = this.shape.points;
    const [atRest, now] = [eyeOpenness(rest, eye) * eyeWidth(rest, eye), eyeOpenness(h, eye) * eyeWidth(h, eye)];
    const wanted = Math.max(0, lidOpening(closure)) * this.shape.eyeOpenness[eye] * eyeWidth(h, eye);
    for (let i = 0; i < upper.length; i++) {
      const share = (rest[lower[i]! * 3 + 1]! - rest[upper[i]! * 3 + 1]!) / atRest;
      this.#moveLids(eye, i, (wanted - now) * share, h);
    }
  }

  /** Opens one column of an eye by `fix`, the skin around it with it. */
  #moveLids(eye: 0 | 1, column: number, fix: number, h: Float64Array): void {
    const { upper, lower, crease, browRidge, pouch } = eyes[eye];
    h[upper[column]! * 3 + 1]! -= 0.85 * fix;
    h[lower[column]! * 3 + 1]! += 0.15 * fix;
    h[crease[column]! * 3 + 1]! -= 0.45 * fix;
    h[browRidge[column]! * 3 + 1]! -= 0.1 * fix;
    h[pouch[column]! * 3 + 1]! += 0.1 * fix;
  }

  /** Brings an iris to its place at rest and `gaze`, in eye widths, from where the deltas have it: an idle face's know of no gaze. */
  #setIris(eye: 0 | 1, gaze: readonly [number, number], h: Float64Array): void {
    gazeOffset(h, eye, this.#irisNow, 0);
    const width = eyeWidth(h, eye);
    for (const a of [0, 1] as const) {
      const move = (this.shape.gaze[eye * 2 + a]! + gaze[a] - this.#irisNow[a]!) * width;
      for (const v of eyes[eye].iris) h[v * 3 + a]! += move;
    }
  }

  /** Head axes → picture, within the limits. */
  #place(motion: Motion, h: Float64Array, out: PosedFace): void {
    const lim = this.#posing.limits;
    const clamp = (value: number, { knee, limit }: SoftLimit) => (this.#absolute ? value : softClamp(value, knee, limit));
    rotationMatrix(
      clamp(motion[L.rotation]!, lim.pitch),
      clamp(motion[L.rotation + 1]!, this.#yawLimit(motion[L.rotation + 1]!)),
      clamp(motion[L.rotation + 2]!, lim.roll),
      this.#turn,
    );
    const k = Math.exp(
      this.#absolute ? motion[L.logScale]! : softClamp(steadySize(motion[L.logScale]!), lim.logScale.knee, lim.logScale.limit),
    );
    const r = this.#total;
    const p = this.rotation;
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++)
        r[i * 3 + j] = p[i * 3]! * this.#turn[j]! + p[i * 3 + 1]! * this.#turn[3 + j]! + p[i * 3 + 2]! * this.#turn[6 + j]!;
      // portrait → now in image axes is r · pᵀ
    }
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++)
        out.rotation[i * 3 + j] = r[i * 3]! * p[j * 3]! + r[i * 3 + 1]! * p[j * 3 + 1]! + r[i * 3 + 2]! * p[j * 3 + 2]!;
    }
    out.scale = k;
    out.shift[0] = this.#shift(motion[L.translation]!, 0);
    out.shift[1] = this.#shift(motion[L.translation + 1]!, 1);
    const cx = this.centre[0]! + out.shift[0];
    const cy = this.centre[1]! + out.shift[1];
    const to = out.points;
    for (let i = 0; i < h.length; i += 3) {
      const [x, y, z] = [h[i]!, h[i + 1]!, h[i + 2]!];
      to[i] = k * (r[0]! * x + r[1]! * y + r[2]! * z) + cx;
      to[i + 1] = k * (r[3]! * x + r[4]! * y + r[5]! * z) + cy;
      to[i + 2] = k * (r[6]! * x + r[7]! * y + r[8]! * z) + this.centre[2]!;
    }
  }

  /** A portrait that looks aside has one cheek hidden: turning that one to the front is limited more. */
  #yawLimit(turn: number): SoftLimit {
    const { knee, limit } = this.#posing.limits.yaw;
    const less = turn * this.#aside < 0 ? Math.min(0.6, Math.abs(this.#aside) / limit) : 0;
    return { knee: knee * (1 - less), limit: limit * (1 - less) };
  }

  /** Shift in pixels along an axis; compressed so that the face stays in the picture. */
  #shift(translation: number, axis: 0 | 1): number {
    const face = this.shape.extents[2];
    const wanted = translation * face;
    if (this.#absolute) return wanted;
    const room = wanted < 0 ? this.centre[axis]! - 0.62 * face : this.size - this.centre[axis]! - 0.72 * face;
    const limit = Math.min(0.45 * face, Math.max(0.06 * face, room));
    return softClamp(wanted, 0.5 * limit, limit);
  }
}

/** Brings what lies behind the eyes forward, so that the jaw stays slim where the portrait has no side to show. */
function flatterSides(points: Float32Array, sideDepth: number): Float32Array {
  if (sideDepth === 1) return points;
  const { shape, centre } = analyseHead(points);
  const from = centre[2]! + 0.15 * shape.extents[2];
  return points.map((v, i) => (i % 3 === 2 && v > from ? from + sideDepth * (v - from) : v));
}

/** Share of the open gap between the lids, as a tracker sees it. */
function lidOpening(closure: number): number {
  return 1 - closure * (1 - shutEyeShare);
}

/** Nearly flat within `sizeNoise`; beyond it less by that, so that coming closer has no step. */
function steadySize(logScale: number): number {
  return logScale - sizeNoise * Math.tanh(logScale / sizeNoise);
}
