/** RTP packets out of encoded frames: VP8 (RFC 7741) and H.264 in packetization mode 1 (RFC 6184). */
import { randomInt } from 'node:crypto';

/** Leaves room for IP, UDP, SRTP and the SFU's own header extensions within a 1280 byte path. */
const MAX_PAYLOAD_BYTES = 1160;
const ONE_BYTE_EXTENSION_PROFILE = 0xbede; // RFC 8285

export type VideoCodec = 'vp8' | 'h264';

/** A payload is a list of pieces that are joined into the packet, so that nothing is copied twice. */
type Payload = Uint8Array[];

/** Cuts `data` into the fewest pieces of nearly equal size: no short straggler that costs a packet. */
function* evenParts(data: Uint8Array, maxBytes: number): Generator<Uint8Array> {
  const count = Math.max(1, Math.ceil(data.length / maxBytes));
  const size = Math.ceil(data.length / count);
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

/**
 * VP8 payload descriptor: S on the first packet of a frame; on all a 15 bit picture id, TL0PICIDX, and a temporal layer, which is always 0. With these
 * libwebrtc tells by the picture id which frame a frame refers to, and not by unbroken sequence numbers: so a frame may be sent twice.
 */
function vp8Payloads(frame: Uint8Array, pictureId: number): Payload[] {
  const [high, low] = [0x80 | (pictureId >> 8), pictureId & 0xff];
  // Each frame is one of the base layer: its index counts as the picture id does, and 2^15 is a multiple of its 2^8.
  return [...evenParts(frame, MAX_PAYLOAD_BYTES)].map((part, index) => [
    Uint8Array.of(index === 0 ? 0x90 : 0x80, 0xe0, high, low, low, 0),
    part,
  ]);
}

/** The NAL units of an Annex B byte stream, without start codes. */
export function* nalUnits(stream: Buffer): Generator<Uint8Array> {
  const startCode = Buffer.from([0, 0, 1]);
  let code = stream.indexOf(startCode);
  while (code !== -1) {
    const start = code + startCode.length;
    code = stream.indexOf(startCode, start);
    let end = code === -1 ? stream.length : code;
    while (end > start && stream[end - 1] === 0) end--; // the zero of a 4 byte start code, or trailing zeros
    if (end > start) yield stream.subarray(start, end);
  }
}

/** Small NAL units travel alone, large ones as FU-A fragments (RFC 6184, 5.8). */
function h264Payloads(frame: Uint8Array): Payload[] {
  const payloads: Payload[] = [];
  for (const nal of nalUnits(Buffer.from(frame.buffer, frame.byteOffset, frame.length))) {
    if (nal.length <= MAX_PAYLOAD_BYTES) {
      payloads.push([nal]);
      continue;
    }
    const header = nal[0]!;
    const parts = [...evenParts(nal.subarray(1), MAX_PAYLOAD_BYTES - 2)];
    parts.forEach((part, index) => {
      const flags = (index === 0 ? 0x80 : 0) | (index === parts.length - 1 ? 0x40 : 0);
      payloads.push([Uint8Array.of((header & 0xe0) | 28, flags | (header & 0x1f)), part]);
    });
  }
  return payloads;
}

export interface PacketizerOptions {
  codec: VideoCodec;
  payloadType: number;
  ssrc: number;
  /** One-byte header extensions put on every packet: id 1..14 -> value of 1..16 bytes. */
  extensions?: ReadonlyMap<number, Uint8Array>;
  /** Continues the stream of another packetizer; a new stream starts at random (RFC 3550). */
  resume?: PacketizerState | null;
}

/** The last numbers that were used. */
export interface PacketizerState {
  sequence: number;
  pictureId: number;
}

/** Numbers the packets of one RTP stream. One per SSRC; outlives the encoder, so that the sequence never breaks. */
export class RtpPacketizer {
  readonly ssrc: number;
  readonly #codec: VideoCodec;
  readonly #payloadType: number;
  readonly #extension: Buffer;
  #sequence: number;
  #pictureId: number;

  constructor({ codec, payloadType, ssrc, extensions, resume }: PacketizerOptions) {
    this.#sequence = resume?.sequence ?? randomInt(0x8000);
    this.#pictureId = resume?.pictureId ?? randomInt(0x8000);
    this.#codec = codec;
    this.#payloadType = payloadType;
    this.ssrc = ssrc;
    this.#extension = extensionBlock(extensions ?? new Map());
  }

  get state(): PacketizerState {
    return { sequence: this.#sequence, pictureId: this.#pictureId };
  }

  /** The packets of one frame; the marker bit is on the last. `timestamp` in 1/90000 s, modulo 2^32. */
  packetize(frame: Uint8Array, timestamp: number): Buffer[] {
    const payloads = this.#codec === 'vp8' ? vp8Payloads(frame, this.#nextPictureId()) : h264Payloads(frame);
    return this.#packets(payloads, timestamp);
  }

  /**
   * The last frame again, in packets with numbers of their own; receivers that have it drop it. VP8 only: H.264 has no picture ids, and the frame
   * would be decoded twice. Before the next frame, so that timestamps never run back: mediasoup would not retransmit such a packet.
   */
  repeat(frame: Uint8Array, timestamp: number): Buffer[] {
    return this.#codec === 'vp8' ? this.#packets(vp8Payloads(frame, this.#pictureId), timestamp) : [];
  }

  #packets(payloads: Payload[], timestamp: number): Buffer[] {
    return payloads.map((payload, index) =>
      Buffer.concat([this.#header(timestamp, index === payloads.length - 1), this.#extension, ...payload]),
    );
  }

  #nextPictureId(): number {
    this.#pictureId = (this.#pictureId + 1) & 0x7fff;
    return this.#pictureId;
  }

  #header(timestamp: number, marker: boolean): Buffer {
    const header = Buffer.allocUnsafe(12);
    header[0] = 0x80 | (this.#extension.length > 0 ? 0x10 : 0);
    header[1] = (marker ? 0x80 : 0) | this.#payloadType;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    header.writeUInt16BE(this.#sequence, 2);
    header.writeUInt32BE(timestamp >>> 0, 4);
    header.writeUInt32BE(this.ssrc, 8);
    return header;
  }
}

function extensionBlock(extensions: ReadonlyMap<number, Uint8Array>): Buffer {
  if (extensions.size === 0) return Buffer.alloc(0);
  const elements = [...extensions].map(([id, value]) => Buffer.concat([Uint8Array.of((id << 4) | (value.length - 1)), value]));
  const body = Buffer.concat(elements);
  const words = Math.ceil(body.length / 4);
  const block = Buffer.alloc(4 + words * 4); // padded with zeros
  block.writeUInt16BE(ONE_BYTE_EXTENSION_PROFILE, 0);
  block.writeUInt16BE(words, 2);
  body.copy(block, 4);
  return block;
}

/** Value of the playout-delay header extension: how long a receiver may hold a frame, in steps of 10 ms, 12 bits each. */
export function playoutDelayValue(minMs: number, maxMs: number): Uint8Array {
  const steps = (ms: number) => Math.min(0xfff, Math.max(0, Math.round(ms / 10)));
  const min = steps(minMs);
  const max = steps(maxMs);
  return Uint8Array.of(min >> 4, ((min & 0xf) << 4) | (max >> 8), max & 0xff);
}
