/** What a guest says about their media: nothing of it stops a media worker, and none of their text reaches another participant. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { honestCapabilities, honestMicrophone, RawGuest } from '../support/RawGuest.ts';
import { TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';

const INJECTED = 'x\r\na=candidate:1 1 udp 2130706431 127.0.0.9 9 typ host\r\na=evil:1';
const [codec] = honestMicrophone.codecs;
const [videoCapability] = honestCapabilities.codecs.slice(1);
const fingerprint = { algorithm: 'sha-256', value: Array(32).fill('AB').join(':') };

/** The honest parameters with one thing changed. */
const microphone = (change: object): object => ({ ...honestMicrophone, ...change });

/** Numbers that FlatBuffers or BigInt do not take, objects in the place of text, and text that breaks SDP lines. */
const microphones: [string, object][] = [
  ...[0.5, -1, 1e30, '1', {}, null].map((maxBitrate): [string, object] => [
    `maxBitrate ${JSON.stringify(maxBitrate)}`,
    microphone({ encodings: [{ ssrc: 5, maxBitrate }] }),
  ]),
  ...[0.5, -1, 2 ** 32, '5', {}, null].map((ssrc): [string, object] => [
    `ssrc ${JSON.stringify(ssrc)}`,
    microphone({ encodings: [{ ssrc }] }),
  ]),
  ['rtx', microphone({ encodings: [{ ssrc: 5, rtx: { ssrc: {} } }] })],
  ['rid', microphone({ encodings: [{ ssrc: 5, rid: INJECTED }] })],
  ['rid object', microphone({ encodings: [{ ssrc: 5, rid: {} }] })],
  ['dtx', microphone({ encodings: [{ ssrc: 5, dtx: 'x' }] })],
  ['scalability mode', microphone({ encodings: [{ ssrc: 5, scalabilityMode: {} }] })],
  ['thousands of encodings', microphone({ encodings: Array.from({ length: 5000 }, (_, index) => ({ ssrc: index + 1 })) })],
  ['cname', microphone({ rtcp: { cname: INJECTED } })],
  ['cname object', microphone({ rtcp: { cname: {} } })],
  ['mid', microphone({ mid: INJECTED })],
  ['mid object', microphone({ mid: {} })],
  ['msid', microphone({ msid: INJECTED })],
  ['codec name', microphone({ codecs: [{ ...codec, mimeType: `audio/opus${INJECTED}` }] })],
  ['codec parameter name', microphone({ codecs: [{ ...codec, parameters: { [INJECTED]: 1 } }] })],
  ['codec parameter value', microphone({ codecs: [{ ...codec, parameters: { useinbandfec: INJECTED } }] })],
  ['codec parameter kind', microphone({ codecs: [{ ...codec, parameters: { minptime: [0.5, {}] } }] })],
  ['codec parameter object', microphone({ codecs: [{ ...codec, parameters: { stereo: { a: 1 } } }] })],
  ['codec parameter size', microphone({ codecs: [{ ...codec, parameters: { minptime: 1e300 } }] })],
  ['payload type', microphone({ codecs: [{ ...codec, payloadType: 1.5 }] })],
  ['clock rate', microphone({ codecs: [{ ...codec, clockRate: {} }] })],
  ['channels', microphone({ codecs: [{ ...codec, channels: 0.5 }] })],
  [
    'feedback',
    microphone({
      codecs: [
        {
          ...codec,
          rtcpFeedback: [
            { type: INJECTED, parameter: INJECTED },
            { type: 'nack', parameter: {} },
          ],
        },
      ],
    }),
  ],
  ['extension uri', microphone({ headerExtensions: [{ uri: INJECTED, id: 1 }] })],
  ['extension id', microphone({ headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 0.5 }] })],
  ['extension id size', microphone({ headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 1e9 }] })],
  [
    'extension parameters',
    microphone({
      headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 4, parameters: { [INJECTED]: INJECTED, n: [{}] } }],
    }),
  ],
];

const connections: [string, object][] = [
  ['role', { role: INJECTED, fingerprints: [fingerprint] }],
  ['algorithm', { role: 'client', fingerprints: [{ ...fingerprint, algorithm: INJECTED }] }],
  ['fingerprint text', { role: 'client', fingerprints: [{ ...fingerprint, value: INJECTED }] }],
  ['fingerprint of another length', { role: 'client', fingerprints: [{ ...fingerprint, algorithm: 'sha-1' }] }],
  ['fingerprint object', { role: 'client', fingerprints: [{ algorithm: 'sha-256', value: {} }] }],
  ['a thousand fingerprints', { role: 'client', fingerprints: Array(1000).fill(fingerprint) }],
];

const channels: [string, object][] = [
  ...[0.5, -1, 65_535, '1', {}].map((streamId): [string, object] => [`stream ${JSON.stringify(streamId)}`, { streamId }]),
  ['life time', { streamId: 1, ordered: false, maxPacketLifeTime: 0.5 }],
  ['retransmissions', { streamId: 1, ordered: false, maxRetransmits: 1e12 }],
  ['both', { streamId: 1, ordered: false, maxPacketLifeTime: 1, maxRetransmits: 1 }],
  ['order', { streamId: 1, ordered: {} }],
];

