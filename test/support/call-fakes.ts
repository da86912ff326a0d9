import type { AppError } from '../../client/src/protocol/index.ts';
/** The call domain's ports without anything behind them: they remember what they were asked. */
import type { DriveState } from '../../client/src/protocol/index.ts';
import type { Caller } from '../../server/signalling/access.ts';
import type { ConnectionPort } from '../../server/call/Participant.ts';
import type {
  AvatarTrackPort,
  ConsumerPort,
  Opaque,
  ProducerPort,
  RoomMediaPort,
  SentReport,
  SynthesisSessionPort,
  TransportPort,
} from '../../server/call/ports.ts';

let nextId = 0;

/** Closable things share this: closed once, told once. */
export class FakeClosable {
  readonly id = `fake-${nextId++}`;
  closed = false;
  readonly #listeners: (() => void)[] = [];
  onClosed(listener: () => void): void {
    if (this.closed) listener();
    else this.#listeners.push(listener);
  }
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const listener of this.#listeners) listener();
  }
}

export class FakeProducer extends FakeClosable implements ProducerPort {
  paused = false;
  async pause(): Promise<void> {
    this.paused = true;
  }
  async resume(): Promise<void> {
    this.paused = false;
  }
}

export class FakeConsumer extends FakeProducer implements ConsumerPort {
  readonly producerId: string;
  readonly kind = 'video' as const;
  readonly rtpParameters: Opaque = {};
  constructor(producerId: string) {
    super();
    this.producerId = producerId;
  }
}

export class FakeTransport extends FakeClosable implements TransportPort {
  readonly direction: 'send' | 'receive';
  readonly parameters = { iceParameters: {}, iceCandidates: [], dtlsParameters: {} };
  readonly made: FakeClosable[] = [];
  onPacket: (packet: Uint8Array) => void = () => undefined;
  constructor(direction: 'send' | 'receive') {
    super();
    this.direction = direction;
    this.onClosed(() => this.made.forEach((thing) => thing.close()));
  }
  connected: () => void = () => undefined;
  onConnected(listener: () => void): void {
    this.connected = listener;
  }
  received: (bytes: number) => void = () => undefined;
  onReceived(listener: (bytes: number) => void): void {
    this.received = listener;
  }
  flooded: () => void = () => undefined;
  onFlooded(listener: () => void): void {
    this.flooded = listener;
  }
  async connect(): Promise<void> {}
  async restartIce(): Promise<Opaque> {
    return {};
  }
  async produceAudio(_parameters?: unknown, { paused } = { paused: false }): Promise<FakeProducer> {
    const producer = new FakeProducer();
    producer.paused = paused;
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

export class FakeTrack implements AvatarTrackPort {
  readonly producerId = `track-${nextId++}`;
  readonly output = { ip: '127.0.0.1', port: nextId++, sourcePort: nextId++, ssrc: 1, payloadType: 101, extensions: [] };
  closed = false;
  keyframe: () => void = () => undefined;
  onKeyframeRequest(listener: () => void): void {
    this.keyframe = listener;
  }
  repeats: (on: boolean) => void = () => undefined;
  onRepeats(listener: (on: boolean) => void): void {
    this.repeats = listener;
  }
  close(): void {
    this.closed = true;
  }
}

export class FakeRoomMedia implements RoomMediaPort {
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

export class FakeSession implements SynthesisSessionPort {
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
  watched = false;
  setWatched(watched: boolean): void {
    this.watched = watched;
  }
  repeats = false;
  setRepeats(on: boolean): void {
    this.repeats = on;
  }
  recalibrate(): void {}
  readonly expressions: string[] = [];
  express({ name }: { name: string }): void {
    this.expressions.push(name);
  }
  expressiveness = 1;
  setExpressiveness(share: number): void {
    this.expressiveness = share;
  }
  async switchAvatar({ avatarId }: { avatarId: string }): Promise<void> {
    this.avatarId = avatarId;
  }
  sent: (report: SentReport) => void = () => undefined;
  onSent(listener: (report: SentReport) => void): void {
    this.sent = listener;
  }
  rate: (framesPerSecond: number) => void = () => undefined;
  onRate(listener: (framesPerSecond: number) => void): void {
    this.rate = listener;
  }
  failed: (error: AppError) => void = () => undefined;
  onFailed(listener: (error: AppError) => void): void {
    this.failed = listener;
  }
  onState(listener: (state: DriveState) => void): void {
    this.state = listener;
  }
  close(): void {
    this.closed = true;
  }
}

export class FakeConnection implements ConnectionPort {
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

/** A caller whom nothing is taken back from. */
export function callerOf(userId: string, rooms: string[], changes: Partial<Caller> = {}): Caller {
  return {
    userId,
    rooms,
    expiresMs: Date.now() + 3_600_000,
    accessEndsMs: null,
    inviteId: null,
    isRevoked: () => false,
    mayUseAvatar: () => true,
    ...changes,
  };
}
