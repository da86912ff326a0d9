/** Number and times in a landmark packet's header: docs/landmark-packet.md. */

export const TICKS_PER_MS = 10;
const MAX_TICKS = 2 ** 48 - 1;
const MAX_DELTA = 0xffff;

/** Also stamps a packet that is sent again. `sequence`: 16 bits; times in ms since the Unix epoch on the server's clock. */
export function writeTimes(packet: Uint8Array, sequence: number, capturedMs: number, sentMs: number): void {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const captured = clamp(Math.round(capturedMs * TICKS_PER_MS), MAX_TICKS);
  view.setUint16(2, sequence);
  view.setUint16(4, Math.floor(captured / 2 ** 32));
  view.setUint32(6, captured % 2 ** 32);
  view.setUint16(10, clamp(Math.round(sentMs * TICKS_PER_MS) - captured, MAX_DELTA));
}

/** Into 0 .. limit; what is no number becomes 0. */
const clamp = (value: number, limit: number): number => (value > 0 ? Math.min(value, limit) : 0);