const capabilities: [string, object][] = [
  ['payload type', { codecs: [{ ...videoCapability, preferredPayloadType: 0.5 }] }],
  [
    'feedback object',
    {
      codecs: [
        {
          ...videoCapability,
          rtcpFeedback: [
            { type: 'nack', parameter: { a: 1 } },
            { type: {}, parameter: 1 },
          ],
        },
      ],
    },
  ],
  ['feedback text', { codecs: [{ ...videoCapability, rtcpFeedback: [{ type: INJECTED, parameter: INJECTED }] }] }],
  ['parameters', { codecs: [{ ...videoCapability, parameters: { apt: {}, [INJECTED]: INJECTED } }] }],
  ['hundreds of codecs', { codecs: Array(500).fill(videoCapability) }],
  [
    'extension',
    {
      ...honestCapabilities,
      headerExtensions: [
        { kind: 'video', uri: INJECTED, preferredId: {} },
        { kind: 'audio', uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', preferredId: 0.5 },
      ],
    },
  ],
];

describe('media parameters of a hostile guest', () => {
  let server: TestServer;
  let rooms = 0;

  beforeAll(async () => {
    // Large messages are let in: the parser itself is to refuse them.
    const limits = { messageBytes: 1_000_000, inboundBytesPerSecond: 10_000_000, roomsPerAddress: 10_000, seatsPerAddress: 10_000 };
    server = await TestServer.create({
      config: { logLevel: 'silent', rooms: { graceMs: 50 }, http: { guestLimitPerMinute: 10_000 }, limits },
    });
  });

  afterAll(async () => {
    await server?.close();
  });

  /** The one media worker still does for somebody else all that a call needs. */
  async function expectWorkerWorks(): Promise<void> {
    const honest = await RawGuest.join(server, `other-${rooms++}`);
    const transportId = await honest.transport('send');
    await honest.must('connect-transport', { transportId, dtlsParameters: { role: 'client', fingerprints: [fingerprint] } });
    await honest.must('produce-audio', { transportId, rtpParameters: honestMicrophone });
    await honest.must('leave');
    honest.leave();
  }

  /** Asks, disconnects, and waits until the grace period has ended the participant: ending must not throw either. */
  async function attack(name: string, request: (guest: RawGuest) => Promise<object>): Promise<string> {
    const room = `attacked-${rooms++}`;
    const guest = await RawGuest.join(server, room);
    const code = await guest.codeOf(name, await request(guest));
    guest.leave();
    await eventually('the participant has ended', async () => {
      const answer = await fetch(new URL(`/api/v1/rooms/${room}`, server.url), {
        headers: { authorization: `Bearer ${server.server.keys.apiKey}` },
      });
      return ((await answer.json()) as { participantCount?: number }).participantCount === 0;
    });
    return code;
  }

  it.each(microphones)('produce-audio with a bad %s', async (_, rtpParameters) => {
    expect(['ok', 'bad-request']).toContain(
      await attack('produce-audio', async (guest) => ({ transportId: await guest.transport('send'), rtpParameters })),
    );
    await expectWorkerWorks();
  });

  it.each(connections)('connect-transport with a bad %s', async (_, dtlsParameters) => {
    expect(await attack('connect-transport', async (guest) => ({ transportId: await guest.transport('send'), dtlsParameters }))).toBe(
      'bad-request',
    );
    await expectWorkerWorks();
  });

  it.each(channels)('produce-landmarks with a bad %s', async (_, sctpStreamParameters) => {
    expect(await attack('produce-landmarks', async (guest) => ({ transportId: await guest.transport('send'), sctpStreamParameters }))).toBe(
      'bad-request',
    );
    await expectWorkerWorks();
  });

  it.each(capabilities)('consume with a bad %s', async (_, rtpCapabilities) => {
    const answer = await attack('consume', async (guest) => {
      const { producerId } = await guest.must<{ producerId: string }>('produce-audio', {
        transportId: await guest.transport('send'),
        rtpParameters: honestMicrophone,
      });
      return { transportId: await guest.transport('receive'), producerId, rtpCapabilities };
    });
    expect(['bad-request', 'cannot-consume']).toContain(answer);
    await expectWorkerWorks();
  });

  it.each(microphones)('a consumer of a microphone with a bad %s gets nothing of it', async (_, rtpParameters) => {
    const room = `heard-${rooms++}`;
    const [mallory, listener] = [await RawGuest.join(server, room), await RawGuest.join(server, room)];
    const sent = await mallory.ask<{ producerId: string }>('produce-audio', {
      transportId: await mallory.transport('send'),
      rtpParameters,
    });
    if (!sent.ok) expect(sent.error.code).toBe('bad-request');
    else {
      const received = await listener.must<{ rtpParameters: { codecs: object[]; rtcp: { cname: string } } }>('consume', {
        transportId: await listener.transport('receive'),
        producerId: sent.data.producerId,
        rtpCapabilities: honestCapabilities,
      });
      expect(received.rtpParameters.rtcp.cname).toMatch(/^voice-[\w-]{12}$/);
      expect(received.rtpParameters.codecs).toMatchObject([{ mimeType: 'audio/opus', clockRate: 48_000, channels: 2 }]);
      // No control characters and none of the attacker's words, wherever they were put.
      expect(JSON.stringify(received)).not.toMatch(/\\r|\\n|evil|127\.0\.0\.9/);
    }
    for (const guest of [mallory, listener]) guest.leave();
  });

  it('an honest microphone keeps what matters for sound', async () => {
    const [speaker, listener] = [await RawGuest.join(server, 'honest'), await RawGuest.join(server, 'honest')];
    const { producerId } = await speaker.must<{ producerId: string }>('produce-audio', {
      transportId: await speaker.transport('send'),
      rtpParameters: honestMicrophone,
    });
    const { rtpParameters } = await listener.must<{ rtpParameters: unknown }>('consume', {
      transportId: await listener.transport('receive'),
      producerId,
      rtpCapabilities: honestCapabilities,
    });
    expect(rtpParameters).toMatchObject({
      codecs: [{ mimeType: 'audio/opus', parameters: { minptime: 10, useinbandfec: 1 } }],
      headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:sdes:mid' }],
    });
    for (const guest of [speaker, listener]) guest.leave();
  });
});
