import { beforeEach, describe, expect, it, vi } from 'vitest';
import type {
  AvatarTrackPort,
  CallMetricsPort,
  ConsumerPort,
  MediaPort,
  Opaque,
  ProducerPort,
  RoomMediaPort,
  RtpOutput,
  SynthesisPort,
  SynthesisSessionPort,
  TransportPort,
} from '../../server/call/ports.ts';
import type { ConnectionPort, Participant } from '../../server/call/Participant.ts';
import { Rooms } from '../../server/call/Rooms.ts';
import type { Access } from '../../server/signalling/access.ts';
import { join } from '../../server/signalling/room-handlers.ts';
import { Session } from '../../server/signalling/Session.ts';
import { microphoneParametersSchema, type DriveState } from '../../client/src/protocol/index.ts';

let nextId = 0;

/** Closable things share this: closed once, told once. */
class FakeClosable {
  readonly id = `fake-${nextId++}`;
  closed = false;
  readonly #listeners: (() => void)[] = [];
  onClosed(listener: () => void): void {
    this.#listeners.push(listener);
  }
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const listener of this.#listeners) listener();
  }
}

class FakeProducer extends FakeClosable implements ProducerPort {
  paused = false;
  async pause(): Promise<void> {
    this.paused = true;
  }
  async resume(): Promise<void> {
    this.paused = false;
  }
}

class FakeConsumer extends FakeProducer implements ConsumerPort {
  readonly producerId: string;
  readonly kind = 'video' as const;
  readonly rtpParameters: Opaque = {};
  constructor(producerId: string) {
    super();
    this.producerId = producerId;
  }
}

class FakeTransport extends FakeClosable implements TransportPort {
  readonly direction: 'send' | 'receive';
  readonly parameters = { iceParameters: {}, iceCandidates: [], dtlsParameters: {} };
  readonly made: FakeClosable[] = [];
  onPacket: (packet: Uint8Array) => void = () => undefined;
  constructor(direction: 'send' | 'receive') {
    super();
    this.direction = direction;
    this.onClosed(() => this.made.forEach((thing) => thing.close()));
  }
  async connect(): Promise<void> {}
  async restartIce(): Promise<Opaque> {
    return {};
  }
  async produceAudio(): Promise<FakeProducer> {
    const producer = new FakeProducer();
    this.made.push(producer);
    return producer;
  }
  async produceLandmarks({ onPacket }: { onPacket: (packet: Uint8Array) => void }): Promise<FakeClosable> {
    this.onPacket = onPacket;
    return new FakeClosable();
  }
  async consume({ producerId }: { producerId: string }): Promise<FakeConsumer> {
    const consumer = new FakeConsumer(producerId);
    this.made.push(consumer);
    return consumer;
  }
}

class FakeTrack implements AvatarTrackPort {
  readonly producerId = `track-${nextId++}`;
  readonly output = { ip: '127.0.0.1', port: nextId++, sourcePort: nextId++, ssrc: 1, payloadType: 101, extensions: [] };
  closed = false;
  keyframe: () => void = () => undefined;
  onKeyframeRequest(listener: () => void): void {
    this.keyframe = listener;
  }
  close(): void {
    this.closed = true;
  }
}

class FakeRoomMedia implements RoomMediaPort {
  readonly rtpCapabilities = {};
  readonly transports: FakeTransport[] = [];
  readonly tracks: FakeTrack[] = [];
  closed = false;
  died: () => void = () => undefined;
  onDied(listener: () => void): void {
    this.died = listener;
  }
  async createTransport({ direction }: { direction: 'send' | 'receive' }): Promise<FakeTransport> {
    const transport = new FakeTransport(direction);
    this.transports.push(transport);
    return transport;
  }
  async createAvatarTrack(): Promise<FakeTrack> {
    const track = new FakeTrack();
    this.tracks.push(track);
    return track;
  }
  close(): void {
    this.closed = true;
  }
}

class FakeSession implements SynthesisSessionPort {
  readonly model = 'warp';
  avatarId: string;
  packets = 0;
  keyframes = 0;
  closed = false;
  state: (state: DriveState) => void = () => undefined;
  constructor(avatarId: string) {
    this.avatarId = avatarId;
  }
  push(): void {
    this.packets++;
  }
  requestKeyframe(): void {
    this.keyframes++;
  }
  recalibrate(): void {}
  async switchAvatar({ avatarId }: { avatarId: string }): Promise<void> {
    this.avatarId = avatarId;
  }
  onSent(): void {}
  onState(listener: (state: DriveState) => void): void {
    this.state = listener;
  }
  close(): void {
    this.closed = true;
  }
}

class FakeConnection implements ConnectionPort {
  events: { name: string; event: Record<string, unknown> }[] = [];
  ended: string | null = null;
  send(name: string, event: unknown): void {
    this.events.push({ name, event: event as Record<string, unknown> });
  }
  end(code: string): void {
    this.ended = code;
  }
  names(): string[] {
    return this.events.map(({ name }) => name);
  }
}

const microphone = microphoneParametersSchema.parse({
  codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48_000, channels: 2 }],
  encodings: [{ ssrc: 1 }],
});
const metrics = new Proxy({}, { get: () => () => undefined }) as CallMetricsPort;
describe('Rooms', () => {
  let medias: FakeRoomMedia[];
  let sessions: FakeSession[];
  let outputs: RtpOutput[];
  let rooms: Rooms;

  beforeEach(() => {
    [medias, sessions, outputs] = [[], [], []];
    const media: MediaPort = {
      async createRoomMedia() {
        await Promise.resolve();
        const room = new FakeRoomMedia();
        medias.push(room);
        return room;
      },
    };
    const synthesis: SynthesisPort = {
      async open({ avatarId, output }) {
        const session = new FakeSession(avatarId);
        sessions.push(session);
        outputs.push(output);
        return session;
      },
    };
    rooms = new Rooms({ media, synthesis, metrics, maxParticipants: 3, graceMs: 1000 });
  });

  async function enter(
    displayName: string,
    options: { hidden?: boolean } = {},
  ): Promise<{ participant: Participant; connection: FakeConnection }> {
    const room = await rooms.enter('studio');
    const participant = room.add({ displayName, subject: displayName, hidden: options.hidden ?? false });
    const connection = new FakeConnection();
    participant.attach(connection);
    return { participant, connection };
  }

  it('opens one room for two who come at the same time', async () => {
    const [a, b] = await Promise.all([rooms.enter('studio'), rooms.enter('studio')]);
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
    const room = await rooms.enter('studio');
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

  it('ends everybody when the media worker dies, and opens the room anew for the next', async () => {
    const { connection } = await enter('Ada');
    medias[0]!.died();
    expect(connection.ended).toBe('transport-failed');
    await enter('Ada');
    expect(medias.length).toBe(2);
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
      const caller = { userId: 'ada', rooms: ['studio'], mayUseAvatar: () => true };
      const session = new Session({ access, rooms, caller, connection: new FakeConnection() });
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

  it('closes an empty room after a while, not one that is entered again', async () => {
    vi.useFakeTimers();
    try {
      const { participant } = await enter('Ada');
      participant.close();
      await vi.advanceTimersByTimeAsync(20_000);
      await enter('Ben');
      await vi.advanceTimersByTimeAsync(60_000);
      expect(medias[0]!.closed).toBe(false);
      expect(rooms.summaries()).toEqual([{ id: 'studio', participants: [{ displayName: 'Ben', avatar: false }] }]);
      expect(rooms.closeRoom('studio')).toBe(true);
      expect(medias[0]!.closed).toBe(true);
      expect(rooms.closeRoom('studio')).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });
});
