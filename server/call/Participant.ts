/** One person in a room: their transports, what they send, what they receive, their avatar. */
import { randomBytes, randomUUID } from 'node:crypto';
import {
  AppError,
  type DriveState,
  type EventName,
  type EventOf,
  type FrameTrace,
  type MicrophoneParameters,
  type ParticipantInfo,
  type ReceiveCapabilities,
  type SctpStreamParameters,
} from '../../client/src/protocol/index.ts';
import { Avatar } from './Avatar.ts';
import { endAll } from '../base/end-all.ts';
import { Emitter } from '../base/Emitter.ts';
import type { CallMetricsPort, ConsumerPort, ProducerPort, RoomMediaPort, SynthesisPort, TransportPort } from './ports.ts';
import { Views, type Watch } from './Views.ts';

/** The way to the participant's browser; replaced when they reconnect. */
export interface ConnectionPort {
  send<N extends EventName>(name: N, event: EventOf<N>): void;
  /** Ends the connection from this side, after a last `closed` event. */
  end(code: string, message: string): void;
}

/** For how long somebody may be here. */
export interface Tenure {
  /** Until it ends by itself; at most 0 where it has. */
  readonly remainingMs: number;
  /** It was taken back. */
  readonly revoked: boolean;
}

const FOR_EVER: Tenure = { remainingMs: Infinity, revoked: false };

export interface ParticipantOptions {
  displayName: string;
  /** The token's subject: who this is for the application. */
  subject: string;
  /** By which invite a guest came. */
  inviteId: string | null;
  /** In the room, but unseen: previewing themselves. */
  hidden: boolean;
  media: RoomMediaPort;
  synthesis: SynthesisPort;
  metrics: CallMetricsPort;
  graceMs: number;
  limits: ParticipantLimits;
  /** This participant watches somebody's video. */
  watch: Watch;
}

export interface ParticipantLimits {
  /** Of further ones the oldest are closed. */
  maxTransports: number;
  maxConsumers: number;
}

interface ParticipantEvents extends Record<string, unknown> {
  changed: undefined;
  published: { producerId: string; kind: 'audio' | 'video'; source: 'microphone' | 'avatar' };
  unpublished: { producerId: string };
  state: DriveState;
  /** Frames a second that the avatar is rendered at. */
  rate: number;
  /** Bytes from this participant, told once a second. */
  received: number;
  traces: FrameTrace[];
  sent: number;
  closed: undefined;
}

export class Participant {
  readonly id = randomUUID();
  readonly resumeKey = randomBytes(24).toString('base64url');
  readonly displayName: string;
  readonly subject: string;
  readonly inviteId: string | null;
  readonly hidden: boolean;
  readonly events = new Emitter<ParticipantEvents>();
  readonly #options: ParticipantOptions;
  readonly #transports = new Map<string, TransportPort>();
  readonly #consumers = new Map<string, ConsumerPort>();
  #connection: ConnectionPort | null = null;
  #tenure = FOR_EVER;
  #graceTimer: NodeJS.Timeout | undefined;
  #audio: ProducerPort | null = null;
  #landmarks: { id: string; close(): void } | null = null;
  #avatar: Avatar | null = null;
  /** Changes of avatar are done one after the other, in the order asked for. */
  #avatarChange: Promise<unknown> = Promise.resolve();
  #muted = false;
  #expressiveness = 1;
  readonly #views: Views;
  /** Whether this participant wants the stage times of everybody's frames. */
  wantsTraces = false;
  #openingTransports = 0;
  #openingConsumers = 0;
  #closed = false;

  constructor(options: ParticipantOptions) {
    this.#options = options;
    this.#views = new Views(options.watch);
    this.displayName = options.displayName;
    this.subject = options.subject;
    this.inviteId = options.inviteId;
    this.hidden = options.hidden;
  }

