/** RTP's clock for video: 90 kHz, 32 bits (RFC 3551, RFC 7741). */

export const VIDEO_CLOCK_RATE = 90_000;

const TICKS_PER_MS = VIDEO_CLOCK_RATE / 1000;

/** RTP timestamps are the server clock's milliseconds x 90, modulo 2^32: capture time can be read off any packet. */
export function rtpTimestampOf(unixMs: number): number {
  return Math.round((unixMs % (2 ** 32 / TICKS_PER_MS)) * TICKS_PER_MS) >>> 0;
}
