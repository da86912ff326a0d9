/** The sending end of an avatar's stream, over real sockets. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RtpOutput } from '../../server/call/ports.ts';
import { RtpSender, type RtpState } from '../../server/video/RtpSender.ts';
import { rtpTimestampOf } from '../../server/video/rtp-clock.ts';
import { eventually, pause } from '../support/wait.ts';

const LOOPBACK = '127.0.0.1';
const SENDER_REPORT = 200;
const keyframeRequest = Buffer.from([0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9]);
const frame = (bytes: number, capturedMs: number) => ({ data: new Uint8Array(bytes), keyframe: false, capturedMs });

describe('RtpSender', () => {
  let sfu: Socket;
  let reservation: Socket;
  let output: RtpOutput;
  let received: { packet: Buffer; port: number }[];
  let requests: number;
  const senders: RtpSender[] = [];

  const create = async (resume: RtpState | null = null): Promise<RtpSender> => {
    const sender = await RtpSender.create({ codec: 'vp8', output, resume, onKeyframeRequest: () => requests++ });
    senders.push(sender);
    return sender;
  };
  const media = () => received.filter(({ packet }) => packet[1] !== SENDER_REPORT).map(({ packet }) => packet);
  const sequences = () => media().map((packet) => packet.readUInt16BE(2));

  beforeEach(async () => {
    [received, requests] = [[], 0];
    sfu = createSocket('udp4').bind(0, LOOPBACK);
    sfu.on('message', (packet, { port }) => received.push({ packet, port }));
    reservation = createSocket({ type: 'udp4', reuseAddr: true }).bind(0, LOOPBACK);
    await Promise.all([once(sfu, 'listening'), once(reservation, 'listening')]);
    output = { ip: LOOPBACK, port: sfu.address().port, sourcePort: reservation.address().port, ssrc: 9, payloadType: 101, extensions: [] };
  });
  afterEach(() => {
    for (const sender of senders.splice(0)) sender.close();
    sfu.close();
    reservation.close();
  });

  it('sends from the reserved port, with a sender report that ties RTP time to the clock', async () => {
    const sender = await create();
    expect(sender.send(frame(3000, 1_700_000_000_000))).toBe(rtpTimestampOf(1_700_000_000_000));
    await eventually('packets', () => received.length === 4);
    expect(new Set(received.map(({ port }) => port))).toEqual(new Set([output.sourcePort]));
    expect(media()).toHaveLength(3);
    expect(media().map((packet) => packet.readUInt32BE(4))).toEqual(Array(3).fill(rtpTimestampOf(1_700_000_000_000)));
    expect(sender.state).toMatchObject({ packets: 3, capturedMs: 1_700_000_000_000 });
  });

  it('never lets time run back: a frame of the past gets the next millisecond', async () => {
    const sender = await create();
    const first = sender.send(frame(10, 5000));
    expect(sender.send(frame(10, 4000)) - first).toBe(90);
  });

  it('a second sender continues the stream of the first, from the same port', async () => {
    const first = await create();
    first.send(frame(10, 1000));
    await eventually('packets', () => media().length === 1);
    const { state } = first;
    first.close();
    const second = await create(state);
    second.send(frame(10, 900));
    await eventually('packets', () => media().length === 2);
    const [before, after] = sequences();
    expect((after! - before!) & 0xffff).toBe(1);
    expect(second.state).toMatchObject({ packets: 2, capturedMs: 1001 });
    expect(received.every(({ port }) => port === output.sourcePort)).toBe(true);
  });

  it('takes over also where the process before it still holds the port, stopped or dying', async () => {
    const stopped = await create();
    stopped.send(frame(10, 1000));
    const second = await create(stopped.state);
    second.send(frame(10, 1100));
    await eventually('packets', () => media().length === 2);
  });

  it('hears the requests of the SFU and of nobody else', async () => {
    await create();
    const stranger = createSocket('udp4');
    stranger.send(keyframeRequest, output.sourcePort, LOOPBACK);
    sfu.send(keyframeRequest, output.sourcePort, LOOPBACK);
    sfu.send(Buffer.from([1, 2]), output.sourcePort, LOOPBACK);
    await eventually('packets', () => requests > 0);
    await pause(50);
    stranger.close();
    expect(requests).toBe(1);
  });

  it('sends each frame again just before the next one while it is told to', async () => {
    const sender = await create();
    sender.send(frame(10, 1000));
    sender.repeats = true;
    for (const atMs of [1033, 1066]) sender.send(frame(10, atMs));
    sender.repeats = false;
    sender.send(frame(10, 1100));
    await eventually('packets', () => media().length === 5);
    await pause(50);
    const times = media().map((packet) => packet.readUInt32BE(4) - rtpTimestampOf(1000));
    expect(times).toEqual([0, 33, 33, 66, 100].map((ms) => ms * 90));
    expect(sender.state.packets).toBe(5);
  });

  it('survives an SFU that has gone', async () => {
    const sender = await create();
    sfu.close();
    for (let n = 0; n < 5; n++) {
      sender.send(frame(10, n));
      await pause(5);
    }
    expect(sender.state.packets).toBe(5);
    sfu = createSocket('udp4');
  });

  it('sends nothing once it is closed', async () => {
    const sender = await create();
    sender.close();
    sender.close();
    sender.send(frame(10, 1));
    await pause(30);
    expect(received).toEqual([]);
  });
});
