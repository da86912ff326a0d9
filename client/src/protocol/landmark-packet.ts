/**
 * The landmark packet: one face of 478 points with its times, in some eighty bytes. Layout, method and measurements: docs/landmark-packet.md.
 *
 * Every packet stands alone: nothing in it refers to an earlier one, so any loss costs just the frames that were lost.
 */
import { AppError } from './errors.ts';
import { ArithmeticDecoder, ArithmeticEncoder } from './landmark-arithmetic.ts';
import { FaceQuantiser } from './landmark-quantiser.ts';
import { COORDINATES, landmarkModel } from './landmark-model.ts';
import { PayloadReader, PayloadWriter, coefficientStep, createQuantisedFace, residualStep, restorePose } from './landmark-payload.ts';
import { ResidualTransform } from './landmark-residual.ts';
import { ShapeProjector, applyPose } from './landmark-shape.ts';
import type { FacePose } from './landmark-shape.ts';
import { TICKS_PER_MS, writeTimes } from './landmark-times.ts';
import { LANDMARK_COUNT } from './landmarks.ts';
import type { LandmarkFrame } from './landmarks.ts';

export const LANDMARK_PACKET_VERSION = 1;
/** Each packet fits one SCTP packet, whatever the face. */
export const MAX_LANDMARK_PACKET_BYTES = 1100;
/** Largest root mean square error of a face's points, in percent of the face's width, unless asked for otherwise. */
export const DEFAULT_TARGET_ERROR_PERCENT = 0.25;

export interface DecodedLandmarks extends LandmarkFrame {
  /** 16 bit, wraps. */
  sequence: number;
  /** When the client sent the packet, ms since the Unix epoch on the server's clock; at most 6.5 s after `capturedMs`. */
  sentMs: number;
}

export const LANDMARK_HEADER_BYTES = 12;
/** Header flags (lower half of the first byte). The reserved two are for the sender's news; a decoder of this version passes over them. */
const FLAG_RESIDUAL = 1;
const FLAG_UNKNOWN = 8;
/** Coordinates beyond this many picture widths are no face. */
const MAX_COORDINATE = 64;

/**
 * Makes packets. It keeps the previous face's quantisation to spare a still face the flicker between two neighbouring values; packets
 * do not depend on each other for it. `encode` returns a fresh array (the packet's bytes alone) that the caller may keep.
 */
export class LandmarkEncoder {
  readonly #quantiser: FaceQuantiser;
  readonly #writer: PayloadWriter;
  readonly #buffer = new Uint8Array(MAX_LANDMARK_PACKET_BYTES + 4);
  #sequence = 0;

  /** `targetErrorPercent`: 0.05 .. 5, see `DEFAULT_TARGET_ERROR_PERCENT`; kept for every face as long as the packet's limit allows. */
  constructor(options: { targetErrorPercent?: number } = {}) {
    const model = landmarkModel();
    const transform = new ResidualTransform(model);
    const target = options.targetErrorPercent ?? DEFAULT_TARGET_ERROR_PERCENT;
    if (!(target >= 0.05 && target <= 5)) throw new AppError('bad-request', 'targetErrorPercent must lie between 0.05 and 5');
    this.#quantiser = new FaceQuantiser(model, transform, target);
    this.#writer = new PayloadWriter(new ArithmeticEncoder(this.#buffer), model, transform);
  }

  /** A frame without a face (confidence 0), or whose points are not finite or not a face's size, becomes a packet without points. */
  encode(frame: LandmarkFrame & { sentMs?: number; sequence?: number }): Uint8Array {
    const sequence = (frame.sequence ?? this.#sequence) & 0xffff;
    this.#sequence = (sequence + 1) & 0xffff;
    const found = frame.confidence > 0 && frame.points.length === COORDINATES && this.#quantiser.measure(frame.points);
    const end = found ? this.#writePoints() : LANDMARK_HEADER_BYTES;
    const packet = this.#buffer.slice(0, end);
    const flags = found && this.#quantiser.face.hasResidual ? FLAG_RESIDUAL : 0;
    packet[0] = (LANDMARK_PACKET_VERSION << 4) | flags;
    packet[1] = found ? Math.max(1, Math.round(Math.min(1, frame.confidence) * 255)) : 0;
    writeTimes(packet, sequence, frame.capturedMs, frame.sentMs ?? frame.capturedMs);
    return packet;
  }

  #writePoints(): number {
    this.#quantiser.quantise();
    let end = this.#writer.write(this.#quantiser.face, LANDMARK_HEADER_BYTES);
    while (end > MAX_LANDMARK_PACKET_BYTES) {
      this.#quantiser.coarsen();
      end = this.#writer.write(this.#quantiser.face, LANDMARK_HEADER_BYTES);
    }
    return end;
  }
}

