import { describe, expect, it } from 'vitest';
import { asksForKeyframe, senderReport } from '../../server/video/rtcp.ts';
import { nalUnits, playoutDelayValue, RtpPacketizer } from '../../server/video/rtp-packetizer.ts';
import { rtpTimestampOf } from '../../server/video/rtp-clock.ts';

/** Reads the fixed header back, independently of the writer. */
function parse(packet: Buffer) {
  const extensionBytes = packet[0]! & 0x10 ? 4 + packet.readUInt16BE(14) * 4 : 0;
  return {
    version: packet[0]! >> 6,
    marker: (packet[1]! & 0x80) !== 0,
    payloadType: packet[1]! & 0x7f,
    sequence: packet.readUInt16BE(2),
    timestamp: packet.readUInt32BE(4),
    ssrc: packet.readUInt32BE(8),
    payload: packet.subarray(12 + extensionBytes),
  };
}

const bytes = (length: number, seed = 7) => Uint8Array.from({ length }, (_, i) => (i * seed + 3) & 0xff);

describe('RtpPacketizer, VP8', () => {
  it('cuts a frame into even packets that join to the frame again', () => {
    const packetizer = new RtpPacketizer({ codec: 'vp8', payloadType: 101, ssrc: 0xfeedbeef });
    const frame = bytes(5000);
    const packets = packetizer.packetize(frame, 123_456).map(parse);
    expect(packets.length).toBe(5);
    expect(Buffer.concat(packets.map(({ payload }) => payload.subarray(6)))).toEqual(Buffer.from(frame));
    expect(packets.map(({ marker }) => marker)).toEqual([false, false, false, false, true]);
    expect(packets.map(({ payload }) => payload[0])).toEqual([0x90, 0x80, 0x80, 0x80, 0x80]);
    expect(new Set(packets.map(({ timestamp }) => timestamp))).toEqual(new Set([123_456]));
    for (const packet of packets) expect(packet).toMatchObject({ version: 2, payloadType: 101, ssrc: 0xfeedbeef });
  });

  it('numbers packets and pictures on without a gap, over the wrap of 16 and 15 bits', () => {
    const packetizer = new RtpPacketizer({ codec: 'vp8', payloadType: 101, ssrc: 1 });
    let last: ReturnType<typeof parse> | undefined;
    for (let frame = 0; frame < 70_000; frame++) {
      const [packet] = packetizer.packetize(bytes(10), frame).map(parse);
      const pictureId = (p: Buffer) => ((p[2]! & 0x7f) << 8) | p[3]!;
      const follows =
        !last ||
        (packet!.sequence === ((last.sequence + 1) & 0xffff) && pictureId(packet!.payload) === ((pictureId(last.payload) + 1) & 0x7fff));
      if (!follows) expect.fail(`gap at frame ${frame}`);
      last = packet;
    }
  });

  it('says that each frame is one of the base layer, its index counted as its picture id, over the wrap of both', () => {
    const packetizer = new RtpPacketizer({ codec: 'vp8', payloadType: 101, ssrc: 1, resume: { sequence: 0, pictureId: 0x7f00 } });
    for (let frame = 1; frame < 600; frame++) {
      const { payload } = parse(packetizer.packetize(bytes(10), frame)[0]!);
      const index = (0x7f00 + frame) & 0xff;
      expect([payload[1], payload[4], payload[5]]).toEqual([0xe0, index, 0]);
    }
  });

  it('repeats a frame in packets of new numbers, the same otherwise', () => {
    const packetizer = new RtpPacketizer({ codec: 'vp8', payloadType: 101, ssrc: 1 });
    const first = packetizer.packetize(bytes(3000), 5).map(parse);
    const again = packetizer.repeat(bytes(3000), 5).map(parse);
    const next = packetizer.packetize(bytes(10), 6).map(parse);
    const numbers = [...first, ...again, ...next].map(({ sequence }) => (sequence - first[0]!.sequence) & 0xffff);
    expect(numbers).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(again.map((packet) => ({ ...packet, sequence: 0 }))).toEqual(first.map((packet) => ({ ...packet, sequence: 0 })));
    expect((next[0]!.payload[3]! - again[0]!.payload[3]!) & 0xff).toBe(1);
  });

  it('carries header extensions, padded to words', () => {
    const packetizer = new RtpPacketizer({
      codec: 'vp8',
      payloadType: 101,
      ssrc: 1,
      extensions: new Map([[1, playoutDelayValue(0, 100)]]),
    });
    const [packet] = packetizer.packetize(bytes(20), 0);
    expect(packet!.readUInt16BE(12)).toBe(0xbede);
    expect([...packet!.subarray(16, 20)]).toEqual([0x12, 0, 0, 10]);
    expect(parse(packet!).payload.length).toBe(26);
  });
});

