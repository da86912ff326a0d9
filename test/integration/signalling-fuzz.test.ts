/** Whatever a client sends over its socket: an answer with a code comes back, and the server lives. */
import fc from 'fast-check';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorTable, PROTOCOL_VERSION, requests, type Result } from '../../client/src/protocol/index.ts';
import { TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';

const names = Object.keys(requests);
const ANSWER_MS = 8000;
/** The budget of a socket is refilled at 30 a second: a fresh socket for every few tries keeps this test about payloads. */
const TRIES_PER_SOCKET = 40;

/** Any JSON, biased towards the fields and the shapes that the protocol knows. */
const knownKeys = [
  'displayName',
  'avatarId',
  'model',
  'preview',
  'roomId',
  'direction',
  'forceTcp',
  'transportId',
  'dtlsParameters',
  'rtpParameters',
  'sctpStreamParameters',
  'label',
  'protocol',
  'producerId',
  'rtpCapabilities',
  'consumerId',
  'muted',
  'skewMs',
  'presentedLatencyMs',
  'framesPerSecond',
  'name',
  'intensity',
  'durationMs',
  'share',
  'enabled',
  'frameTraces',
  '__proto__',
  'constructor',
];
const leaf = fc.oneof(
  fc.string(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constant('send'),
  fc.constant('receive'),
  fc.constant(Number.MAX_SAFE_INTEGER),
  fc.string({ minLength: 500, maxLength: 3000 }),
);
const payload = fc.oneof(
  // socket.io itself ends a connection that brings more than ten binary parts: one is enough here.
  { weight: 1, arbitrary: fc.record({ transportId: fc.uint8Array({ maxLength: 64 }), displayName: fc.string() }) },
  {
    weight: 4,
    arbitrary: fc.dictionary(
      fc.oneof(fc.constantFrom(...knownKeys), fc.string()),
      fc.oneof(leaf, fc.array(leaf), fc.dictionary(fc.string(), leaf)),
      { maxKeys: 8 },
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .anything({ withBigInt: false, withDate: false, withNullPrototype: false })
      .map((value) => JSON.parse(JSON.stringify(value ?? null)) as unknown),
  },
);

describe('signalling under fire', () => {
  let server: TestServer;
  let token: string;
  const sockets = new Set<Socket>();

  function dial(auth: unknown): Socket {
    const socket = io(server.url, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      auth: auth as Record<string, unknown>,
    });
    sockets.add(socket);
    return socket;
  }

  async function connected(auth: unknown = { token, protocol: PROTOCOL_VERSION }): Promise<Socket> {
    const socket = dial(auth);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
    return socket;
  }

  const refusalOf = (auth: unknown): Promise<{ code: string }> =>
    new Promise((resolve, reject) => {
      const socket = dial(auth);
      socket.once('connect', () => reject(new Error('was let in')));
      socket.once('connect_error', (error) => resolve((error as Error & { data: { code: string } }).data));
    });

  const ask = (socket: Socket, name: string, request: unknown): Promise<Result<unknown>> =>
    socket.timeout(ANSWER_MS).emitWithAck(name, request) as Promise<Result<unknown>>;

  /** Every answer is one of the two shapes, and every error is from the table. */
  function expectCoded(result: Result<unknown>): void {
    if (result.ok) return expect(result.data).toBeTypeOf('object');
    expect(Object.keys(errorTable)).toContain(result.error.code);
    expect(result.error.code).not.toBe('internal');
    expect(result.error.message.length).toBeGreaterThan(10);
    expect(JSON.stringify(result.error)).not.toMatch(/\.ts:\d+|node_modules|at async/);
  }

  beforeAll(async () => {
    server = await TestServer.create({
      config: {
        logLevel: 'silent',
        rooms: { maxParticipants: 10_000 },
        limits: {
          seatsPerUser: 10_000,
          seatsPerAddress: 10_000,
          messagesPerSecondPerUser: 100_000,
          messagesPerSecondPerAddress: 100_000,
          transportsPerUser: 10_000,
          transportsPerAddress: 10_000,
        },
      },
    });
    token = (await server.guest()).token;
  });

  afterAll(async () => {
    for (const socket of sockets) socket.disconnect();
    await server?.close();
  });

  it.each([
    [{}, 'token-missing'],
    [{ token: '', protocol: PROTOCOL_VERSION }, 'token-missing'],
    [{ token: 'x.y.z', protocol: PROTOCOL_VERSION }, 'token-invalid'],
    [{ token: 7, protocol: PROTOCOL_VERSION }, 'bad-request'],
    [{ token: 'x', protocol: 99 }, 'protocol-version'],
    [{ token: 'x'.repeat(5000), protocol: PROTOCOL_VERSION }, 'bad-request'],
  ])('a handshake of %o is refused with %s', async (auth, code) => {
    expect((await refusalOf(auth)).code).toBe(code);
  });

  it('an invite alone opens no room', async () => {
    const { invite } = await server.server.invite();
    const socket = await connected({ token: invite, protocol: PROTOCOL_VERSION });
    expect(await ask(socket, 'join', { displayName: 'Mallory' })).toMatchObject({ ok: false, error: { code: 'forbidden' } });
  });

  it('before joining, every request but the harmless ones says so', async () => {
    const socket = await connected();
    for (const name of names.filter((name) => !['join', 'leave', 'renew-token', 'sync-clock'].includes(name))) {
      const dtlsParameters = { role: 'client', fingerprints: [{ algorithm: 'sha-256', value: Array(32).fill('AB').join(':') }] };
      const valid = {
        transportId: 't',
        consumerId: 'c',
        producerId: 'p',
        dtlsParameters,
        rtpParameters: { codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48_000, channels: 2 }], encodings: [{ ssrc: 1 }] },
        rtpCapabilities: {},
        sctpStreamParameters: { streamId: 0 },
        direction: 'send',
        muted: true,
        avatarId: null,
        presentedLatencyMs: [],
        name: 'smile',
        share: 1,
        enabled: true,
      };
      expect(await ask(socket, name, valid), name).toMatchObject({ ok: false, error: { code: 'not-joined' } });
    }
  });

  it.each(names)('%s answers any payload with a coded result, joined or not', async (name) => {
    let socket: Socket | undefined;
    let tries = 0;
    await fc.assert(
      fc.asyncProperty(payload, fc.boolean(), async (request, joined) => {
        if (!socket?.connected || tries++ % TRIES_PER_SOCKET === 0) {
          socket?.disconnect();
          socket = await connected();
          if (joined) await ask(socket, 'join', { displayName: 'Fuzz' });
        }
        expectCoded(await ask(socket, name, request));
      }),
      { numRuns: 80 },
    );
    socket?.disconnect();
  });

  it('structures that look right but are nonsense to mediasoup are the client’s fault', async () => {
    const socket = await connected();
    await ask(socket, 'join', { displayName: 'Fuzz' });
    const transport = (await ask(socket, 'create-transport', { direction: 'send' })) as { ok: true; data: { id: string } };
    const transportId = transport.data.id;
    const nonsense: [string, object][] = [
      ['connect-transport', { transportId, dtlsParameters: { role: 'boss', fingerprints: 'none' } }],
      ['connect-transport', { transportId, dtlsParameters: { role: 'client', fingerprints: [{ algorithm: 'sha-256', value: 'zz' }] } }],
      ['produce-audio', { transportId, rtpParameters: {} }],
      [
        'produce-audio',
        { transportId, rtpParameters: { codecs: [{ mimeType: 'audio/opus', payloadType: -1, clockRate: 0 }], encodings: [{}] } },
      ],
      [
        'produce-audio',
        {
          transportId,
          rtpParameters: { codecs: [{ mimeType: 'video/VP8', payloadType: 100, clockRate: 90000 }], encodings: [{ ssrc: 1 }] },
        },
      ],
      ['produce-landmarks', { transportId, sctpStreamParameters: { streamId: -5 } }],
      ['produce-landmarks', { transportId, sctpStreamParameters: { streamId: 99_999_999 } }],
      ['consume', { transportId, producerId: 'none', rtpCapabilities: { codecs: 'all' } }],
    ];
    for (const [name, request] of nonsense) {
      const result = await ask(socket, name, request);
      expect(result.ok, `${name} ${JSON.stringify(request)}`).toBe(false);
      expectCoded(result);
    }
  });

  it('unknown names, missing acknowledgements, several arguments and no arguments do no harm', async () => {
    const socket = await connected();
    expect(await ask(socket, 'constructor', {})).toMatchObject({ ok: false, error: { code: 'bad-request' } });
    expect(await ask(socket, 'no-such-request', {})).toMatchObject({ ok: false, error: { code: 'bad-request' } });
    socket.emit('join', { displayName: 'Silent' });
    socket.emit('join');
    socket.emit('leave', 1, 2, 3, Buffer.alloc(10));
    expectCoded((await socket.timeout(ANSWER_MS).emitWithAck('sync-clock')) as Result<unknown>);
    expectCoded(await ask(socket, 'sync-clock', {}));
  });

  it('a flood is slowed down, not served', async () => {
    const socket = await connected();
    const results = await Promise.all(Array.from({ length: 280 }, () => ask(socket, 'sync-clock', {})));
    const refused = results.filter((result) => !result.ok && result.error.code === 'rate-limited').length;
    expect(refused).toBeGreaterThan(100);
    expect(refused).toBeLessThan(280);
  });

  it('a message beyond the size limit ends that connection only', async () => {
    const [loud, calm] = [await connected(), await connected()];
    loud.emit('join', { displayName: 'x'.repeat(1_000_000) });
    await eventually('the loud one is cut off', () => !loud.connected);
    expectCoded(await ask(calm, 'sync-clock', {}));
  });

  it('the server is still ready after all that', async () => {
    const answer = await fetch(`${server.url}/readyz`);
    expect(answer.status).toBe(200);
  });
});