  get info(): ParticipantInfo {
    const media: ParticipantInfo['media'] = [];
    if (this.#audio) media.push({ producerId: this.#audio.id, kind: 'audio', source: 'microphone' });
    if (this.#avatar) media.push({ producerId: this.#avatar.producerId, kind: 'video', source: 'avatar' });
    return { id: this.id, displayName: this.displayName, muted: this.#muted, avatar: this.#avatar?.info ?? null, media };
  }

  get avatar(): Avatar | null {
    return this.#avatar;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Without a connection: the place is kept for a while. */
  get lost(): boolean {
    return this.#connection === null;
  }

  /** Whether the right to be here was taken back. */
  get revoked(): boolean {
    return this.#tenure.revoked;
  }

  // -- connection

  /** Binds a (new) connection, which may be here for so long; an older one that is still there is ended. */
  attach(connection: ConnectionPort, tenure: Tenure = FOR_EVER): void {
    clearTimeout(this.#graceTimer);
    this.#tenure = tenure;
    const previous = this.#connection;
    this.#connection = connection;
    if (previous && previous !== connection) endAll(() => previous.end('closed', 'This participant has connected from elsewhere.'));
  }

  /** The connection is lost: the place in the room is kept for the grace period, and no longer than its holder might be here. */
  detach(connection: ConnectionPort): void {
    if (this.#connection !== connection || this.#closed) return;
    this.#connection = null;
    this.#graceTimer = setTimeout(() => this.close(), Math.min(this.#options.graceMs, Math.max(0, this.#tenure.remainingMs)));
  }

  send<N extends EventName>(name: N, event: EventOf<N>): void {
    this.#connection?.send(name, event);
  }

  /** Ends this participant's call from the server's side. */
  dismiss(code: string, message: string): void {
    const connection = this.#connection;
    endAll(() => connection?.end(code, message));
    this.close();
  }

  // -- transports and media

  async createTransport(options: { direction: 'send' | 'receive'; forceTcp: boolean }): Promise<TransportPort> {
    const { media, limits } = this.#options;
    if (this.#openingTransports >= limits.maxTransports)
      throw new AppError('transport-limit', `At most ${limits.maxTransports} at the same time`);
    this.#openingTransports++;
    const transport = await media.createTransport(options).finally(() => this.#openingTransports--);
    if (this.#transports.size >= limits.maxTransports) this.#dropOldest(options.direction);
    if (this.#closed) {
      transport.close();
      throw new AppError('not-joined');
    }
    this.#transports.set(transport.id, transport);
    transport.onConnected(() => this.#views.connected(transport));
    transport.onReceived((bytes) => this.events.emit('received', bytes));
    transport.onFlooded(() => this.dismiss('bitrate-limit', new AppError('bitrate-limit').message));
    transport.onClosed(() => this.#transports.delete(transport.id));
    return transport;
  }

  /** Whether the next transport takes the place of an older one. */
  get transportsFull(): boolean {
    return this.#transports.size >= this.#options.limits.maxTransports;
  }

  /** What is open or being opened. */
  get held(): { transports: number; voices: number; videos: number } {
    const consumers = [...this.#consumers.values()];
    const videos = consumers.filter(({ kind }) => kind === 'video').length;
    return {
      transports: this.#transports.size + this.#openingTransports,
      voices: consumers.length - videos,
      // Of one that is being opened nobody knows the kind yet.
      videos: videos + this.#openingConsumers,
    };
  }

  /** Whether there is a consumer of that stream already. */
  receives(producerId: string): boolean {
    return [...this.#consumers.values()].some((consumer) => consumer.producerId === producerId);
  }

  transport(id: string): TransportPort {
    const transport = this.#transports.get(id);
    if (!transport) throw new AppError('transport-not-found');
    return transport;
  }

  async produceAudio(transportId: string, parameters: MicrophoneParameters): Promise<ProducerPort> {
    const paused = this.#muted;
    const producer = await this.transport(transportId).produceAudio(parameters, { paused });
    if (this.#closed) {
      producer.close();
      throw new AppError('not-joined');
    }
    const previous = this.#audio;
    this.#audio = producer;
    previous?.close();
    producer.onClosed(() => {
      if (this.#audio === producer) this.#audio = null;
      this.events.emit('unpublished', { producerId: producer.id });
    });
    if (this.#muted !== paused) await this.#applyMute();
    if (this.#audio !== producer)
      throw new AppError('producer-not-found', 'Another microphone has taken its place, or its transport has ended');
    this.events.emit('published', { producerId: producer.id, kind: 'audio', source: 'microphone' });
    return producer;
  }

  async produceLandmarks({
    transportId,
    sctpStreamParameters,
  }: {
    transportId: string;
    sctpStreamParameters: SctpStreamParameters;
  }): Promise<string> {
    const landmarks = await this.transport(transportId).produceLandmarks({
      sctpStreamParameters,
      onPacket: (packet) => this.#avatar?.handleLandmarks(packet),
    });
    if (this.#closed) {
      landmarks.close();
      throw new AppError('not-joined');
    }
    this.#landmarks?.close();
    this.#landmarks = landmarks;
    return landmarks.id;
  }

  /** One consumer per producer: a later one, as of a client that has rebuilt its transports, replaces the earlier. */
  async consume(options: { transportId: string; producerId: string; rtpCapabilities: ReceiveCapabilities }): Promise<ConsumerPort> {
    const transport = this.transport(options.transportId);
    if (transport.direction !== 'receive') throw new AppError('bad-request', 'Consume on the receiving transport');
    const { maxConsumers } = this.#options.limits;
    const others = new Set(
      [...this.#consumers.values()].map(({ producerId }) => producerId).filter((producerId) => producerId !== options.producerId),
    );
    if (others.size + this.#openingConsumers >= maxConsumers)
      throw new AppError('consumer-limit', `At most ${maxConsumers} at the same time`);
    this.#openingConsumers++;
    const consumer = await transport.consume(options).finally(() => this.#openingConsumers--);
    if (this.#closed) {
      consumer.close();
      throw new AppError('not-joined');
    }
    for (const earlier of [...this.#consumers.values()]) if (earlier.producerId === options.producerId) earlier.close();
    this.#consumers.set(consumer.id, consumer);
    this.#views.add(consumer, transport);
    consumer.onClosed(() => {
      this.#consumers.delete(consumer.id);
      this.#views.remove(consumer.id);
      this.send('consumer-closed', { consumerId: consumer.id });
    });
    return consumer;
  }

  /** Lets a received stream flow. */
  async resumeConsumer(id: string): Promise<void> {
    await this.consumer(id).resume();
    this.#views.resume(id);
  }

  async pauseConsumer(id: string): Promise<void> {
    this.#views.pause(id);
    await this.consumer(id).pause();
  }

  consumer(id: string): ConsumerPort {
    const consumer = this.#consumers.get(id);
    if (!consumer) throw new AppError('consumer-not-found');
    return consumer;
  }

  async setMuted(muted: boolean): Promise<void> {
    if (muted === this.#muted) return;
    this.#muted = muted;
    await this.#applyMute();
    this.events.emit('changed', undefined);
  }

  /** A microphone that ends meanwhile needs no muting, and the next one starts as it should. */
  async #applyMute(): Promise<void> {
    const audio = this.#audio;
    try {
      await (this.#muted ? audio?.pause() : audio?.resume());
    } catch (error) {
      if (this.#audio === audio) throw error;
    }
  }

  // -- avatar

  /** Shows, exchanges or (null) takes away the avatar. Resolves once its track is in the room. */
  setAvatar(choice: { avatarId: string; model: string } | null): Promise<void> {
    const change = this.#avatarChange.then(() => this.#changeAvatar(choice));
    this.#avatarChange = change.catch(() => undefined); // a refused change must not block the next one
    return change;
  }

  /** Share of the driver's own expression that the avatar shows; holds for avatars that come later. */
  setExpressiveness(share: number): void {
    this.#expressiveness = share;
    this.#avatar?.setExpressiveness(share);
  }

  /** The avatar was deleted: it goes, also if it is just coming. */
  withdrawAvatar(avatarId: string): Promise<void> {
    const change = this.#avatarChange.then(() => {
      if (this.#avatar?.info.id === avatarId) this.#removeAvatar();
    });
    this.#avatarChange = change.catch(() => undefined);
    return change;
  }

  async #changeAvatar(choice: { avatarId: string; model: string } | null): Promise<void> {
    if (this.#closed) throw new AppError('not-joined');
    if (!choice) return this.#removeAvatar();
    if (this.#avatar) await this.#avatar.switchTo(choice);
    else await this.#addAvatar(choice);
    this.events.emit('changed', undefined);
  }

  async #addAvatar(choice: { avatarId: string; model: string }): Promise<void> {
    const { media, synthesis, metrics } = this.#options;
    const avatar = await Avatar.create({ media, synthesis, metrics, participantId: this.id, user: this.subject, ...choice });
    if (this.#closed) {
      avatar.close();
      throw new AppError('not-joined');
    }
    this.#avatar = avatar;
    if (this.#expressiveness !== 1) avatar.setExpressiveness(this.#expressiveness);
    avatar.events.on('state', (state) => this.events.emit('state', state));
    avatar.events.on('rate', (rate) => this.events.emit('rate', rate));
    avatar.events.on('failed', (error) => this.#avatarFailed(avatar, error));
    avatar.events.on('sent', (frames) => this.events.emit('sent', frames));
    avatar.events.on('traces', (traces) => this.events.emit('traces', traces));
    this.events.emit('published', { producerId: avatar.producerId, kind: 'video', source: 'avatar' });
  }

  /** Everybody sees that there is no avatar any more; only its owner learns why. */
  #avatarFailed(avatar: Avatar, { code, message }: AppError): void {
    if (this.#avatar !== avatar) return;
    this.send('avatar-failed', { code, message });
    this.#removeAvatar();
  }

  #removeAvatar(): void {
    const avatar = this.#avatar;
    if (!avatar) return;
    this.#avatar = null;
    avatar.close();
    this.events.emit('unpublished', { producerId: avatar.producerId });
    this.events.emit('changed', undefined);
  }

  /** A client that rebuilds its transports never closes the old ones when the connection is gone. */
  #dropOldest(direction: 'send' | 'receive'): void {
    const oldest =
      [...this.#transports.values()].find((transport) => transport.direction === direction) ?? [...this.#transports.values()][0];
    if (!oldest) return;
    this.#transports.delete(oldest.id);
    oldest.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#graceTimer);
    this.#connection = null;
    endAll(() => this.#avatar?.close(), ...[...this.#transports.values()].map((transport) => () => transport.close()));
    this.events.emit('closed', undefined);
    this.events.removeAll();
  }
}
