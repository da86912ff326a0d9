/// <reference lib="dom" preserve="true" />
import { Attempt } from '../http/Attempt.ts';
import { serverOrigin } from '../http/server-address.ts';
import { TokenSource } from '../http/TokenSource.ts';
import { AppError } from '../protocol/index.ts';
import type { AnswerOf, DriveState, ExpressionName, ExpressionRequest, LandmarkFrame } from '../protocol/index.ts';
import type { ParticipantInfo, RequestName, RequestOf } from '../protocol/index.ts';
import type { CallEvents, CallOptions, CallState, ReceivedMedia } from './call-types.ts';
import { Emitter } from './Emitter.ts';
import { toError, toMedia } from './from-server.ts';
import { LandmarkChannel } from './LandmarkChannel.ts';
import type { PacketSink } from './LandmarkChannel.ts';
import { MediaKeeper } from './MediaKeeper.ts';
import type { ReceivedTrack } from './MediaSession.ts';
import { watchPage } from './page-life.ts';
import type { ServerEvent } from './ports.ts';
import { RoomEntry } from './RoomEntry.ts';
import { Roster } from './Roster.ts';
import { ServerClock } from './ServerClock.ts';
import { Signalling } from './Signalling.ts';
import { TokenRenewal } from './TokenRenewal.ts';
import { CallStatistics } from './statistics/CallStatistics.ts';

const JOIN_TIMEOUT_MS = 20_000;

/**
 * One participant's place in one room. Heals itself: a lost link is taken up again with the resume key, a failed transport
 * restarts ICE and is then rebuilt, after a restart of the server the room is joined anew. What was asked for last (muted,
 * avatar, microphone) holds through all of that.
 */
export class Call extends Emitter<CallEvents> {
  readonly clock: ServerClock;
  readonly statistics: CallStatistics;
  readonly #signalling: Signalling;
  readonly #entry: RoomEntry;
  readonly #media: MediaKeeper;
  readonly #landmarks: LandmarkChannel;
  readonly #roster: Roster;
  readonly #renewal: TokenRenewal;
  readonly #driveStates = new Map<string, DriveState>();
  /** What the server told between the link's coming up and its answer to the join. */
  #early: ServerEvent[] | null = null;
  #state: CallState = 'connecting';
  #expressiveness = 1;
  #paused = false;
  readonly #unwatchPage: () => void;

