/** Recorded frames in the place of rendered ones: what viewers get must be a stream like any other. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RtpOutput } from '../../server/call/ports.ts';
import { ReplayEncoder } from '../../server/synthesis/process/ReplayEncoder.ts';
import { ReplayRenderer } from '../../server/synthesis/process/ReplayRenderer.ts';
import { StreamedSession } from '../../server/synthesis/process/StreamedSession.ts';
import {
  decodeRecording,
  encodeRecording,
  type RecordedFrame,
  type VideoRecording,
} from '../../server/synthesis/process/VideoRecording.ts';
import { VideoEncoder } from '../../server/video/VideoEncoder.ts';
import { eventually } from '../support/wait.ts';
import { decoderOf } from '../support/video-decoder.ts';

const SIZE = 64;
const FRAMES = 12;
const KEYFRAMES = [0, 5];

/** A bar that moves over grey: each image differs from all others. */
function image(index: number): Uint8Array {
  const i420 = new Uint8Array((SIZE * SIZE * 3) / 2).fill(128);
  for (let y = 0; y < SIZE; y++) i420.fill(230, y * SIZE + index * 4, y * SIZE + index * 4 + 8);
  return i420;
}

function record(codec: 'vp8' | 'h264'): VideoRecording {
  const encoder = new VideoEncoder({ codec, width: SIZE, height: SIZE, fps: 30, bitrateBps: 200_000 });
  const frames: RecordedFrame[] = [];
  for (let index = 0; index < FRAMES; index++) {
    if (KEYFRAMES.includes(index)) encoder.requestKeyframe();
    frames.push(...encoder.encode(image(index), index * 33.3));
  }
  encoder.close();
  return { codec, size: SIZE, framesPerSecond: 30, frames };
}

describe('a recording', () => {
  it('is the same after it was written and read', () => {
    const recording = record('vp8');
    const read = decodeRecording(encodeRecording(recording));
    expect({ ...read, frames: read.frames.length }).toEqual({ ...recording, frames: FRAMES });
    read.frames.forEach(({ data, keyframe }, index) => {
      expect(keyframe).toBe(KEYFRAMES.includes(index));
      expect(Buffer.compare(data, recording.frames[index]!.data)).toBe(0);
    });
  });

  it('that is damaged is refused', () => {
    const file = encodeRecording(record('vp8'));
    const noKeyframe = encodeRecording({ ...record('vp8'), frames: [{ data: new Uint8Array(3), keyframe: false }] });
    const empty = encodeRecording({ ...record('vp8'), frames: [] });
    const damaged = [file.subarray(0, file.length - 1), file.subarray(0, 20), new Uint8Array(), Buffer.from('not one'), noKeyframe, empty];
    for (const bytes of damaged) expect(() => decodeRecording(bytes)).toThrow(expect.objectContaining({ code: 'internal' }));
  });
});