/** Reads packets; keeps nothing from one to the next. */
export class LandmarkDecoder {
  readonly #model = landmarkModel();
  readonly #transform = new ResidualTransform(this.#model);
  readonly #reader = new PayloadReader(new ArithmeticDecoder(), this.#model, this.#transform);
  readonly #projector = new ShapeProjector(this.#model);
  readonly #face = createQuantisedFace();
  readonly #coefficients = new Float64Array(this.#model.rows.length);
  readonly #shape = new Float64Array(COORDINATES);
  readonly #residual = new Float64Array(COORDINATES);
  readonly #pose: FacePose = { x: 0, y: 0, z: 0, size: 1, roll: 0 };

  /** `points` of the answer is a fresh array, all zero where confidence is 0. Throws `bad-request` on anything that is no whole packet. */
  decode(packet: Uint8Array): DecodedLandmarks {
    const view = checkHeader(packet);
    const points = new Float32Array(LANDMARK_COUNT * 3);
    const confidence = packet[1]! / 255;
    if (confidence > 0) this.#readPoints(packet, points);
    const capturedTicks = view.getUint16(4) * 2 ** 32 + view.getUint32(6);
    return {
      points,
      confidence,
      sequence: view.getUint16(2),
      capturedMs: capturedTicks / TICKS_PER_MS,
      sentMs: (capturedTicks + view.getUint16(10)) / TICKS_PER_MS,
    };
  }

  #readPoints(packet: Uint8Array, points: Float32Array): void {
    const face = this.#face;
    face.hasResidual = (packet[0]! & FLAG_RESIDUAL) !== 0;
    this.#reader.read(packet, LANDMARK_HEADER_BYTES, face);
    const step = coefficientStep(face.stepIndex);
    for (let k = 0; k < this.#coefficients.length; k++) this.#coefficients[k] = face.coefficients[k]! * step;
    this.#projector.build(this.#coefficients, this.#shape);
    if (face.hasResidual) {
      const fine = residualStep(face.residualIndex);
      for (let i = 0; i < COORDINATES; i++) this.#residual[i] = face.residual[i]! * fine;
      this.#transform.inverse(this.#residual);
      for (let i = 0; i < COORDINATES; i++) this.#shape[i]! += this.#residual[i]!;
    }
    restorePose(face.pose, this.#pose);
    applyPose(this.#model, this.#shape, this.#pose, points);
    for (let i = 0; i < COORDINATES; i++) {
      if (!(Math.abs(points[i]!) <= 2 * MAX_COORDINATE)) throw new AppError('bad-request', 'the landmark packet holds no face');
    }
  }
}

function checkHeader(packet: Uint8Array): DataView {
  if (!(packet instanceof Uint8Array) || packet.length < LANDMARK_HEADER_BYTES || packet.length > MAX_LANDMARK_PACKET_BYTES) {
    throw new AppError('bad-request', `a landmark packet has ${LANDMARK_HEADER_BYTES} to ${MAX_LANDMARK_PACKET_BYTES} bytes`);
  }
  if (packet[0]! >> 4 !== LANDMARK_PACKET_VERSION) throw new AppError('bad-request', 'the landmark packet is of another version');
  if ((packet[0]! & FLAG_UNKNOWN) !== 0) throw new AppError('bad-request', 'the landmark packet has an unknown flag');
  if (packet[1] === 0 && (packet.length !== LANDMARK_HEADER_BYTES || (packet[0]! & FLAG_RESIDUAL) !== 0)) {
    throw new AppError('bad-request', 'a landmark packet without a face is a header alone');
  }
  return new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
}
