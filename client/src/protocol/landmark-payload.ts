/** The numbers of a landmark packet and their entropy coding, both ways. Integers only: encoder and decoder cannot drift apart. */
import { AppError } from './errors.ts';
import type { ArithmeticDecoder, ArithmeticEncoder } from './landmark-arithmetic.ts';
import { CLASS_ORIGIN, CLASSES, COMPONENTS, SYMBOLS } from './landmark-basis.ts';
import { COORDINATES } from './landmark-model.ts';
import type { LandmarkModel } from './landmark-model.ts';
import type { FacePose } from './landmark-shape.ts';
import { RESIDUAL_DEPTHS } from './landmark-residual.ts';
import type { ResidualTransform } from './landmark-residual.ts';

export const STEPS = 64;
/** Eighth octaves between 1 and 2, as literals: powers are not exact in every engine. */
const EIGHTHS = [
  1, 1.0905077326652577, 1.189207115002721, 1.2968395546510096, 1.4142135623730951, 1.5422108254079407, 1.681792830507429,
  1.8340080864093424,
];
/** Quantiser step of the coefficients at index 0; 2^(1/8) more with each index. Its quarter octave is STEP_QUARTER. */
const FINEST_STEP = 0.0028;
const STEP_QUARTER = -34;
const FINEST_RESIDUAL_STEP = 0.0005;
/** Step of roll and of ln size in radians and nepers, and of the position in units of the size: 0.04 % of the face width. */
export const POSE_STEP = 0.001;
/** Mean magnitude of each pose number in steps (position: at size 1), in quarter octaves, about these centres. */
const POSE = {
  lnSize: { centre: -2.1, quarter: 34 },
  x: { centre: 0.5, quarter: 28 },
  y: { centre: 0.45, quarter: 28 },
  z: { centre: 0, quarter: 12 },
  roll: { centre: 0, quarter: 28 },
} as const;
const QUARTERS_PER_NEPER = 5.770780163555854;
const LAPLACE = 1;
/** More than this no encoder makes; a damaged packet might. */
const MAX_GOLOMB_BITS = 24;

export const coefficientStep = (index: number): number => FINEST_STEP * EIGHTHS[index & 7]! * 2 ** (index >> 3);
export const residualStep = (index: number): number => FINEST_RESIDUAL_STEP * EIGHTHS[(index & 3) * 2]! * 2 ** (index >> 2);

/** One face as whole numbers; kept and refilled by its owner. */
export interface QuantisedFace {
  /** ln size, x, y, z, roll in steps from their centres. */
  pose: Int32Array;
  stepIndex: number;
  /** [components] */
  coefficients: Int32Array;
  hasResidual: boolean;
  residualIndex: number;
  /** [1434] in the order of points; Haar coefficients. */
  residual: Int32Array;
}

export const createQuantisedFace = (): QuantisedFace => ({
  pose: new Int32Array(5),
  stepIndex: 0,
  coefficients: new Int32Array(COMPONENTS),
  hasResidual: false,
  residualIndex: 0,
  residual: new Int32Array(COORDINATES),
});

export function quantisePose(pose: FacePose, out: Int32Array): void {
  out[0] = Math.round((Math.log(pose.size) - POSE.lnSize.centre) / POSE_STEP);
  const unit = POSE_STEP * sizeOf(out[0]);
  out[1] = Math.round((pose.x - POSE.x.centre) / unit);
  out[2] = Math.round((pose.y - POSE.y.centre) / unit);
  out[3] = Math.round((pose.z - POSE.z.centre) / unit);
  out[4] = Math.round(pose.roll / POSE_STEP);
}

export function restorePose(steps: Int32Array, pose: FacePose): void {
  pose.size = sizeOf(steps[0]!);
  const unit = POSE_STEP * pose.size;
  pose.x = POSE.x.centre + steps[1]! * unit;
  pose.y = POSE.y.centre + steps[2]! * unit;
  pose.z = POSE.z.centre + steps[3]! * unit;
  pose.roll = steps[4]! * POSE_STEP;
}

const sizeOf = (steps: number): number => Math.exp(POSE.lnSize.centre + steps * POSE_STEP);

