/// <reference lib="dom" />
import { AppError } from '../protocol/index.ts';
import type { AnswerOf, DriveState, LandmarkFrame, ParticipantInfo } from '../protocol/index.ts';
import type { CallEvents, CallOptions, CallState, ReceivedMedia } from './call-types.ts';
import { Emitter } from './Emitter.ts';
import { LandmarkChannel } from './LandmarkChannel.ts';
import { MediaSession } from './MediaSession.ts';
import type { ReceivedTrack } from './MediaSession.ts';
import type { ServerEvent } from './ports.ts';
import { Roster } from './Roster.ts';
import { ServerClock } from './ServerClock.ts';
import { Signalling } from './Signalling.ts';
import { CallStatistics } from './statistics/CallStatistics.ts';

const REBUILD_DELAY_MS = 1000;
const REBUILD_DELAY_MAX_MS = 10_000;

/**
 * One participant's place in one room. Heals itself: a lost link is taken up again with the resume key, a failed transport
 * restarts ICE and is then rebuilt, after a restart of the server the room is joined anew. What was asked for last (muted,
 * avatar, microphone) holds through all of that.
 */
export class Call extends Emitter<CallEvents> {
  readonly clock: ServerClock;
  readonly statistics: CallStatistics;
  readonly #options: CallOptions;
  readonly #signalling: Signalling;
  readonly #landmarks: LandmarkChannel;
  readonly #roster: Roster;
  readonly #driveStates = new Map<string, DriveState>();
  #media: MediaSession | null = null;
  #joined: AnswerOf<'join'> | null = null;
  #state: CallState = 'connecting';
  #microphone: MediaStreamTrack | null;
  #muted: boolean;
  #avatarId: string | null;
  #model: string | undefined;
  #rebuilds = 0;
  #rebuildTimer: ReturnType<typeof setTimeout> | undefined;
  #generation = 0;
  #entered = false;

