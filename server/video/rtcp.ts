/** The little RTCP that a sender into the router needs (RFC 3550, RFC 4585, RFC 5104). */

const SENDER_REPORT = 200;
const PAYLOAD_SPECIFIC_FEEDBACK = 206;
const PICTURE_LOSS_INDICATION = 1;
const FULL_INTRA_REQUEST = 4;
const NTP_UNIX_OFFSET_S = 2_208_988_800;

/** Whether a compound packet asks for a keyframe. Malformed input is simply no request. */
export function asksForKeyframe(compound: Buffer): boolean {
  let at = 0;
  while (at + 4 <= compound.length) {
    const format = compound[at]! & 0x1f;
    if (compound[at + 1] === PAYLOAD_SPECIFIC_FEEDBACK && (format === PICTURE_LOSS_INDICATION || format === FULL_INTRA_REQUEST))
      return true;
    at += 4 * (compound.readUInt16BE(at + 2) + 1);
  }
  return false;
}

export interface SenderReport {
  ssrc: number;
  /** Wall clock, ms since the Unix epoch, at the instant that `rtpTimestamp` names. */
  unixMs: number;
  rtpTimestamp: number;
  packets: number;
  octets: number;
}

/** A sender report without report blocks: ties the RTP timeline to the wall clock, which is what lip sync runs on. */
export function senderReport({ ssrc, unixMs, rtpTimestamp, packets, octets }: SenderReport): Buffer {
  const seconds = Math.floor(unixMs / 1000);
  const packet = Buffer.alloc(28);
  packet[0] = 0x80;
  packet[1] = SENDER_REPORT;
  packet.writeUInt16BE(packet.length / 4 - 1, 2);
  packet.writeUInt32BE(ssrc, 4);
  packet.writeUInt32BE((seconds + NTP_UNIX_OFFSET_S) >>> 0, 8);
  packet.writeUInt32BE(Math.floor(((unixMs - seconds * 1000) / 1000) * 2 ** 32) >>> 0, 12);
  packet.writeUInt32BE(rtpTimestamp >>> 0, 16);
  packet.writeUInt32BE(packets >>> 0, 20);
  packet.writeUInt32BE(octets >>> 0, 24);
  return packet;
}