/** The smaller the face, the more steps to the same place in the picture. */
function positionShift(sizeSteps: number): number {
  return -Math.round((POSE.lnSize.centre + sizeSteps * POSE_STEP) * QUARTERS_PER_NEPER);
}

/** How large a number to expect: offset into the tables and raw low bits. */
function tableOf(shape: number, quarter: number): { offset: number; rawBits: number } {
  const level = quarter - CLASS_ORIGIN;
  const rawBits = level < CLASSES ? 0 : (level - CLASSES + 4) >> 2;
  const row = Math.max(0, level - 4 * rawBits);
  location.offset = (shape * CLASSES + row) * (SYMBOLS + 1);
  location.rawBits = Math.min(rawBits, 20);
  return location;
}
/** Reused: two of these per number would be two thousand objects a packet. */
const location = { offset: 0, rawBits: 0 };

/** Running mean magnitude (in 1/256) of the residual at one depth of the tree, on which the next numbers' law depends. */
class MagnitudeTracker {
  readonly #means = new Int32Array(RESIDUAL_DEPTHS * 2);

  reset(): void {
    this.#means.fill(128);
  }

  quarter(context: number): number {
    let value = Math.max(4, this.#means[context]!);
    let quarter = -32;
    while (value >= 32) {
      value >>= 1;
      quarter += 4;
    }
    return quarter + QUARTERS[value]!;
  }

  update(context: number, magnitude: number): void {
    const mean = this.#means[context]!;
    this.#means[context] = mean + ((Math.min(magnitude, 4096) * 256 - mean) >> 4);
  }
}
/** 4 log2 v, rounded, for v below 32. */
const QUARTERS = [0, 0, 4, 6, 8, 9, 10, 11, 12, 13, 13, 14, 14, 15, 15, 16, 16, 16, 17, 17, 17, 18, 18, 18, 18, 19, 19, 19, 19, 19, 20, 20];

export class PayloadWriter {
  readonly #coder: ArithmeticEncoder;
  readonly #model: LandmarkModel;
  readonly #transform: ResidualTransform;
  readonly #tracker = new MagnitudeTracker();

  constructor(coder: ArithmeticEncoder, model: LandmarkModel, transform: ResidualTransform) {
    this.#coder = coder;
    this.#model = model;
    this.#transform = transform;
  }

  /** Returns the byte behind the code's last one, which may lie behind the buffer's end. */
  write(face: QuantisedFace, startByte: number): number {
    this.#coder.begin(startByte);
    this.#coder.encodeBits(face.stepIndex, 6);
    const shift = positionShift(face.pose[0]!);
    this.#number(face.pose[0]!, LAPLACE, POSE.lnSize.quarter);
    this.#number(face.pose[1]!, LAPLACE, POSE.x.quarter + shift);
    this.#number(face.pose[2]!, LAPLACE, POSE.y.quarter + shift);
    this.#number(face.pose[3]!, LAPLACE, POSE.z.quarter);
    this.#number(face.pose[4]!, LAPLACE, POSE.roll.quarter);
    const { lawShape, lawQuarter } = this.#model;
    const scale = STEP_QUARTER + (face.stepIndex >> 1);
    for (let k = 0; k < COMPONENTS; k++) this.#number(face.coefficients[k]!, lawShape[k]!, lawQuarter[k]! - scale);
    if (face.hasResidual) this.#residual(face);
    return this.#coder.finish();
  }

  #residual(face: QuantisedFace): void {
    const { order, depth } = this.#transform;
    this.#coder.encodeBits(face.residualIndex, 6);
    this.#tracker.reset();
    for (let i = 0; i < order.length; i++) {
      for (let axis = 0; axis < 3; axis++) {
        const context = depth[i]! * 2 + (axis >> 1);
        const value = face.residual[order[i]! * 3 + axis]!;
        this.#number(value, LAPLACE, this.#tracker.quarter(context));
        this.#tracker.update(context, Math.abs(value));
      }
    }
  }

