/** The signalling endpoint, attacked without a token, and with one by somebody who floods or never reads. */
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PROTOCOL_VERSION, type Result } from '../../client/src/protocol/index.ts';
import { RawWebSocket } from '../support/RawWebSocket.ts';
import { TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';

/** As many as were packed into one request of 128 kB. */
const CONNECTS = 3969;
const opened: { destroy(): void }[] = [];
const connect40 = (token: string): string => `40${JSON.stringify({ token, protocol: PROTOCOL_VERSION })}`;

async function raw(url: string, options?: Parameters<typeof RawWebSocket.open>[1]): Promise<RawWebSocket> {
  const socket = await RawWebSocket.open(url, options);
  opened.push(socket);
  return socket;
}

/** A raw socket that was let in. */
async function admitted(url: string, token: string): Promise<RawWebSocket> {
  const socket = await raw(url);
  socket.sendText(connect40(token));
  await eventually('let in', () => socket.messages.some((message) => message.startsWith('40')));
  return socket;
}

function dial(url: string, token: string): Socket {
  const socket = io(url, { transports: ['websocket'], reconnection: false, forceNew: true, auth: { token, protocol: PROTOCOL_VERSION } });
  opened.push({ destroy: () => socket.disconnect() });
  return socket;
}

/** `connected`, or the code of the refusal. */
const outcomeOf = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    socket.once('connect', () => resolve('connected'));
    socket.once('connect_error', (error) => resolve((error as Error & { data?: { code: string } }).data?.code ?? error.message));
  });

async function reached(server: TestServer, limit: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`gioconda_limits_reached_total\\{limit="${limit}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
}

afterEach(() => opened.splice(0).forEach((socket) => socket.destroy()));

describe('with the default limits', () => {
  let server: TestServer;
  let token: string;
  beforeAll(async () => {
    server = await TestServer.create({ config: { logLevel: 'silent' } });
    token = (await server.guest()).token;
  });
  afterAll(() => server?.close());

  it('long polling, whose unread answers would pile up, is refused', async () => {
    const answer = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`);
    expect([answer.status, await answer.json()]).toEqual([400, { code: 0, message: 'Transport unknown' }]);
  });

  it('no connection is taken over by a second one that names its session', async () => {
    const socket = await raw(server.url);
    const { sid } = JSON.parse((await eventually('opened', () => socket.messages[0]))!.slice(1)) as { sid: string };
    const second = await raw(server.url, { path: `/socket.io/?EIO=4&transport=websocket&sid=${sid}` });
    expect(second.status).toBe(400);
  });

  it('handshakes are not served by the thousand over one connection', async () => {
    const socket = await raw(server.url);
    for (let n = 0; n < CONNECTS; n += 1) socket.sendText('40');
    await eventually('cut off', () => socket.closed);
    expect(socket.closing).toEqual({ code: 1008, reason: 'rate-limited' });
    expect(socket.messages.filter((message) => message.startsWith('44')).length).toBeLessThanOrEqual(1);
  });

  it("a namespace of one's own does not exist", async () => {
    const socket = await raw(server.url);
    socket.sendText('40/other,{}');
    expect(await eventually('refused', () => socket.messages.find((message) => message.startsWith('44')))).toContain('Invalid namespace');
  });

  it('a flood is answered for a while and then ends the connection, for the one who floods only', async () => {
    const [loud, calm] = [await admitted(server.url, token), await admitted(server.url, token)];
    for (let n = 0; n < 2000; n += 1) loud.ask(n, 'sync-clock', {});
    await eventually('cut off', () => loud.closed);
    expect(loud.closing).toEqual({ code: 1008, reason: 'rate-limited' });
    // 4 s of 30 a second are served, up to 10 s are answered; a few more while the messages arrive.
    expect(loud.messages.length).toBeLessThan(500);
    calm.ask(1, 'sync-clock', {});
    await eventually('the other one is answered', () => calm.messages.some((message) => message.startsWith('431')));
  });

  it('WebSocket pings, which are answered below socket.io, count too', async () => {
    const socket = await admitted(server.url, token);
    for (let n = 0; n < 1000; n += 1) socket.sendPing();
    await eventually('cut off', () => socket.closed);
    expect(socket.closing).toEqual({ code: 1008, reason: 'rate-limited' });
  });
});

describe('with narrow limits', () => {
  let server: TestServer;
  let token: string;
  const limits = {
    messagesPerSecond: 5000,
    unsentBytes: 256 * 1024,
    messageBytes: 32 * 1024,
    inboundBytesPerSecond: 64 * 1024 * 1024,
    connectionsPerUser: 2,
    connectionsPerAddress: 4,
  };
  beforeAll(async () => {
    server = await TestServer.create({ config: { logLevel: 'silent', limits } });
    token = (await server.guest()).token;
  });
  afterAll(() => server?.close());

  it('whoever does not read is cut off before much waits for them', async () => {
    const socket = await admitted(server.url, token);
    socket.stopReading();
    const asking = setInterval(() => {
      // Heartbeats are answered unread: waiting for their end would not end this.
      socket.sendText('3');
      for (let n = 0; n < 40; n += 1) socket.ask(n, n % 2 ? 'leave' : 'join', { displayName: 'x'.repeat(64) });
    }, 20);
    try {
      await eventually('cut off', () => reached(server, 'unsentBytes'), 90_000);
    } finally {
      clearInterval(asking);
    }
  });

  it('one user holds so many connections and no more, until one is closed', async () => {
    const [first, second] = [dial(server.url, token), dial(server.url, token)];
    expect(await Promise.all([outcomeOf(first), outcomeOf(second)])).toEqual(['connected', 'connected']);
    expect(await outcomeOf(dial(server.url, token))).toBe('too-many-connections');
    first.disconnect();
    await eventually('a place is free', async () => (await outcomeOf(dial(server.url, token))) === 'connected');
  });

  it('one address holds so many connections and no more, token or none', async () => {
    const statuses = [];
    for (let n = 0; n < 6; n += 1) statuses.push((await raw(server.url)).status);
    expect(statuses).toEqual([101, 101, 101, 101, 429, 429]);
    expect(await reached(server, 'connectionsPerAddress')).toBeGreaterThanOrEqual(2);
  });
});

describe('attempts from one address', () => {
  it('are limited before a token is looked at, by the address that a trusted proxy tells', async () => {
    const server = await TestServer.create({
      config: { logLevel: 'silent', limits: { handshakesPerMinute: 2 }, http: { trustedProxies: ['loopback'] } },
    });
    try {
      const from = async (address: string): Promise<RawWebSocket> => raw(server.url, { headers: { 'x-forwarded-for': address } });
      const statuses = [];
      // The last two are one network of 64 bits.
      for (const address of ['203.0.113.1', '203.0.113.1', '203.0.113.1', '203.0.113.2', '2001:db8::1', '2001:db8::2', '2001:db8::3'])
        statuses.push((await from(address)).status);
      expect(statuses).toEqual([101, 101, 429, 101, 101, 101, 429]);
      const refused = await from('203.0.113.1');
      await eventually('the body', () => refused.head.includes('}}'));
      expect((JSON.parse(refused.head.split('\r\n\r\n')[1]!) as { error: Result<unknown> }).error).toMatchObject({
        code: 'rate-limited',
        retryable: true,
      });
    } finally {
      await server.close();
    }
  });
});