  private constructor(options: CallOptions) {
    super();
    this.#signalling = new Signalling(options);
    const request = this.#signalling.request.bind(this.#signalling);
    this.clock = new ServerClock(request);
    this.#landmarks = new LandmarkChannel(() => this.clock.nowMs);
    this.#roster = new Roster((name, event) => this.emit(name, event as CallEvents[typeof name]));
    this.#entry = new RoomEntry({ signalling: this.#signalling, clock: this.clock, place: options });
    this.#media = new MediaKeeper({ ...options, request, roster: this.#roster });
    this.#renewal = new TokenRenewal({
      tokens: TokenSource.of(options.token),
      renew: (token) => request('renew-token', { token }),
      nowMs: () => this.clock.nowMs,
    });
    this.statistics = new CallStatistics({
      clock: this.clock,
      landmarks: this.#landmarks,
      media: () => this.#media.session,
      report: (report) => request('report-playback', report),
    });
    this.#unwatchPage = watchPage({ hidden: () => this.#stepOut(), shown: () => this.reconnectNow() });
    this.#listen();
  }

  /** Resolves when the room is entered; media follows by events. @throws AppError of the token, the room or the browser. */
  static async join(options: CallOptions): Promise<Call> {
    if (!options.link && typeof RTCPeerConnection === 'undefined') throw new AppError('webrtc-unsupported');
    const { signal, joinTimeoutMs: timeoutMs = JOIN_TIMEOUT_MS } = options;
    const url = serverOrigin(options.url);
    const token = TokenSource.of(options.token);
    let call: Call | undefined;
    try {
      return await new Attempt({ signal, timeoutMs }).run(async (attempt) => {
        // First, so that an application whose tokens do not come hears of that instead of a call that does not.
        await token.get();
        attempt.signal.throwIfAborted();
        call = new Call({ ...options, url, token });
        if (options.avatarId) call.#prepareToDrive();
        await call.#enter();
        return call;
      });
    } catch (thrown) {
      const error = AppError.from(thrown);
      if (!call) throw error;
      // What was in the way says more than that it took too long.
      const reason = (error.code === 'deadline' && call.#signalling.lastError) || error;
      call.#end(reason);
      throw reason;
    }
  }

  get state(): CallState {
    return this.#state;
  }

  get participantId(): string {
    return this.#entry.answer?.participantId ?? '';
  }

  get roomId(): string {
    return this.#entry.answer?.roomId ?? '';
  }

  get participants(): ParticipantInfo[] {
    return this.#roster.participants;
  }

  /** How this participant's avatar is driven now; undefined while they have none. */
  driveState(participantId: string): DriveState | undefined {
    return this.#driveStates.get(participantId);
  }

  get muted(): boolean {
    return this.#media.muted;
  }

  get avatarId(): string | null {
    return this.#entry.avatarId;
  }

  /** Everything that is being received now. */
  get media(): ReceivedMedia[] {
    return this.#media.tracks.map(toMedia);
  }

  /** One observation of the driver's face; goes out at once or not at all. Returns whether it went. */
  sendLandmarks(frame: LandmarkFrame): boolean {
    return !this.#paused && this.#landmarks.send(frame);
  }

  /** Holds through reconnections. @throws AppError when the server refuses. */
  async setMuted(muted: boolean): Promise<void> {
    this.#media.setMuted(muted);
    await this.#ask('set-muted', { muted });
  }

  /** Another microphone, or none. The track stays the caller's. */
  async setMicrophone(track: MediaStreamTrack | null): Promise<void> {
    await this.#media.setMicrophone(track);
  }

  /** Switches the avatar in the middle of the call; null sends no picture. @throws AppError e.g. `avatar-not-found`, `capacity`. */
  async setAvatar(avatarId: string | null, model?: string): Promise<void> {
    if (avatarId !== null) this.#prepareToDrive();
    await this.#ask('set-avatar', { avatarId, ...(model && { model }) });
    this.#entry.chooseAvatar(avatarId, model);
  }

  /** Shows an expression over the live face; it fades by itself. @throws AppError when the server cannot be reached. */
  async express(name: ExpressionName, options: Omit<ExpressionRequest, 'name'> = {}): Promise<void> {
    await this.#ask('express', { name, ...options });
  }

  /**
   * How much of one's own expression the avatar shows: 0 none, 1 all of it (as at first), 1.5 at most; pose, lids and gaze stay. Holds through
   * reconnections and changes of avatar. @throws AppError `bad-request` for another number.
   */
  async setExpressiveness(share: number): Promise<void> {
    await this.#ask('set-expressiveness', { share });
    this.#expressiveness = share;
  }

  get expressiveness(): number {
    return this.#expressiveness;
  }

  /** While paused, nothing of the driver's face is sent: the avatar comes to rest, breathes and blinks. */
  setPaused(paused: boolean): void {
    this.#paused = paused;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Takes the driver's next second as the neutral face, e.g. after another person sat down. */
  async recalibrate(): Promise<void> {
    await this.#ask('recalibrate', {});
  }

  /** Whether `frame-traces` come, from which `statistics` has its stages: 65 kbit/s for each avatar. Holds through reconnections. */
  async setFrameTraces(enabled: boolean): Promise<void> {
    this.#entry.wantFrameTraces(enabled);
    await this.#ask('set-frame-traces', { enabled });
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

  #prepareToDrive(): void {
    this.#landmarks.prepare().catch((thrown: unknown) => this.emit('error', { error: AppError.from(thrown) }));
  }

  async #ask<N extends RequestName>(name: N, request: RequestOf<N>): Promise<void> {
    // While the link is down the wish is kept and told when the room is entered again.
    if (this.#state === 'reconnecting' && (name === 'set-muted' || name === 'set-frame-traces')) return;
    await this.#signalling.request(name, request);
  }

  async #enter(): Promise<void> {
    const entered = new Promise<void>((resolve, reject) => {
      this.on('joined', () => resolve());
      this.on('closed', ({ error }) => reject(error ?? new AppError('closed')));
    });
    this.#signalling.open();
    await entered;
  }

  /** The page goes: the others see it at once, instead of a picture that stands still until the grace period has passed. */
  #stepOut(): void {
    if (this.#state === 'closed') return;
    // No answer is waited for, and the link's end is sent right behind it: a page that goes has no later.
    if (this.#signalling.connected) this.#signalling.request('leave', {}).catch(() => undefined);
    this.#signalling.suspend();
  }

  #listen(): void {
    this.#signalling.on('up', () => this.#linkUp());
    this.#signalling.on('down', () => this.#linkDown());
    this.#signalling.on('refused', ({ error }) => this.#end(error));
    this.#signalling.on('event', (event) => this.#receiveEvent(event));
    // At once: what is published while the clocks are compared comes as events on top of this snapshot.
    this.#entry.on('admitted', ({ answer }) => this.#admitted(answer));
    this.#entry.on('entered', (entered) => void this.#entered(entered));
    this.#entry.on('error', (event) => this.emit('error', event));
    this.#entry.on('refused', ({ error }) => this.#end(error));
    this.#media.on('track', (received) => this.#trackAdded(received));
    this.#media.on('track-ended', (received) => this.#trackEnded(received));
    this.#media.on('landmarks', ({ sink }) => this.#landmarksChanged(sink));
    this.#media.on('state', (event) => this.emit('media-state', event));
    this.#media.on('error', (event) => this.emit('error', event));
    this.#renewal.on('renewed', (event) => this.emit('access-renewed', event));
    this.#renewal.on('ending', (event) => this.emit('access-ending', event));
    this.#media.on('failed', ({ error }) => this.#end(error));
  }

  async #entered({ answer, again }: { answer: AnswerOf<'join'>; again: boolean }): Promise<void> {
    this.#setState('connected');
    const { participantId, resumed } = answer;
    if (again) this.emit('rejoined', { participantId, resumed });
    else this.emit('joined', { participantId, resumed: false });
    // The server hears of being muted before it gets any sound.
    await Promise.all([
      again || this.muted ? this.#tell('set-muted', { muted: this.muted }) : undefined,
      again && this.#expressiveness !== 1 ? this.#tell('set-expressiveness', { share: this.#expressiveness }) : undefined,
      this.#media.enter(answer),
    ]);
  }

  async #tell<N extends 'set-muted' | 'set-expressiveness'>(name: N, request: RequestOf<N>): Promise<void> {
    try {
      await this.#signalling.request(name, request);
    } catch (thrown) {
      const error = AppError.from(thrown);
      // With the link gone it is told at the next entry.
      if (this.#state === 'connected') this.emit('error', { error });
    }
  }

  #linkUp(): void {
    this.#early = [];
    void this.#entry.handleLinkUp();
  }

  #admitted(answer: AnswerOf<'join'>): void {
    this.#roster.replace(answer.participants);
    const early = this.#early ?? [];
    this.#early = null;
    for (const event of early) this.#handle(event);
  }

  /**
   * Events belong on top of the join's snapshot. A transport may deliver both in one go, and then they are here before the answer, which
   * a promise hands on, is: they wait for it.
   */
  #receiveEvent(event: ServerEvent): void {
    if (this.#early && event.name !== 'closed' && event.name !== 'token-expiring') this.#early.push(event);
    else this.#handle(event);
  }

  #linkDown(): void {
    if (this.#state === 'closed') return;
    this.#early = null;
    this.#renewal.stop();
    this.#entry.handleLinkDown();
    this.#media.handleLinkDown();
    this.#setState(this.#entry.entered ? 'reconnecting' : 'connecting');
  }

  #trackAdded(received: ReceivedTrack): void {
    this.statistics.trackAdded(received);
    this.emit('track-added', toMedia(received));
  }

  #trackEnded(received: ReceivedTrack): void {
    this.statistics.trackEnded(received);
    this.emit('track-ended', toMedia(received));
  }

  #landmarksChanged(sink: PacketSink | null): void {
    this.#landmarks.attach(sink);
    this.emit('landmarks-ready', { ready: sink !== null });
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
        return this.#media.drop({ producerId: event.producerId });
      case 'consumer-closed':
        return this.#media.drop({ consumerId: event.consumerId });
      case 'drive-state':
        this.#driveStates.set(event.participantId, event.state);
        return this.emit('drive-state', event);
      case 'avatar-rate':
        this.statistics.handleRate(event);
        return this.emit('avatar-rate', event);
      case 'frames-sent':
        return this.#media.handleSentFrames(event.participantId, event.frames);
      case 'frame-traces':
        this.statistics.handleTraces(event);
        return this.emit('frame-traces', event);
      case 'token-expiring':
        return this.#renewal.handleExpiring(event);
      case 'avatar-failed':
        return this.#avatarFailed(event);
      case 'closed':
        return this.#closedByServer(event);
    }
  }

  #participantLeft(participantId: string): void {
    for (const track of this.#media.tracks) if (track.participantId === participantId) this.#media.drop({ consumerId: track.consumerId });
    this.#driveStates.delete(participantId);
    this.#roster.remove(participantId);
  }

  #mediaPublished(event: { participantId: string; producerId: string; kind: 'audio' | 'video'; source: 'microphone' | 'avatar' }): void {
    this.#roster.addMedia(event.participantId, { producerId: event.producerId, kind: event.kind, source: event.source });
    void this.#media.receive(event.participantId, event);
  }

  #avatarFailed(event: { code: string; message: string }): void {
    // Entering again with it would fail again.
    this.#entry.chooseAvatar(null);
    this.emit('avatar-failed', { error: toError(event) });
  }

  #closedByServer(event: { code: string; message: string }): void {
    const error = toError(event);
    // A restart is no end: the link drops and comes back by itself.
    if (error.retryable && error.code !== 'internal') this.emit('error', { error });
    else this.#end(error);
  }

  #setState(state: CallState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.emit('state', { state });
  }

  #end(error: AppError | null): void {
    if (this.#state === 'closed') return;
    this.#setState('closed');
    this.#unwatchPage();
    this.#entry.close();
    this.#renewal.close();
    this.#media.close();
    this.statistics.close();
    this.#signalling.close();
    this.emit('closed', { error });
    this.clear();
  }
}
