/**
 * The worker that the set-up gives, whichever way it got it: SRTP and SRTCP in all suites, both ways. Our own build puts
 * libsrtp 2 under the interface of libsrtp 3, and a mistake there would show in calls only.
 */
import { createWorker, type types } from 'mediasoup';
import { afterAll, beforeAll, expect, test } from 'vitest';

const codec: types.RouterRtpCodecCapability = {
  kind: 'video',
  mimeType: 'video/VP8',
  clockRate: 90_000,
  preferredPayloadType: 101,
  rtcpFeedback: [{ type: 'nack', parameter: 'pli' }],
};
const suites: types.SrtpCryptoSuite[] = ['AEAD_AES_256_GCM', 'AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80', 'AES_CM_128_HMAC_SHA1_32'];
const ssrc = 0x1234_5678;

let worker: types.Worker;
beforeAll(async () => {
  worker = await createWorker({ logLevel: 'error' });
});
afterAll(() => worker.close());

/** A VP8 packet: RTP header, a payload descriptor that starts a partition, a key frame's first bytes, `text`. */
function packet(sequenceNumber: number, text: string): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt8(0x80, 0);
  header.writeUInt8(0x80 | 101, 1);
  header.writeUInt16BE(sequenceNumber, 2);
  header.writeUInt32BE(90_000 + sequenceNumber * 3000, 4);
  header.writeUInt32BE(ssrc, 8);
  return Buffer.concat([header, Buffer.from([0x10, 0x00, 0x9d, 0x01, 0x2a]), Buffer.from(text)]);
}

/** The text of such a packet; the worker may have added header extensions (RFC 8285) in between. */
function textOf(data: Buffer): string {
  const hasExtension = (data.readUInt8(0) & 0x10) !== 0;
  const header = 12 + (hasExtension ? 4 + 4 * data.readUInt16BE(14) : 0);
  return data.subarray(header + 5).toString();
}

async function srtpTransport(router: types.Router, srtpCryptoSuite: types.SrtpCryptoSuite): Promise<types.PlainTransport> {
  return router.createPlainTransport({
    listenInfo: { protocol: 'udp', ip: '127.0.0.1' },
    enableSrtp: true,
    srtpCryptoSuite,
    rtcpMux: true,
  });
}

async function connect(from: types.PlainTransport, to: types.PlainTransport): Promise<void> {
  const { srtpParameters, tuple } = to;
  await from.connect({ ip: '127.0.0.1', port: tuple.localPort, ...(srtpParameters ? { srtpParameters } : {}) });
}

/** Sends on the left, receives on the right, with an encrypted leg between two routers. */
async function encryptedLeg(suite: types.SrtpCryptoSuite) {
  const [left, right] = await Promise.all([worker.createRouter({ mediaCodecs: [codec] }), worker.createRouter({ mediaCodecs: [codec] })]);
  const [out, into, source, sink] = await Promise.all([
    srtpTransport(left, suite),
    srtpTransport(right, suite),
    left.createDirectTransport(),
    right.createDirectTransport(),
  ]);
  await Promise.all([connect(out, into), connect(into, out)]);
  const sent = await source.produce({
    kind: 'video',
    rtpParameters: {
      codecs: [{ mimeType: 'video/VP8', clockRate: 90_000, payloadType: 101, rtcpFeedback: codec.rtcpFeedback ?? [] }],
      encodings: [{ ssrc }],
    },
  });
  const leg = await out.consume({ producerId: sent.id, rtpCapabilities: left.rtpCapabilities });
  const arrived = await into.produce({ kind: 'video', rtpParameters: leg.rtpParameters });
  const received = await sink.consume({ producerId: arrived.id, rtpCapabilities: right.rtpCapabilities });
  return { sent, leg, received, close: () => [left, right].forEach((router) => router.close()) };
}

test.each(suites)('%s: RTP arrives as it was sent, and RTCP finds its way back', async (suite) => {
  const { sent, leg, received, close } = await encryptedLeg(suite);
  const payloads: string[] = [];
  const keyFrameAsked = new Promise<void>((resolve) => {
    leg.on('trace', () => resolve());
  });
  await leg.enableTraceEvent(['pli']);
  const all = new Promise<void>((resolve) => {
    received.on('rtp', (data) => {
      payloads.push(textOf(data));
      if (payloads.length === 20) resolve();
    });
  });
  for (let sequenceNumber = 1; sequenceNumber <= 20; sequenceNumber++)
    sent.send(packet(sequenceNumber, `frame ${sequenceNumber} `.repeat(sequenceNumber)));
  await all;
  expect(payloads).toEqual(Array.from({ length: 20 }, (_, index) => `frame ${index + 1} `.repeat(index + 1)));
  await received.requestKeyFrame();
  await keyFrameAsked;
  close();
});
