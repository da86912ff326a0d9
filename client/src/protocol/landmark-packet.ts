/**
 * The landmark packet, first form: plain 16-bit quantisation under the final interface (about 3 KB; the compact form replaces it).
 */
import { AppError } from './errors.ts';
import { LANDMARK_COUNT } from './landmarks.ts';
import type { LandmarkFrame } from './landmarks.ts';

export const LANDMARK_PACKET_VERSION = 0;
/** Each packet must fit one SCTP packet. */
export const MAX_LANDMARK_PACKET_BYTES = 1100;

export interface DecodedLandmarks extends LandmarkFrame {
  /** 16 bit, wraps. */
  sequence: number;
  /** When the client sent the packet, ms since the Unix epoch on the server's clock. */
  sentMs: number;
}

const HEADER_BYTES = 24;
const RANGE = 4;

/** `encode` returns a fresh buffer each time. */
export class LandmarkEncoder {
  #sequence = 0;

  constructor(_options: { targetErrorPercent?: number } = {}) {}

  encode(frame: LandmarkFrame & { sentMs?: number; sequence?: number }): Uint8Array {
    const { points } = frame;
    const usable = points.length === LANDMARK_COUNT * 3 && points.every(Number.isFinite);
    const confidence = usable && frame.confidence > 0 ? Math.min(1, frame.confidence) : 0;
    const bytes = new Uint8Array(HEADER_BYTES + (confidence > 0 ? points.length * 2 : 0));
    const view = new DataView(bytes.buffer);
    view.setUint8(0, LANDMARK_PACKET_VERSION);
    view.setUint16(2, (frame.sequence ?? this.#sequence) & 0xffff);
    this.#sequence = ((frame.sequence ?? this.#sequence) + 1) & 0xffff;
    view.setFloat32(4, confidence);
    view.setFloat64(8, frame.capturedMs);
    view.setFloat64(16, frame.sentMs ?? frame.capturedMs);
    if (confidence === 0) return bytes;
    for (let i = 0; i < points.length; i++) {
      const clamped = Math.max(-RANGE, Math.min(RANGE, points[i]!));
      view.setInt16(HEADER_BYTES + i * 2, Math.round((clamped / RANGE) * 32767));
    }
    return bytes;
  }
}

export class LandmarkDecoder {
  decode(packet: Uint8Array): DecodedLandmarks {
    const empty = packet.length === HEADER_BYTES;
    if (!empty && packet.length !== HEADER_BYTES + LANDMARK_COUNT * 6) throw new AppError('bad-request', 'the landmark packet has a wrong length');
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
    if (view.getUint8(0) !== LANDMARK_PACKET_VERSION) throw new AppError('bad-request', 'the landmark packet has another version');
    const confidence = view.getFloat32(4);
    const capturedMs = view.getFloat64(8);
    const sentMs = view.getFloat64(16);
    if (!(confidence >= 0 && confidence <= 1) || (confidence === 0) !== empty || !Number.isFinite(capturedMs) || !Number.isFinite(sentMs)) {
      throw new AppError('bad-request', 'the landmark packet has a damaged header');
    }
    const points = new Float32Array(LANDMARK_COUNT * 3);
    if (!empty) for (let i = 0; i < points.length; i++) points[i] = (view.getInt16(HEADER_BYTES + i * 2) / 32767) * RANGE;
    return { points, capturedMs, confidence, sequence: view.getUint16(2), sentMs };
  }
}