describe('RtpPacketizer, H.264', () => {
  it('repeats nothing: receivers could not tell the frames apart', () => {
    const packetizer = new RtpPacketizer({ codec: 'h264', payloadType: 101, ssrc: 1 });
    const stream = Buffer.from([0, 0, 1, 0x65, 1, 2, 3]);
    packetizer.packetize(stream, 0);
    expect(packetizer.repeat(stream, 0)).toEqual([]);
  });

  it('sends small NAL units alone and large ones as FU-A fragments that join again', () => {
    const packetizer = new RtpPacketizer({ codec: 'h264', payloadType: 101, ssrc: 1 });
    const nonZero = (length: number) => bytes(length).map((value) => value | 1); // no start code inside
    const [small, large] = [nonZero(50), nonZero(3000)];
    small[0] = 0x67;
    large[0] = 0x65;
    const stream = Buffer.concat([Buffer.from([0, 0, 0, 1]), small, Buffer.from([0, 0, 1]), large]);
    expect([...nalUnits(stream)].map(({ length }) => length)).toEqual([50, 3000]);
    const packets = packetizer.packetize(stream, 0).map(parse);
    expect(packets[0]!.payload).toEqual(Buffer.from(small));
    const fragments = packets.slice(1).map(({ payload }) => payload);
    expect(fragments.map((payload) => payload[0])).toEqual(fragments.map(() => (0x65 & 0xe0) | 28));
    expect(fragments[0]![1]).toBe(0x85);
    expect(fragments.at(-1)![1]).toBe(0x45);
    expect(Buffer.concat([Uint8Array.of(0x65), ...fragments.map((payload) => payload.subarray(2))])).toEqual(Buffer.from(large));
    expect(packets.filter(({ marker }) => marker).length).toBe(1);
  });
});

describe('rtpTimestampOf', () => {
  it('advances 90 ticks a millisecond and wraps at 2^32', () => {
    const now = Date.UTC(2026, 10, 22);
    expect((rtpTimestampOf(now + 100) - rtpTimestampOf(now)) >>> 0).toBe(9000);
    const wrapMs = 2 ** 32 / 90;
    const beforeWrap = Math.ceil(now / wrapMs) * wrapMs - 1;
    expect((rtpTimestampOf(beforeWrap + 2) - rtpTimestampOf(beforeWrap)) >>> 0).toBeCloseTo(180, -1);
  });
});

describe('RTCP', () => {
  const feedback = (format: number) => Buffer.from([0x80 | format, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]);

  it('finds PLI and FIR, also behind other reports of a compound packet', () => {
    const report = senderReport({ ssrc: 1, unixMs: 1000, rtpTimestamp: 0, packets: 0, octets: 0 });
    expect(asksForKeyframe(feedback(1))).toBe(true);
    expect(asksForKeyframe(feedback(4))).toBe(true);
    expect(asksForKeyframe(feedback(15))).toBe(false);
    expect(asksForKeyframe(report)).toBe(false);
    expect(asksForKeyframe(Buffer.concat([report, feedback(1)]))).toBe(true);
  });

  it('takes malformed input for no request', () => {
    for (let length = 0; length < 40; length++) expect(asksForKeyframe(Buffer.alloc(length))).toBe(false);
    expect(asksForKeyframe(Buffer.from([0x81, 205, 0xff, 0xff]))).toBe(false);
  });

  it('writes NTP time with a fraction of a second', () => {
    const packet = senderReport({ ssrc: 9, unixMs: 1_700_000_000_250, rtpTimestamp: 77, packets: 3, octets: 400 });
    expect(packet.readUInt32BE(8) - 2_208_988_800).toBe(1_700_000_000);
    expect(packet.readUInt32BE(12) / 2 ** 32).toBeCloseTo(0.25, 6);
    expect(packet.readUInt32BE(16)).toBe(77);
    expect(packet.readUInt32BE(20)).toBe(3);
    expect(packet.readUInt32BE(24)).toBe(400);
  });
});