  private constructor(options: CallOptions) {
    super();
    this.#options = options;
    this.#microphone = options.microphone ?? null;
    this.#muted = options.muted ?? false;
    this.#avatarId = options.avatarId ?? null;
    this.#model = options.model;
    this.#signalling = new Signalling(options);
    const request = this.#signalling.request.bind(this.#signalling);
    this.clock = new ServerClock(request);
    this.#landmarks = new LandmarkChannel(() => this.clock.nowMs);
    this.#roster = new Roster((name, event) => this.emit(name, event as CallEvents[typeof name]));
    this.statistics = new CallStatistics({ clock: this.clock, landmarks: this.#landmarks, media: () => this.#media, report: (report) => request('report-playback', report) });
    this.#signalling.on('up', () => void this.#linkUp());
    this.#signalling.on('down', () => this.#linkDown());
    this.#signalling.on('refused', ({ error }) => this.#end(error));
    this.#signalling.on('event', (event) => this.#handle(event));
  }

  /** Resolves when the room is entered; media follows by events. @throws AppError of the token, the room or the browser. */
  static async join(options: CallOptions): Promise<Call> {
    if (typeof RTCPeerConnection === 'undefined') throw new AppError('webrtc-unsupported');
    const call = new Call(options);
    const entered = new Promise<void>((resolve, reject) => {
      call.on('joined', () => resolve());
      call.on('closed', ({ error }) => reject(error ?? new AppError('closed')));
    });
    const timer = setTimeout(() => call.#end(new AppError('server-unreachable')), options.joinTimeoutMs ?? 20_000);
    call.#signalling.open();
    try {
      await entered;
      return call;
    } finally {
      clearTimeout(timer);
    }
  }

  get state(): CallState {
    return this.#state;
  }

  get participantId(): string {
    return this.#joined?.participantId ?? '';
  }

  get roomId(): string {
    return this.#joined?.roomId ?? '';
  }

  get participants(): ParticipantInfo[] {
    return this.#roster.participants;
  }

  /** How this participant's avatar is driven now; undefined while they have none. */
  driveState(participantId: string): DriveState | undefined {
    return this.#driveStates.get(participantId);
  }

  get muted(): boolean {
    return this.#muted;
  }

  get avatarId(): string | null {
    return this.#avatarId;
  }

  /** Everything that is being received now. */
  get media(): ReceivedMedia[] {
    return this.#media?.tracks.map(toMedia) ?? [];
  }

  /** One observation of the driver's face; goes out at once or not at all. Returns whether it went. */
  sendLandmarks(frame: LandmarkFrame): boolean {
    return this.#landmarks.send(frame);
  }

  /** Holds through reconnections. @throws AppError when the server refuses. */
  async setMuted(muted: boolean): Promise<void> {
    this.#muted = muted;
    this.#media?.setMuted(muted);
    await this.#ask('set-muted', { muted });
  }

  /** Another microphone, or none. The track stays the caller's. */
  async setMicrophone(track: MediaStreamTrack | null): Promise<void> {
    this.#microphone = track;
    await this.#media?.setMicrophone(track, this.#muted);
  }

  /** Switches the avatar in the middle of the call; null sends no picture. @throws AppError e.g. `avatar-not-found`, `capacity`. */
  async setAvatar(avatarId: string | null, model?: string): Promise<void> {
    await this.#ask('set-avatar', { avatarId, ...(model && { model }) });
    this.#avatarId = avatarId;
    this.#model = model ?? this.#model;
  }

  /** Takes the driver's next second as the neutral face, e.g. after another person sat down. */
  async recalibrate(): Promise<void> {
    await this.#ask('recalibrate', {});
  }

  /** Tries the way to the server at once, e.g. on the browser's `online` event. */
  reconnectNow(): void {
    this.#signalling.retryNow();
  }

  /** Leaves the room and ends everything; idempotent. */
  async leave(): Promise<void> {
    if (this.#state === 'closed') return;
    const told = this.#signalling.connected ? this.#signalling.request('leave', {}) : Promise.resolve();
    // Leaving must work whatever the server says: it notices a vanished participant anyway.
    await told.catch(() => undefined);
    this.#end(null);
  }

  async #ask<N extends 'set-muted' | 'set-avatar' | 'recalibrate'>(name: N, request: Parameters<Signalling['request']>[1]): Promise<void> {
    // While the link is down the wish is kept and told when the room is entered again.
    if (this.#state === 'reconnecting' && name === 'set-muted') return;
    await this.#signalling.request(name, request as never);
  }

  async #linkUp(): Promise<void> {
    const generation = ++this.#generation;
    try {
      const { displayName, preview, roomId } = this.#options;
      const answer = await this.#signalling.request('join', {
        displayName,
        ...(roomId && { roomId }),
        ...(this.#avatarId && { avatarId: this.#avatarId }),
        ...(this.#model && { model: this.#model }),
        ...(preview && { preview }),
      });
      if (generation === this.#generation) await this.#enter(answer, generation);
    } catch (thrown) {
      this.#joinFailed(AppError.from(thrown), generation);
    }
  }

  async #enter(answer: AnswerOf<'join'>, generation: number): Promise<void> {
    const rejoined = this.#joined !== null;
    this.#joined = answer;
    this.#signalling.resumeKey = answer.resumeKey;
    // At once: what is published while the clocks are compared comes as events on top of this snapshot.
    this.#roster.replace(answer.participants);
    await this.clock.start();
    if (generation !== this.#generation) return;
    this.#setState('connected');
    if (!this.#entered) {
      this.#entered = true;
      this.emit('joined', { participantId: answer.participantId, resumed: false });
    } else this.emit('rejoined', { participantId: answer.participantId, resumed: answer.resumed });
    if (rejoined && answer.resumed && this.#media) this.#media.linkRestored();
    else await this.#rebuildMedia();
    await this.#receiveAll();
    if (rejoined || this.#muted) await this.#signalling.request('set-muted', { muted: this.#muted });
  }

  #joinFailed(error: AppError, generation: number): void {
    if (generation !== this.#generation || this.#state === 'closed') return;
    if (error.code === 'resume-failed') {
      this.#signalling.resumeKey = undefined;
      this.#signalling.retryNow();
    } else if (error.code === 'avatar-not-found' && this.#entered) {
      // The avatar was deleted meanwhile: staying in the call without a picture beats being thrown out.
      this.#avatarId = null;
      this.emit('error', { error });
      void this.#linkUp();
    } else if (error.retryable && this.#entered) {
      this.emit('error', { error });
      this.#rebuildLater();
    } else this.#end(error);
  }

  async #rebuildMedia(): Promise<void> {
    clearTimeout(this.#rebuildTimer);
    this.#media?.close();
    this.#media = null;
    const joined = this.#joined;
    if (!joined) return;
    const { iceTransport = 'auto', iceTransportPolicy, handlerName } = this.#options;
    const media = await MediaSession.create({
      request: this.#signalling.request.bind(this.#signalling),
      routerRtpCapabilities: joined.routerRtpCapabilities,
      iceServers: joined.iceServers,
      // Every second rebuild tries TCP alone: some networks let UDP through only half.
      forceTcp: iceTransport === 'tcp' || (iceTransport === 'auto' && this.#rebuilds % 2 === 1),
      ...(iceTransportPolicy && { iceTransportPolicy }),
      ...(handlerName && { handlerName }),
    });
    if (this.#state === 'closed' || joined !== this.#joined) return media.close();
    this.#media = media;
    this.#listen(media);
    await Promise.all([media.openLandmarks(), this.#microphone ? media.setMicrophone(this.#microphone, this.#muted) : undefined]);
  }

  #listen(media: MediaSession): void {
    media.on('track', (received) => {
      this.statistics.trackAdded(received);
      this.emit('track-added', toMedia(received));
    });
    media.on('track-ended', (received) => {
      this.statistics.trackEnded(received);
      this.emit('track-ended', toMedia(received));
    });
    media.on('landmarks', ({ sink }) => {
      this.#landmarks.attach(sink);
      this.emit('landmarks-ready', { ready: sink !== null });
    });
    media.on('connected', () => {
      this.#rebuilds = 0;
      this.emit('media-state', { connected: true });
    });
    media.on('failed', ({ error }) => {
      this.emit('media-state', { connected: false });
      this.emit('error', { error });
      this.#rebuildLater();
    });
  }

  #rebuildLater(): void {
    if (this.#state === 'closed') return;
    clearTimeout(this.#rebuildTimer);
    const delayMs = Math.min(REBUILD_DELAY_MAX_MS, REBUILD_DELAY_MS * 2 ** Math.min(this.#rebuilds, 5));
    this.#rebuilds++;
    this.#rebuildTimer = setTimeout(() => {
      // Without a link the next `up` builds everything anew.
      if (this.#signalling.connected) void this.#rebuildNow();
    }, delayMs);
  }

  async #rebuildNow(): Promise<void> {
    try {
      if (this.#state !== 'connected') return await this.#linkUp();
      await this.#rebuildMedia();
      await this.#receiveAll();
    } catch (thrown) {
      this.#joinFailed(AppError.from(thrown), this.#generation);
    }
  }

  #linkDown(): void {
    if (this.#state === 'closed') return;
    this.#generation++;
    this.clock.stop();
    this.#setState(this.#entered ? 'reconnecting' : 'connecting');
  }

  #handle({ name, event }: ServerEvent): void {
    switch (name) {
      case 'participant-joined':
      case 'participant-changed':
        return this.#roster.upsert(event.participant);
      case 'participant-left':
        return this.#participantLeft(event.participantId);
      case 'media-published':
        return this.#mediaPublished(event);
      case 'media-unpublished':
        this.#roster.removeMedia(event.participantId, event.producerId);
        return this.#media?.drop({ producerId: event.producerId });
      case 'consumer-closed':
        return this.#media?.drop({ consumerId: event.consumerId });
      case 'drive-state':
        this.#driveStates.set(event.participantId, event.state);
        return this.emit('drive-state', event);
      case 'frame-traces':
        this.statistics.handleTraces(event);
        return this.emit('frame-traces', event);
      case 'closed':
        return this.#closedByServer(event);
    }
  }

  #participantLeft(participantId: string): void {
    for (const track of this.#media?.tracks ?? []) if (track.participantId === participantId) this.#media?.drop({ consumerId: track.consumerId });
    this.#driveStates.delete(participantId);
    this.#roster.remove(participantId);
  }

  #mediaPublished(event: { participantId: string; producerId: string; kind: 'audio' | 'video'; source: 'microphone' | 'avatar' }): void {
    this.#roster.addMedia(event.participantId, { producerId: event.producerId, kind: event.kind, source: event.source });
    void this.#receive(event.participantId, event.producerId, event.source);
  }

  #closedByServer({ code, message }: { code: string; message: string }): void {
    const error = AppError.fromWire({ code: code as AppError['code'], message, retryable: false });
    // A restart is no end: the link drops and comes back by itself.
    if (error.retryable && code !== 'internal') this.emit('error', { error });
    else this.#end(error);
  }

  async #receiveAll(): Promise<void> {
    const wanted = this.#roster.participants.flatMap((participant) => participant.media.map((media) => ({ participantId: participant.id, ...media })));
    for (const track of this.#media?.tracks ?? []) if (!wanted.some((media) => media.producerId === track.producerId)) this.#media?.drop({ consumerId: track.consumerId });
    await Promise.all(wanted.map((media) => this.#receive(media.participantId, media.producerId, media.source)));
  }

  async #receive(participantId: string, producerId: string, source: 'microphone' | 'avatar'): Promise<void> {
    const own = participantId === this.participantId;
    // One's own voice is never played back; one's own avatar is, so that one sees what the others see.
    if (own && (source === 'microphone' || this.#options.receiveOwnAvatar === false)) return;
    try {
      await this.#media?.consume(participantId, producerId);
    } catch (thrown) {
      const error = AppError.from(thrown);
      // Its owner was faster: the media ended before it could be received.
      if (error.code !== 'producer-not-found' && error.code !== 'server-unreachable') this.emit('error', { error });
    }
  }

  #setState(state: CallState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.emit('state', { state });
  }

  #end(error: AppError | null): void {
    if (this.#state === 'closed') return;
    this.#setState('closed');
    this.#generation++;
    clearTimeout(this.#rebuildTimer);
    this.clock.stop();
    this.statistics.close();
    this.#media?.close();
    this.#signalling.close();
    this.emit('closed', { error });
    this.clear();
  }
}

const toMedia = ({ participantId, producerId, consumerId, kind, track }: ReceivedTrack): ReceivedMedia => ({ participantId, producerId, consumerId, kind, track });
