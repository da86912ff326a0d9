import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { RtpOutput } from '../../server/call/ports.ts';
import type { Rooms } from '../../server/call/Rooms.ts';
import type { Access } from '../../server/signalling/access.ts';
import { join } from '../../server/signalling/room-handlers.ts';
import { Session } from '../../server/signalling/Session.ts';
import { AppError, microphoneParametersSchema } from '../../client/src/protocol/index.ts';
import {
  callerOf,
  FakeConnection,
  FakeConsumer,
  type FakeProducer,
  type FakeRoomMedia,
  type FakeSession,
  type FakeTransport,
} from '../support/call-fakes.ts';
import { FakeRooms } from '../support/FakeRooms.ts';

const microphone = microphoneParametersSchema.parse({
  codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48_000, channels: 2 }],
  encodings: [{ ssrc: 1 }],
});

const holder = { subject: 'ada', address: '192.0.2.1' };

describe('Rooms', () => {
  let medias: FakeRoomMedia[];
  let sessions: FakeSession[];
  let outputs: RtpOutput[];
  let rooms: Rooms;
  let fakes: FakeRooms;

  beforeEach(() => {
    ({ medias, sessions, outputs, rooms } = fakes = new FakeRooms());
  });

  const enter: FakeRooms['enter'] = (...args) => fakes.enter(...args);

  it('opens one room for two who come at the same time', async () => {
    const [a, b] = await Promise.all([rooms.enter('studio', holder), rooms.enter('studio', holder)]);
    expect(a).toBe(b);
    expect(medias.length).toBe(1);
  });

  it('refuses the one too many', async () => {
    for (const name of ['a', 'b', 'c']) await enter(name);
    await expect(enter('d')).rejects.toMatchObject({ code: 'room-full' });
  });

  it('tells the others who comes, what they send, and who goes; in that order', async () => {
    const { connection } = await enter('Ada');
    const { participant } = await enter('Ben');
    const transport = await participant.createTransport({ direction: 'send', forceTcp: false });
    await participant.produceAudio(transport.id, microphone);
    await participant.setAvatar({ avatarId: 'av-1', model: 'warp' });
    participant.close();
    expect(connection.names()).toEqual([
      'participant-joined',
      'media-published',
      'media-published',
      'participant-changed',
      'media-unpublished',
      'participant-left',
    ]);
  });

  it('keeps a previewing participant unseen, and lets only them watch their own avatar', async () => {
    const ada = await enter('Ada');
    const eve = await enter('Eve', { hidden: true });
    await eve.participant.setAvatar({ avatarId: 'av-1', model: 'warp' });
    const room = await rooms.enter('studio', holder);
    const producerId = medias[0]!.tracks[0]!.producerId;
    expect(ada.connection.events).toEqual([]);
    expect(eve.connection.names()).toContain('media-published');
    expect(room.infos().map(({ displayName }) => displayName)).toEqual(['Ada']);
    expect(room.publisherOf(producerId, eve.participant)).toBe(eve.participant);
    expect(room.publisherOf(producerId, ada.participant)).toBeUndefined();
  });

  it('drives the avatar with the landmark channel and sends its frames, in whatever order both were made', async () => {
    const { participant, connection } = await enter('Ada');
    const transport = (await participant.createTransport({ direction: 'send', forceTcp: false })) as FakeTransport;
    await participant.produceLandmarks({ transportId: transport.id, sctpStreamParameters: { streamId: 0 } });
    transport.onPacket(new Uint8Array(3));
    await participant.setAvatar({ avatarId: 'av-1', model: 'warp' });
    transport.onPacket(new Uint8Array(3));
    expect(sessions[0]!.packets).toBe(1);
    expect(outputs).toEqual([medias[0]!.tracks[0]!.output]);
    sessions[0]!.state('tracking');
    expect(connection.names()).toContain('drive-state');
  });

  it('switches the avatar without a new track, and asks for a keyframe', async () => {
    const { participant } = await enter('Ada');
    await Promise.all([
      participant.setAvatar({ avatarId: 'av-1', model: 'warp' }),
      participant.setAvatar({ avatarId: 'av-2', model: 'warp' }),
    ]);
    expect(sessions.map(({ avatarId }) => avatarId)).toEqual(['av-2']);
    expect(medias[0]!.tracks.length).toBe(1);
    expect(sessions[0]!.keyframes).toBe(1);
    expect(participant.info.avatar).toEqual({ id: 'av-2', model: 'warp', synthetic: true });
  });

  it('withdraws a deleted avatar from every call', async () => {
    const { participant, connection } = await enter('Ada');
    await participant.setAvatar({ avatarId: 'av-1', model: 'warp' });
    await rooms.withdrawAvatar('av-1');
    expect(participant.info.avatar).toBeNull();
    expect(sessions[0]!.closed).toBe(true);
    expect(connection.names()).toContain('media-unpublished');
  });

  it('keeps a lost participant for the grace period, with everything they had', async () => {
    vi.useFakeTimers();
    try {
      const { participant, connection } = await enter('Ada');
      await participant.setAvatar({ avatarId: 'av-1', model: 'warp' });
      participant.detach(connection);
      await vi.advanceTimersByTimeAsync(900);
      const again = new FakeConnection();
      participant.attach(again);
      await vi.advanceTimersByTimeAsync(5000);
      expect(participant.closed).toBe(false);
      expect(sessions[0]!.closed).toBe(false);
      participant.detach(connection); // the old socket's late goodbye
      participant.detach(again);
      await vi.advanceTimersByTimeAsync(1100);
      expect(participant.closed).toBe(true);
      expect(sessions[0]!.closed).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  it('ends the older of two connections of one participant', async () => {
    const { participant, connection } = await enter('Ada');
    participant.attach(new FakeConnection());
    expect(connection.ended).toBe('closed');
    participant.detach(connection);
    expect(participant.closed).toBe(false);
  });

  it('mutes the microphone that is there and the one that comes', async () => {
    const { participant } = await enter('Ada');
    const transport = await participant.createTransport({ direction: 'send', forceTcp: false });
    await participant.setMuted(true);
    const producer = (await participant.produceAudio(transport.id, microphone)) as FakeProducer;
    expect(producer.paused).toBe(true);
    await participant.setMuted(false);
    expect(producer.paused).toBe(false);
  });

  it('bounds the transports of a client that rebuilds without end', async () => {
    const { participant } = await enter('Ada');
    for (let n = 0; n < 20; n++) await participant.createTransport({ direction: n % 2 ? 'send' : 'receive', forceTcp: false });
    expect(medias[0]!.transports.filter(({ closed }) => !closed).length).toBeLessThanOrEqual(4);
  });

  it('bounds them also when they are asked for all at once', async () => {
    const { participant } = await enter('Ada');
    const asked = await Promise.allSettled(
      Array.from({ length: 50 }, () => participant.createTransport({ direction: 'send', forceTcp: false })),
    );
    expect(asked.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(40);
    expect(medias[0]!.transports.filter(({ closed }) => !closed).length).toBeLessThanOrEqual(4);
  });

  it('withdraws a deleted avatar that is just coming', async () => {
    const { participant } = await enter('Ada');
    const coming = participant.setAvatar({ avatarId: 'av-1', model: 'warp' });
    await rooms.withdrawAvatar('av-1');
    await coming;
    expect(participant.info.avatar).toBeNull();
    expect(sessions.every(({ closed }) => closed)).toBe(true);
  });

  it('has a keyframe made for what viewers ask for, and for losses that were not repaired', async () => {
    const { participant } = await enter('Ada');
    await participant.setAvatar({ avatarId: 'av-1', model: 'warp' });
    medias[0]!.tracks[0]!.keyframe();
    expect(sessions[0]!.keyframes).toBe(1);
  });

  it('has frames sent twice while its track asks for that', async () => {
    const { participant } = await enter('Ada');
    await participant.setAvatar({ avatarId: 'av-1', model: 'warp' });
    const [track] = medias[0]!.tracks;
    track!.repeats(true);
    expect(sessions[0]!.repeats).toBe(true);
    track!.repeats(false);
    expect(sessions[0]!.repeats).toBe(false);
  });

  it('ends everybody when the media worker dies, and opens the room anew for the next', async () => {
    const { connection } = await enter('Ada');
    medias[0]!.died();
    expect(connection.ended).toBe('transport-failed');
    await enter('Ada');
    expect(medias.length).toBe(2);
  });

  it('an ending that throws stays inside, and everything else ends', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    try {
      const { participant, connection } = await enter('Ada');
      const [first, second] = [
        await participant.createTransport({ direction: 'send', forceTcp: false }),
        await participant.createTransport({ direction: 'receive', forceTcp: false }),
      ] as FakeTransport[];
      await participant.setAvatar({ avatarId: 'av-1', model: 'warp' });
      const broken = (): never => {
        throw new Error('object serialization must not be nested');
      };
      first!.close = broken;
      sessions[0]!.close = broken;
      connection.end = broken;
      medias[0]!.close = broken;
      expect(rooms.closeRoom('studio')).toBe(true);
      expect([participant.closed, second!.closed, medias[0]!.tracks[0]!.closed, rooms.summaries()]).toEqual([true, true, true, []]);
      expect(warned).toHaveBeenCalledTimes(4);
    } finally {
      warned.mockRestore();
    }
  });

  it('an avatar that cannot be taken away does not keep the next one out', async () => {
    const { participant } = await enter('Ada');
    await participant.setAvatar({ avatarId: 'av-1', model: 'warp' });
    const broken = vi.spyOn(participant.events, 'emit').mockImplementationOnce(() => {
      throw new Error('broken');
    });
    await expect(rooms.withdrawAvatar('av-1')).rejects.toThrow('broken');
    broken.mockRestore();
    await participant.setAvatar({ avatarId: 'av-2', model: 'warp' });
    expect(participant.info.avatar?.id).toBe('av-2');
  });

  it('keeps no consumer that ended before it was handed over', async () => {
    const { participant, connection } = await enter('Ada');
    const transport = (await participant.createTransport({ direction: 'receive', forceTcp: false })) as FakeTransport;
    transport.consume = async ({ producerId }) => {
      const consumer = new FakeConsumer(producerId);
      consumer.close();
      return consumer;
    };
    const { id } = await participant.consume({
      transportId: transport.id,
      producerId: 'p',
      rtpCapabilities: { codecs: [], headerExtensions: [] },
    });
    expect(() => participant.consumer(id)).toThrow(expect.objectContaining({ code: 'consumer-not-found' }));
    expect(connection.names()).toContain('consumer-closed');
  });

  it('receives each producer once and no more than the limit', async () => {
    const { participant } = await enter('Ada');
    const transport = (await participant.createTransport({ direction: 'receive', forceTcp: false })) as FakeTransport;
    const consume = (producerId: string) =>
      participant.consume({ transportId: transport.id, producerId, rtpCapabilities: { codecs: [], headerExtensions: [] } });
    for (const producerId of ['a', 'b', 'c', 'a', 'b', 'c']) await consume(producerId);
    expect(transport.made.filter(({ closed }) => !closed).length).toBe(3);
    await expect(consume('d')).rejects.toMatchObject({ code: 'consumer-limit' });
  });

  it('puts out who sends more than they may', async () => {
    const { participant, connection } = await enter('Ada');
    const transport = (await participant.createTransport({ direction: 'send', forceTcp: false })) as FakeTransport;
    transport.flooded();
    expect(connection.ended).toBe('bitrate-limit');
    expect(participant.closed).toBe(true);
  });

  it('a microphone that is replaced while it is being muted is not announced, and the next one is as it should be', async () => {
    const { participant, connection } = await enter('Ada');
    const transport = (await participant.createTransport({ direction: 'send', forceTcp: false })) as FakeTransport;
    const original = transport.produceAudio.bind(transport);
    transport.produceAudio = async (parameters, options) => {
      const producer = await original(parameters, options);
      producer.resume = async () => {
        if (producer.closed) throw new AppError('producer-not-found');
        producer.paused = false;
      };
      return producer;
    };
    await participant.setMuted(true);
    const outcomes = await Promise.allSettled([
      participant.produceAudio(transport.id, microphone),
      participant.produceAudio(transport.id, microphone),
      participant.setMuted(false),
    ]);
    expect(
      outcomes
        .filter(({ status }) => status === 'rejected')
        .every((outcome) => (outcome as PromiseRejectedResult).reason instanceof AppError),
    ).toBe(true);
    const [living] = transport.made.filter(({ closed }) => !closed) as FakeProducer[];
    expect(living!.paused).toBe(false);
    const published = connection.events.filter(({ name }) => name === 'media-published').map(({ event }) => event['producerId']);
    expect(published).toContain(living!.id);
  });

  it('keeps no ghost of a socket that is gone before it has entered', async () => {
    vi.useFakeTimers();
    try {
      const access: Access = {
        defaultModel: 'warp',
        models: ['warp'],
        iceServers: () => [],
        identify: () => Promise.reject(new Error('not asked')),
      };
      const caller = callerOf('ada', ['studio']);
      const session = new Session({ address: '127.0.0.1', access, rooms, caller, connection: new FakeConnection() });
      const joining = join(session, { displayName: 'Ada' });
      session.disconnected();
      await joining;
      expect(rooms.summary('studio')?.participants.length).toBe(1);
      await vi.advanceTimersByTimeAsync(1100);
      expect(rooms.summary('studio')?.participants).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('lets who comes again while their place is still kept take it over, and nobody else', async () => {
    const { participant: before, connection } = await enter('Ana');
    const { participant: connected, connection: other } = await enter('Ben');
    before.detach(connection);
    const room = await rooms.enter('studio', holder);
    room.releaseLost({ displayName: 'Ana', subject: 'somebody else', hidden: false });
    room.releaseLost({ displayName: 'Another name', subject: 'Ana', hidden: false });
    room.releaseLost({ displayName: 'Ana', subject: 'Ana', hidden: true });
    expect(before.closed).toBe(false);
    room.releaseLost({ displayName: 'Ana', subject: 'Ana', hidden: false });
    expect([before.closed, other.names().filter((name) => name === 'participant-left').length]).toEqual([true, 1]);
    room.releaseLost({ displayName: 'Ben', subject: 'Ben', hidden: false });
    expect(connected.closed).toBe(false);
  });

  it('closes an empty room after a while, not one that is entered again', async () => {
    vi.useFakeTimers();
    try {
      const { participant } = await enter('Ada');
      participant.close();
      await vi.advanceTimersByTimeAsync(20_000);
      await enter('Ben');
      await vi.advanceTimersByTimeAsync(60_000);
      expect(medias[0]!.closed).toBe(false);
      expect(rooms.summaries()).toEqual([
        { id: 'studio', participants: [expect.objectContaining({ displayName: 'Ben', avatar: false, userId: 'Ben' })], previews: 0 },
      ]);
      expect(rooms.closeRoom('studio')).toBe(true);
      expect(medias[0]!.closed).toBe(true);
      expect(rooms.closeRoom('studio')).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });
});
