/**
 * Landmark packets on their way to a synthesis process. A message between processes costs more than what is in it: packets
 * that come close together share one, and a packet that comes alone leaves at once.
 */
import { serverNow } from '../../base/clock.ts';
import type { LandmarkMessage } from './messages.ts';

/** Longest wait of a packet: a few percent of a frame's interval. */
const SPACING_MS = 4;

export class LandmarkBatcher {
  readonly #send: (packets: LandmarkMessage[]) => void;
  #packets: LandmarkMessage[] = [];
  #lastMs = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(send: (packets: LandmarkMessage[]) => void) {
    this.#send = send;
  }

  /** The packet's buffer may be reused by the caller afterwards. */
  push(message: LandmarkMessage): void {
    const waitMs = this.#lastMs + SPACING_MS - serverNow();
    if (waitMs <= 0 && this.#packets.length === 0) return this.#flush([message]);
    this.#packets.push({ ...message, packet: Uint8Array.from(message.packet) });
    this.#timer ??= setTimeout(() => this.#flush(this.#packets), Math.max(1, waitMs));
  }

  #flush(packets: LandmarkMessage[]): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#packets = [];
    this.#lastMs = serverNow();
    this.#send(packets);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#packets = [];
  }
}