  #number(value: number, shape: number, quarter: number): void {
    const { offset, rawBits } = tableOf(shape, quarter);
    const magnitude = Math.abs(value);
    const high = Math.floor(magnitude / 2 ** rawBits);
    const symbol = Math.min(high, SYMBOLS - 1);
    this.#coder.encode(this.#model.cumulative[offset + symbol]!, this.#model.cumulative[offset + symbol + 1]!);
    if (symbol === SYMBOLS - 1) this.#golomb(high - symbol);
    if (rawBits > 0) this.#coder.encodeBits(magnitude % 2 ** rawBits, rawBits);
    if (magnitude > 0) this.#coder.encodeBits(value < 0 ? 1 : 0, 1);
  }

  /** Exponential Golomb: as many ones as there are bits behind the leading one, a zero, the bits. */
  #golomb(value: number): void {
    const bits = 31 - Math.clz32(value + 1);
    for (let i = 0; i < bits; i++) this.#coder.encodeBits(1, 1);
    this.#coder.encodeBits(0, 1);
    this.#coder.encodeBits(value + 1 - 2 ** bits, bits);
  }
}

export class PayloadReader {
  readonly #coder: ArithmeticDecoder;
  readonly #model: LandmarkModel;
  readonly #transform: ResidualTransform;
  readonly #tracker = new MagnitudeTracker();

  constructor(coder: ArithmeticDecoder, model: LandmarkModel, transform: ResidualTransform) {
    this.#coder = coder;
    this.#model = model;
    this.#transform = transform;
  }

  /** Fills `face`; `face.hasResidual` says what to expect. Throws `bad-request` unless the code ends with the packet. */
  read(packet: Uint8Array, startByte: number, face: QuantisedFace): void {
    this.#coder.begin(packet, startByte);
    face.stepIndex = this.#coder.decodeBits(6);
    face.pose[0] = this.#number(LAPLACE, POSE.lnSize.quarter);
    // A face this far from any picture's size would make every later number meaningless.
    if (Math.abs(face.pose[0]) > 12_000) throw damaged();
    const shift = positionShift(face.pose[0]);
    face.pose[1] = this.#number(LAPLACE, POSE.x.quarter + shift);
    face.pose[2] = this.#number(LAPLACE, POSE.y.quarter + shift);
    face.pose[3] = this.#number(LAPLACE, POSE.z.quarter);
    face.pose[4] = this.#number(LAPLACE, POSE.roll.quarter);
    const { lawShape, lawQuarter } = this.#model;
    const scale = STEP_QUARTER + (face.stepIndex >> 1);
    for (let k = 0; k < COMPONENTS; k++) face.coefficients[k] = this.#number(lawShape[k]!, lawQuarter[k]! - scale);
    if (face.hasResidual) this.#residual(face);
    if (this.#coder.end !== packet.length) throw damaged();
  }

  #residual(face: QuantisedFace): void {
    const { order, depth } = this.#transform;
    face.residualIndex = this.#coder.decodeBits(6);
    this.#tracker.reset();
    for (let i = 0; i < order.length; i++) {
      for (let axis = 0; axis < 3; axis++) {
        const context = depth[i]! * 2 + (axis >> 1);
        const value = this.#number(LAPLACE, this.#tracker.quarter(context));
        face.residual[order[i]! * 3 + axis] = value;
        this.#tracker.update(context, Math.abs(value));
      }
    }
  }

  #number(shape: number, quarter: number): number {
    const { offset, rawBits } = tableOf(shape, quarter);
    const symbol = this.#coder.decode(this.#model.cumulative, offset, SYMBOLS);
    const high = symbol === SYMBOLS - 1 ? symbol + this.#golomb() : symbol;
    const magnitude = rawBits > 0 ? high * 2 ** rawBits + this.#coder.decodeBits(rawBits) : high;
    if (magnitude > 0x7fffffff) throw damaged();
    return magnitude > 0 && this.#coder.decodeBits(1) === 1 ? -magnitude : magnitude;
  }

  #golomb(): number {
    let bits = 0;
    while (this.#coder.decodeBits(1) === 1) if (++bits > MAX_GOLOMB_BITS) throw damaged();
    return 2 ** bits + this.#coder.decodeBits(bits) - 1;
  }
}

const damaged = (): AppError => new AppError('bad-request', 'the landmark packet is damaged');
