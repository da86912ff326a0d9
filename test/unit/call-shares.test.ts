/** What one user and one address hold over all rooms: rooms, unseen places, transports, streams, bit rate. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Participant } from '../../server/call/Participant.ts';
import type { CallMetricsPort } from '../../server/call/ports.ts';
import { Rooms } from '../../server/call/Rooms.ts';
import { parseConfig } from '../../server/config/index.ts';
import { FakeConnection, FakeRoomMedia, FakeSession, type FakeTransport } from '../support/call-fakes.ts';

const VIDEO_BPS = 500_000;
const capabilities = { codecs: [], headerExtensions: [] };

describe('Rooms, over all of them', () => {
  let rooms: Rooms;
  let reached: string[];

  const limitedTo = (limits: Partial<Record<string, number>>): void => {
    reached = [];
    rooms = new Rooms({
      media: { createRoomMedia: async () => new FakeRoomMedia() },
      synthesis: { open: async ({ avatarId }) => new FakeSession(avatarId) },
      metrics: new Proxy({}, { get: (_, name) => (limit: string) => name === 'limitReached' && reached.push(limit) }) as CallMetricsPort,
      maxParticipants: 8,
      graceMs: 0,
      limits: { maxTransports: 4, maxConsumers: 8 },
      seats: parseConfig({ limits }).limits,
      videoBitrateBps: VIDEO_BPS,
    });
  };
  beforeEach(() => limitedTo({}));

  async function enter(
    subject: string,
    { room = 'studio', address = '192.0.2.1', hidden = false } = {},
  ): Promise<{ participant: Participant; connection: FakeConnection }> {
    const holder = { subject, address };
    const entered = await rooms.enter(room, holder);
    rooms.seats.check(holder, hidden);
    const participant = entered.add({ displayName: subject, subject, hidden });
    rooms.seats.take(participant, holder);
    rooms.shares.add(participant, holder);
    const connection = new FakeConnection();
    participant.attach(connection);
    return { participant, connection };
  }
  const outcome = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'ok',
      ({ code }: { code: string }) => code,
    );
  async function openTransport(participant: Participant, direction: 'send' | 'receive' = 'send'): Promise<FakeTransport> {
    rooms.shares.checkTransport(participant);
    return (await participant.createTransport({ direction, forceTcp: false })) as FakeTransport;
  }
  async function receive(participant: Participant, transport: FakeTransport, producerId: string): Promise<void> {
    rooms.shares.checkConsumer(participant, { producerId, kind: 'video' });
    await participant.consume({ transportId: transport.id, producerId, rtpCapabilities: capabilities });
  }

  it('opens so many rooms for a user and an address, and others’ rooms may be entered all the same', async () => {
    limitedTo({ roomsPerUser: 2, roomsPerAddress: 3 });
    expect([
      await outcome(enter('ada', { room: 'a' })),
      await outcome(enter('ada', { room: 'b' })),
      await outcome(enter('ada', { room: 'c' })),
      await outcome(enter('ben', { room: 'c' })),
      await outcome(enter('ben', { room: 'd' })),
      await outcome(enter('ada', { room: 'c' })),
      await outcome(enter('eve', { room: 'd', address: '192.0.2.2' })),
    ]).toEqual(['ok', 'ok', 'room-limit', 'ok', 'room-limit', 'ok', 'ok']);
    expect(reached).toEqual(['roomsPerUser', 'roomsPerAddress']);
    rooms.closeRoom('a');
    expect(await outcome(enter('ada', { room: 'e' }))).toBe('ok');
  });

  it('counts no room that could not be opened', async () => {
    limitedTo({ roomsPerUser: 1 });
    const broken = vi.spyOn(FakeRoomMedia.prototype, 'onDied').mockImplementationOnce(() => {
      throw new Error('no worker');
    });
    await expect(enter('ada', { room: 'a' })).rejects.toThrow('no worker');
    broken.mockRestore();
    expect(await outcome(enter('ada', { room: 'b' }))).toBe('ok');
  });

  it('closes a room that somebody asked for and did not enter', async () => {
    vi.useFakeTimers();
    try {
      limitedTo({ seatsPerUser: 1 });
      await enter('ada', { room: 'home' });
      for (let n = 0; n < 3; n += 1) {
        expect(await outcome(enter('ada', { room: 'empty' }))).toBe('seat-limit');
        await vi.advanceTimersByTimeAsync(20_000);
      }
      await vi.advanceTimersByTimeAsync(31_000);
      expect(rooms.summaries().map(({ id }) => id)).toEqual(['home']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('has so many unseen places for an address, whoever takes them', async () => {
    limitedTo({ previewSeatsPerAddress: 3 });
    for (const user of ['a', 'b', 'c']) await enter(user, { hidden: true });
    expect(await outcome(enter('d', { hidden: true }))).toBe('seat-limit');
    expect([await outcome(enter('d')), reached]).toEqual(['ok', ['previewSeatsPerAddress']]);
  });

  it.each([
    ['transportsPerUser', 'ada'],
    ['transportsPerAddress', 'ben'],
  ])('opens so many transports in all places: %s; one that replaces another is none more', async (limit, second) => {
    limitedTo({ [limit]: 6 });
    const [one, other] = [(await enter('ada')).participant, (await enter(second, { room: 'lobby' })).participant];
    for (let n = 0; n < 6; n += 1) await openTransport(one);
    for (let n = 0; n < 2; n += 1) await openTransport(other);
    expect([await outcome(openTransport(other)), reached]).toEqual(['transport-limit', [limit]]);
    await openTransport(one);
    one.close();
    await openTransport(other);
  });

  it.each([
    ['consumersPerUser', 'ada', 3, 'consumer-limit'],
    ['consumersPerAddress', 'ben', 3, 'consumer-limit'],
    ['outgoingBitratePerUserBps', 'ada', 3.5 * VIDEO_BPS, 'outgoing-bitrate-limit'],
    ['outgoingBitratePerAddressBps', 'ben', 3.5 * VIDEO_BPS, 'outgoing-bitrate-limit'],
  ])('receives so many streams in all places: %s; one that replaces another is none more', async (limit, second, value, code) => {
    limitedTo({ [limit]: value });
    const [one, other] = [(await enter('ada')).participant, (await enter(second, { room: 'lobby' })).participant];
    const [first, last] = [await openTransport(one, 'receive'), await openTransport(other, 'receive')];
    for (const producerId of ['a', 'b']) await receive(one, first, producerId);
    await receive(other, last, 'c');
    expect([await outcome(receive(other, last, 'd')), reached]).toEqual([code, [limit]]);
    await receive(other, last, 'c');
    one.close();
    await receive(other, last, 'd');
  });

  it('puts out who sends most, when a user or an address sends more than it may, and nobody else', async () => {
    limitedTo({ incomingBitratePerUserBps: 800_000, incomingBitratePerAddressBps: 1_600_000 });
    const honest = await enter('honest');
    const attackers = [await enter('eve'), await enter('eve', { room: 'lobby' })];
    const [quiet, ...loud] = await Promise.all([honest, ...attackers].map(({ participant }) => openTransport(participant)));
    for (let second = 0; second < 10; second += 1) {
      quiet!.received(8000);
      loud[0]!.received(70_000);
      loud[1]!.received(90_000);
    }
    expect([honest.connection.ended, attackers[1]!.connection.ended]).toEqual([null, 'bitrate-limit']);
    expect(reached[0]).toBe('incomingBitratePerUserBps');
    const crowd = await Promise.all(['a', 'b', 'c'].map((user) => enter(user, { address: '192.0.2.9' })));
    const uplinks = await Promise.all(crowd.map(({ participant }) => openTransport(participant)));
    // Each for themselves within what a user may send at once.
    for (let second = 0; second < 3; second += 1) uplinks.forEach((uplink, index) => uplink.received(index === 1 ? 99_000 : 60_000));
    expect([crowd[1]!.connection.ended, reached.at(-1)]).toEqual(['bitrate-limit', 'incomingBitratePerAddressBps']);
  });
});
