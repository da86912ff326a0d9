/** Where a live avatar's landmark packets wait: the newest wins, old news and damaged ones are dropped, stamps are bounded. */
import { AppError } from '../../../client/src/protocol/index.ts';
import { LandmarkDecoder, type DecodedLandmarks } from '../../../client/src/protocol/landmark-packet.ts';
import type { PacketCounts } from './messages.ts';

/** Until packets tell: tracking a picture and sending its landmarks. */
const EXPECTED_LATENCY_MS = 60;
const LATENCY_SMOOTHING = 0.05;
/** A client whose clock is wrong must not throw lip sync off without bound. */
const MOST_LATENCY_MS = 2000;
const REORDER_WINDOW = 256;

export interface ArrivedLandmarks {
  decoded: DecodedLandmarks;
  arrivedMs: number;
}

export class PacketIntake {
  readonly #decoder = new LandmarkDecoder();
  /** Counted: never logged per packet. */
  readonly #onDropped: (reason: keyof PacketCounts) => void;
  #pending: { packet: Uint8Array; arrivedMs: number } | null = null;
  #lastSequence = -1;
  #latencyMs = EXPECTED_LATENCY_MS;

  constructor(onDropped: (reason: keyof PacketCounts) => void) {
    this.#onDropped = onDropped;
  }

  /** Typical age of a packet's picture when it arrives: frames made without a packet are dated back by it. */
  get latencyMs(): number {
    return this.#latencyMs;
  }

  get waiting(): boolean {
    return this.#pending !== null;
  }

  /** A packet that was not taken yet is replaced unseen. */
  push(packet: Uint8Array, arrivedMs: number): void {
    if (this.#pending) this.#onDropped('superseded');
    this.#pending = { packet, arrivedMs };
  }

  /** The newest observation that was not taken yet, if any; valid until the next call. */
  take(): ArrivedLandmarks | null {
    const pending = this.#pending;
    this.#pending = null;
    const decoded = pending && this.#decode(pending.packet);
    if (!decoded) return null;
    // Reordered packets are old news; a longer way backwards means that the client has started anew.
    const behind = (this.#lastSequence - decoded.sequence) & 0xffff;
    if (this.#lastSequence >= 0 && behind < REORDER_WINDOW) {
      this.#onDropped('superseded');
      return null;
    }
    this.#lastSequence = decoded.sequence;
    const age = Math.min(MOST_LATENCY_MS, Math.max(0, pending.arrivedMs - decoded.capturedMs));
    decoded.capturedMs = pending.arrivedMs - age;
    this.#latencyMs += LATENCY_SMOOTHING * (age - this.#latencyMs);
    return { decoded, arrivedMs: pending.arrivedMs };
  }

  #decode(packet: Uint8Array): DecodedLandmarks | null {
    try {
      return this.#decoder.decode(packet);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#onDropped('malformed');
      return null;
    }
  }
}