describe('ReplayEncoder', () => {
  const { frames } = record('vp8');
  /** Which frames of the recording come, by their indices. */
  const take = (encoder: ReplayEncoder, count: number): number[] =>
    Array.from({ length: count }, () => encoder.encode()).map((given) => frames.indexOf(given[0]!));

  it('gives the frames in their order, over and over', () => {
    const once = Array.from({ length: FRAMES }, (_, index) => index);
    expect(take(new ReplayEncoder(frames, 0), 2 * FRAMES)).toEqual([...once, ...once]);
  });

  it('begins with one keyframe or another', () => {
    expect([0, 1, 2, 2 ** 32 - 1].map((seed) => take(new ReplayEncoder(frames, seed), 1)[0])).toEqual([0, 5, 0, 5]);
  });

  it('goes on with the next keyframe when one is asked for', () => {
    const encoder = new ReplayEncoder(frames, 0);
    take(encoder, 2);
    encoder.requestKeyframe();
    expect(take(encoder, 3)).toEqual([5, 6, 7]);
    encoder.requestKeyframe();
    encoder.requestKeyframe();
    expect(take(encoder, 7)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });
});

describe.each(['vp8', 'h264'] as const)('a replay of %s', (codec) => {
  it('can be decoded throughout: each image is the one that was recorded', () => {
    const { frames } = record(codec);
    const [original, decode] = [decoderOf(codec), decoderOf(codec)];
    const images = frames.map(({ data }) => original(data));
    const encoder = new ReplayEncoder(frames, 1);
    for (let n = 0; n < 3 * FRAMES; n++) {
      if (n % 7 === 3) encoder.requestKeyframe();
      const [frame] = encoder.encode();
      expect(Buffer.compare(decode(frame!.data), images[frames.indexOf(frame!)]!)).toBe(0);
    }
  });
});

describe('the stream of a replayed avatar', () => {
  const LOOPBACK = '127.0.0.1';
  const keyframeRequest = Buffer.from([0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9]);
  let sfu: Socket;
  let reservation: Socket;
  let session: StreamedSession;
  let packets: Buffer[];
  /** VP8 behind RTP header and a descriptor of six bytes: the first packet of a frame, whose first bit says "no keyframe". */
  const isKeyframe = (packet: Buffer): boolean => packet[12] === 0x90 && (packet[18]! & 1) === 0;

  const replay = async (frames: RecordedFrame[]): Promise<void> => {
    const output: RtpOutput = {
      ip: LOOPBACK,
      port: sfu.address().port,
      sourcePort: reservation.address().port,
      ssrc: 9,
      payloadType: 101,
      extensions: [],
    };
    const video = { codec: 'vp8', fps: 60, bitrateBps: 200_000 } as const;
    session = await StreamedSession.create(
      {
        sessionId: 's',
        source: { weightsPath: '', model: '' },
        video,
        pace: 60,
        output,
        resume: null,
        repeats: false,
        driverNeutral: null,
        expressiveness: 1,
      },
      {
        renderer: new ReplayRenderer(SIZE, null),
        video,
        pace: 60,
        openRenderer: async () => new ReplayRenderer(SIZE, null),
        createEncoder: () => new ReplayEncoder(frames, 0),
        onState: () => undefined,
        onNeutral: () => undefined,
        onDropped: () => undefined,
        onFault: (error) => expect.unreachable(error.message),
      },
    );
  };

  beforeEach(async () => {
    packets = [];
    sfu = createSocket('udp4').bind(0, LOOPBACK);
    sfu.on('message', (packet) => packet[1] !== 200 && packets.push(packet));
    reservation = createSocket({ type: 'udp4', reuseAddr: true }).bind(0, LOOPBACK);
    await Promise.all([once(sfu, 'listening'), once(reservation, 'listening')]);
  });
  afterEach(() => {
    session.close();
    sfu.close();
    reservation.close();
  });

  it('has no seam where the recording begins again: numbers follow each other, time grows', async () => {
    await replay(record('vp8').frames);
    await eventually('three rounds', () => packets.filter(isKeyframe).length > 3 * KEYFRAMES.length);
    const stream = [...packets];
    for (const [index, packet] of stream.slice(1).entries()) {
      const before = stream[index]!;
      expect((packet.readUInt16BE(2) - before.readUInt16BE(2)) & 0xffff).toBe(1);
      const newFrame = packet[12] === 0x90;
      const ticks = (packet.readUInt32BE(4) - before.readUInt32BE(4)) >>> 0;
      if (newFrame) expect(ticks).toBeGreaterThan(0);
      else expect(ticks).toBe(0);
      expect(ticks).toBeLessThan(90_000 * 10);
      expect((packet.readUInt16BE(14) - before.readUInt16BE(14)) & 0x7fff).toBe(newFrame ? 1 : 0);
    }
  });

  it('brings a keyframe when a receiver asks for one, without a gap', async () => {
    // One keyframe in several seconds: the second that comes is the one that was asked for.
    const frames = Array.from({ length: 300 }, (_, index) => ({
      data: Uint8Array.of(index === 0 ? 0x10 : 0x11, 1),
      keyframe: index === 0,
    }));
    await replay(frames);
    await eventually('a stream', () => packets.length > 5);
    sfu.send(keyframeRequest, reservation.address().port, LOOPBACK);
    await eventually('a keyframe', () => packets.filter(isKeyframe).length > 1);
    const [first, second] = packets.flatMap((packet, index) => (isKeyframe(packet) ? [index] : []));
    expect(second! - first!).toBeLessThan(frames.length);
    expect(session.takeSent()?.keyframeRequests).toBe(1);
    const numbers = packets.map((packet) => packet.readUInt16BE(2));
    expect(numbers.slice(1).every((number, index) => ((number - numbers[index]!) & 0xffff) === 1)).toBe(true);
  });
});
