/** One notion of "watched": an avatar is rendered while somebody's consumer flows over a transport that is up. */
import { beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../server/config/index.ts';
import type { Participant } from '../../server/call/Participant.ts';
import { Rooms } from '../../server/call/Rooms.ts';
import type { CallMetricsPort } from '../../server/call/ports.ts';
import { FakeConnection, FakeRoomMedia, FakeSession, type FakeTransport } from '../support/call-fakes.ts';

const holder = { subject: 'ada', address: '192.0.2.1' };

describe('an avatar', () => {
  let media: FakeRoomMedia;
  let session: FakeSession;
  let rooms: Rooms;
  let producerId: string;
  let driver: Participant;
  let viewerCount: number;
  let asked: number;

  const metrics = new Proxy(
    {},
    { get: (_, name) => (name === 'keyframeRequested' ? (reason: string) => (asked += Number(reason === 'viewer')) : () => undefined) },
  ) as CallMetricsPort;

  interface Viewer {
    participant: Participant;
    transport: FakeTransport;
    consumerId: string;
  }

  async function viewer(options: { connected?: boolean } = {}): Promise<Viewer> {
    const room = await rooms.enter('studio', holder);
    const name = `viewer ${viewerCount++}`;
    const participant = room.add({ displayName: name, subject: name, hidden: false });
    participant.attach(new FakeConnection());
    return { participant, ...(await consuming(participant, options)) };
  }

  async function consuming(participant: Participant, { connected = true } = {}): Promise<Omit<Viewer, 'participant'>> {
    const transport = (await participant.createTransport({ direction: 'receive', forceTcp: false })) as FakeTransport;
    if (connected) transport.connected();
    const { id } = await participant.consume({ transportId: transport.id, producerId, rtpCapabilities: {} as never });
    return { transport, consumerId: id };
  }

  beforeEach(async () => {
    [viewerCount, asked] = [0, 0];
    rooms = new Rooms({
      media: { createRoomMedia: async () => (media = new FakeRoomMedia()) },
      synthesis: { open: async ({ avatarId }) => (session = new FakeSession(avatarId)) },
      metrics,
      maxParticipants: 16,
      graceMs: 1000,
      limits: { maxTransports: 4, maxConsumers: 3 },
      seats: parseConfig().limits,
      videoBitrateBps: 500_000,
    });
    driver = (await rooms.enter('studio', holder)).add({ displayName: 'Ada', subject: 'ada', hidden: false });
    await driver.setAvatar({ avatarId: 'av-1', model: 'warp' });
    ({ producerId } = media.tracks[0]!);
  });

  it('is not watched by a consumer that is paused, or whose transport is not up', async () => {
    expect(session.watched).toBe(false);
    const { participant, transport, consumerId } = await viewer({ connected: false });
    expect(session.watched).toBe(false);
    await participant.resumeConsumer(consumerId);
    expect(session.watched).toBe(false);
    transport.connected();
    expect(session.watched).toBe(true);
    await participant.pauseConsumer(consumerId);
    expect(session.watched).toBe(false);
    await participant.resumeConsumer(consumerId);
    expect(session.watched).toBe(true);
  });

  it('is watched until the last viewer has gone, in whatever way they go', async () => {
    const ways: ((viewer: Viewer) => unknown)[] = [
      ({ participant, consumerId }) => participant.pauseConsumer(consumerId),
      ({ participant, consumerId }) => participant.consumer(consumerId).close(),
      ({ transport }) => transport.close(),
      ({ participant }) => participant.close(),
      ({ participant }) => participant.dismiss('closed', ''),
      // A client that has built its transports anew.
      ({ participant }) => consuming(participant),
    ];
    const viewers = await Promise.all(ways.map(() => viewer()));
    for (const { participant, consumerId } of viewers) await participant.resumeConsumer(consumerId);
    for (const [index, leave] of ways.entries()) {
      expect(session.watched).toBe(true);
      await leave(viewers[index]!);
    }
    expect(session.watched).toBe(false);
  });

  it('costs the others a keyframe for a newcomer, few for one who watches anew all the time, and none for the first', async () => {
    const first = await viewer();
    await first.participant.resumeConsumer(first.consumerId);
    // Waking up begins with one.
    expect([asked, session.keyframes]).toEqual([1, 0]);
    const restless = await viewer();
    for (let n = 0; n < 50; n++) {
      await restless.participant.resumeConsumer(restless.consumerId);
      if (n % 2) await restless.participant.pauseConsumer(restless.consumerId);
      expect(session.watched).toBe(true);
    }
    expect(session.keyframes).toBe(6);
  });

  it('that has left is not rendered for those who still watch it', async () => {
    const { participant, consumerId } = await viewer();
    await participant.resumeConsumer(consumerId);
    await driver.setAvatar(null);
    expect(session.closed).toBe(true);
    await participant.pauseConsumer(consumerId);
    await driver.setAvatar({ avatarId: 'av-2', model: 'warp' });
    expect(session.watched).toBe(false);
  });

  it('of somebody who previews themselves is watched by them alone', async () => {
    const room = await rooms.enter('studio', holder);
    const hidden = room.add({ displayName: 'Eve', subject: 'eve', hidden: true });
    await hidden.setAvatar({ avatarId: 'av-3', model: 'warp' });
    producerId = media.tracks.at(-1)!.producerId;
    const stranger = await viewer();
    await stranger.participant.resumeConsumer(stranger.consumerId);
    expect(session.watched).toBe(false);
    const { consumerId } = await consuming(hidden);
    await hidden.resumeConsumer(consumerId);
    expect(session.watched).toBe(true);
  });
});
