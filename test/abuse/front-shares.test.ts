/** Many places, rooms and connections of one user or one address are no way around the limits of a single one. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Member } from '../support/Member.ts';
import { honestCapabilities, honestMicrophone, RawGuest } from '../support/RawGuest.ts';
import { TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';
import { installWebRtc, ToneMicrophone } from '../support/wrtc.ts';

let server: TestServer;
const guests: RawGuest[] = [];
afterEach(() => {
  for (const guest of guests.splice(0)) guest.leave();
});

async function tokenFor(userId: string, rooms: string[]): Promise<string> {
  const response = await fetch(`${server.url}/api/v1/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.server.keys.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId, scopes: rooms.map((room) => `join:${room}`) }),
  });
  return ((await response.json()) as { token: string }).token;
}

async function connect(token: string): Promise<RawGuest> {
  const guest = await RawGuest.connectAs(server, token);
  guests.push(guest);
  return guest;
}

const enter = async (token: string, request: object = {}): Promise<RawGuest> => {
  const guest = await connect(token);
  await guest.must('join', { displayName: 'Mallory', ...request });
  return guest;
};
const reached = async (limit: string): Promise<number> => {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`gioconda_limits_reached_total\\{limit="${limit}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
};

describe('one user', () => {
  beforeAll(async () => {
    server = await TestServer.create({
      config: {
        logLevel: 'silent',
        rooms: { graceMs: 0 },
        limits: { roomsPerUser: 2, transportsPerUser: 3, consumersPerUser: 1, messagesPerSecondPerUser: 20, previewSeatsPerAddress: 3 },
      },
    });
  });
  afterAll(() => server?.close());

  it('opens so many rooms, however many the token names', async () => {
    const token = await tokenFor('opener', ['a', 'b', 'c']);
    await enter(token, { roomId: 'a' });
    const second = await enter(token, { roomId: 'b' });
    await second.must('leave');
    // The room stays for a while, and so it counts.
    const third = await connect(token);
    expect(await third.codeOf('join', { displayName: 'Mallory', roomId: 'c' })).toBe('room-limit');
    await third.must('join', { displayName: 'Mallory', roomId: 'b' });
    expect(await reached('roomsPerUser')).toBe(1);
  });

  it('has so many transports and streams in all places', async () => {
    const speaker = await enter(await tokenFor('speaker', ['hall']));
    const { producerId } = await speaker.must<{ producerId: string }>('produce-audio', {
      transportId: await speaker.transport('send'),
      rtpParameters: honestMicrophone,
    });
    const token = await tokenFor('hoarder', ['hall']);
    const [one, other] = [await enter(token), await enter(token)];
    const listen = async (guest: RawGuest): Promise<string> =>
      guest.codeOf('consume', { transportId: await guest.transport('receive'), producerId, rtpCapabilities: honestCapabilities });
    expect([await listen(one), await listen(other), await reached('consumersPerUser')]).toEqual(['ok', 'consumer-limit', 1]);
    await other.transport('send');
    expect([await one.codeOf('create-transport', { direction: 'send' }), await reached('transportsPerUser')]).toEqual([
      'transport-limit',
      1,
    ]);
  });

  it('sends so many messages on all connections, and the others are answered', async () => {
    const token = await tokenFor('talker', ['a']);
    const [one, other, honest] = [await connect(token), await connect(token), await connect(await tokenFor('honest', ['a']))];
    const ask = (guest: RawGuest): Promise<string> => guest.codeOf('sync-clock', {});
    // Each connection alone may send 120 at once.
    const codes = await Promise.all(Array.from({ length: 100 }, (_, n) => ask(n % 2 ? one : other)));
    expect(codes).toContain('rate-limited');
    expect(codes.filter((code) => code === 'ok').length).toBeGreaterThanOrEqual(80);
    expect(await ask(honest)).toBe('ok');
    expect(await reached('messagesPerSecondPerUser')).toBeGreaterThan(0);
  });

  it('takes so many unseen places from one address, as whoever', async () => {
    for (const user of ['a', 'b', 'c']) await enter(await tokenFor(user, ['seen']), { preview: true });
    const last = await connect(await tokenFor('d', ['seen']));
    expect(await last.codeOf('join', { displayName: 'Mallory', preview: true })).toBe('seat-limit');
    await last.must('join', { displayName: 'Mallory' });
  });
});

describe('the bit rate of one user', () => {
  let microphone: ToneMicrophone;
  beforeAll(async () => {
    installWebRtc();
    microphone = new ToneMicrophone();
    // Less than a voice takes, and far below what one participant may send.
    server = await TestServer.create({ config: { logLevel: 'silent', limits: { incomingBitratePerUserBps: 30_000 } } });
  });
  afterAll(async () => {
    microphone?.stop();
    await server?.close();
  });

  it('is limited below that of one participant, where the operator says so; the others stay', async () => {
    const guest = await server.guest();
    const quiet = await Member.join(server, {});
    const loud = await Promise.all([1, 2].map(() => Member.join(server, { guest, microphone: microphone.track })));
    const ended = await Promise.race(
      loud.map(({ call }) => new Promise<string | undefined>((resolve) => void call.on('closed', ({ error }) => resolve(error?.code)))),
    );
    expect([ended, quiet.call.state]).toEqual(['bitrate-limit', 'connected']);
    await eventually('it is counted', async () => (await reached('incomingBitratePerUserBps')) > 0);
    for (const member of [quiet, ...loud]) await member.leave();
  });
});
