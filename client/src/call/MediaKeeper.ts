/// <reference lib="dom" preserve="true" />
import { AppError } from '../protocol/index.ts';
import type { AnswerOf, ErrorCode } from '../protocol/index.ts';
import type { CallOptions } from './call-types.ts';
import { Emitter } from './Emitter.ts';
import { MediaSession } from './MediaSession.ts';
import type { MediaLink } from './server-link.ts';
import type { MediaSessionEvents, MediaSessionOptions, ReceivedTrack } from './MediaSession.ts';
import type { RequestFunction } from './ports.ts';
import type { Roster } from './Roster.ts';

export interface MediaKeeperOptions extends Pick<
  CallOptions,
  'iceTransport' | 'iceTransportPolicy' | 'handlerName' | 'receiveOwnAvatar' | 'microphone' | 'muted' | 'link'
> {
  request: RequestFunction;
  /** Whose media are to be received. */
  roster: Roster;
}

export interface MediaKeeperEvents extends Pick<MediaSessionEvents, 'track' | 'track-ended' | 'landmarks'> {
  state: { connected: boolean };
  /** Went wrong, and is repaired here or can be done without. */
  error: { error: AppError };
  /** Cannot be repaired: the call has to end. */
  failed: { error: AppError };
}

const REBUILD_DELAY_MS = 1000;
const REBUILD_DELAY_MAX_MS = 10_000;
/** The media ended before this client could receive it, or the link was lost; after the next entry all media is received again. */
const outrun: ReadonlySet<ErrorCode> = new Set(['producer-not-found', 'consumer-not-found', 'server-unreachable']);
/** Between two sessions that are given up for their silence: the server must not be asked for transports all the time. */
const RENEW_INTERVAL_MS = 5000;

/** Keeps the media of a call alive: one session after the other, each with what was asked for last and all that the roster names. */
export class MediaKeeper extends Emitter<MediaKeeperEvents> {
  readonly #options: MediaKeeperOptions;
  #joined: AnswerOf<'join'> | null = null;
  #session: MediaLink | null = null;
  /** The silent one before it, shown until the new one's tracks are there. */
  #predecessor: MediaLink | null = null;
  #microphone: MediaStreamTrack | null;
  #muted: boolean;
  #linked = false;
  /** The session has failed and waits for its successor. */
  #broken = false;
  #renewFromMs = -Infinity;
  #rebuilds = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #generation = 0;
  /** Streams that the browser refused. */
  readonly #refused = new Set<string>();
  #oneByOne = false;

  constructor(options: MediaKeeperOptions) {
    super();
    this.#options = options;
    this.#microphone = options.microphone ?? null;
    this.#muted = options.muted ?? false;
  }

  /** Null while there is none, e.g. between two of them. */
  get session(): MediaLink | null {
    return this.#session;
  }

  get tracks(): ReceivedTrack[] {
    return this.#session?.tracks ?? [];
  }

  get muted(): boolean {
    return this.#muted;
  }

  setMuted(muted: boolean): void {
    this.#muted = muted;
    this.#session?.setMuted(muted);
  }

  async setMicrophone(track: MediaStreamTrack | null): Promise<void> {
    this.#microphone = track;
    await this.#session?.setMicrophone(track, this.#muted);
  }

  /** The room was entered (again). Never rejects: what goes wrong is told by events. */
  async enter(joined: AnswerOf<'join'>): Promise<void> {
    this.#joined = joined;
    this.#linked = true;
    clearTimeout(this.#timer);
    const session = this.#session;
    if (!joined.resumed || !session || this.#broken) return this.#rebuild();
    session.linkRestored();
    const generation = this.#generation;
    await this.#fill(session).catch((thrown: unknown) => this.#repair(AppError.from(thrown), generation));
  }

  /** Media may flow on, but nothing can be asked of the server until `enter`. */
  handleLinkDown(): void {
    this.#linked = false;
  }

  async receive(participantId: string, { producerId, source }: { producerId: string; source: 'microphone' | 'avatar' }): Promise<void> {
    const own = participantId === this.#joined?.participantId;
    // One's own voice is never played back; one's own avatar is, so that one sees what the others see.
    if (this.#refused.has(producerId)) return;
    if (own && (source === 'microphone' || this.#options.receiveOwnAvatar === false)) return;
    try {
      await this.#session?.consume(participantId, producerId);
    } catch (thrown) {
      const error = AppError.from(thrown);
      if (!outrun.has(error.code)) this.emit('error', { error });
    }
  }

  drop(match: { consumerId?: string; producerId?: string }): void {
    this.#session?.drop(match);
    // The server closes its consumers as those of the new session come; its last pictures stay until then.
    if (match.producerId !== undefined) this.#predecessor?.drop({ producerId: match.producerId });
  }

  /** The server has told of frames that it has sent of this participant's avatar. */
  handleSentFrames(participantId: string, count: number): void {
    this.#session?.handleSentFrames(participantId, count);
  }

  close(): void {
    this.#generation++;
    clearTimeout(this.#timer);
    this.#endSession();
    this.clear();
  }

  #endSession(): void {
    this.#predecessor?.close();
    this.#session?.close();
    this.#predecessor = this.#session = null;
  }

  async #rebuild(): Promise<void> {
    const generation = ++this.#generation;
    clearTimeout(this.#timer);
    this.#endSession();
    this.#broken = false;
    try {
      const session = await this.#open();
      if (generation !== this.#generation) return session.close();
      await this.#start(session);
    } catch (thrown) {
      this.#repair(AppError.from(thrown), generation);
    }
  }

  async #start(session: MediaLink): Promise<void> {
    clearTimeout(this.#timer);
    this.#broken = false;
    this.#session = session;
    this.#listen(session);
    await this.#fill(session);
  }

  /**
   * Nothing comes through the session any more, though the server says that it sends: the signalling link works, and media's path does not. ICE needs
   * ten seconds to see that and to take another one; a new session finds one at once.
   */
  async #renew(silent: MediaLink): Promise<void> {
    if (silent !== this.#session || this.#broken || !this.#linked || performance.now() < this.#renewFromMs) return;
    this.#renewFromMs = performance.now() + RENEW_INTERVAL_MS;
    const generation = ++this.#generation;
    try {
      const session = await this.#open();
      if (generation !== this.#generation) return session.close();
      this.emit('state', { connected: false });
      this.#predecessor = silent;
      await this.#start(session);
    } catch (thrown) {
      // The old one, where it is still there, is healed as any other.
      if (this.#session !== silent) this.#repair(AppError.from(thrown), generation);
    } finally {
      if (generation === this.#generation) this.#endPredecessor();
    }
  }

  #endPredecessor(): void {
    this.#predecessor?.close();
    this.#predecessor = null;
  }

  #open(): Promise<MediaLink> {
    const { link } = this.#options;
    return link ? link.openMedia(this.#sessionOptions()) : MediaSession.create(this.#sessionOptions());
  }

  #sessionOptions(): MediaSessionOptions {
    const { request, iceTransport = 'auto', iceTransportPolicy, handlerName } = this.#options;
    const { routerRtpCapabilities, iceServers } = this.#joined!; // set by `enter`, before anything is built
    return {
      request,
      routerRtpCapabilities,
      iceServers,
      // Every second rebuild tries TCP alone: some networks let UDP through only half.
      forceTcp: iceTransport === 'tcp' || (iceTransport === 'auto' && this.#rebuilds % 2 === 1),
      ...(iceTransportPolicy && { iceTransportPolicy }),
      ...(handlerName && { handlerName }),
      ...(this.#oneByOne && { oneByOne: true }),
    };
  }

  /** Brings a session to what is wanted now; what it has already stays as it is. */
  async #fill(session: MediaLink): Promise<void> {
    await Promise.all([session.openLandmarks(), this.#sendMicrophone(session), this.#receiveAll(session)]);
  }

  /** A call without a voice is still a call: a microphone that fails is told and nothing else. */
  async #sendMicrophone(session: MediaLink): Promise<void> {
    try {
      if (this.#microphone) await session.setMicrophone(this.#microphone, this.#muted);
    } catch (thrown) {
      this.emit('error', { error: AppError.from(thrown) });
    }
  }

  async #receiveAll(session: MediaLink): Promise<void> {
    const wanted = this.#options.roster.participants.flatMap(({ id, media }) => media.map((one) => ({ participantId: id, ...one })));
    for (const track of session.tracks)
      if (!wanted.some((media) => media.producerId === track.producerId)) session.drop({ consumerId: track.consumerId });
    await Promise.all(wanted.map((media) => this.receive(media.participantId, media)));
  }

  #listen(session: MediaLink): void {
    /** What a session tells of itself counts only while it is the current one. */
    const whileCurrent =
      <T>(handle: (event: T) => void) =>
      (event: T): void => {
        if (session === this.#session) handle(event);
      };
    session.on('track', (received) => {
      this.#predecessor?.drop({ producerId: received.producerId });
      this.emit('track', received);
    });
    session.on('track-ended', (received) => this.emit('track-ended', received));
    session.on(
      'landmarks',
      whileCurrent((event) => this.emit('landmarks', event)),
    );
    session.on(
      'connected',
      whileCurrent(() => {
        this.#rebuilds = 0;
        this.emit('state', { connected: true });
      }),
    );
    session.on('silent', () => void this.#renew(session));
    session.on(
      'spoiled',
      whileCurrent((spoiled) => this.#leaveOut(spoiled)),
    );
    session.on(
      'failed',
      whileCurrent(({ error }) => this.#failed(error)),
    );
  }

  #failed(error: AppError): void {
    this.#broken = true;
    this.emit('state', { connected: false });
    this.emit('error', { error });
    this.#rebuildLater();
  }

  /** The others' media must go on: a new session without the stream, as soon as it is known which one it is. */
  #leaveOut({ producerId, error }: { producerId: string | null; error: AppError }): void {
    this.#oneByOne = true;
    if (producerId !== null) {
      this.#refused.add(producerId);
      this.emit('error', { error });
    }
    void this.#rebuild();
  }

  #repair(error: AppError, generation: number): void {
    // Of a session that was given up meanwhile; or of a lost link, and then `enter` follows.
    if (generation !== this.#generation || !this.#linked) return;
    if (!error.retryable) return this.emit('failed', { error });
    this.emit('error', { error });
    this.#rebuildLater();
  }

  #rebuildLater(): void {
    clearTimeout(this.#timer);
    const delayMs = Math.min(REBUILD_DELAY_MAX_MS, REBUILD_DELAY_MS * 2 ** Math.min(this.#rebuilds, 5));
    this.#rebuilds++;
    this.#timer = setTimeout(() => {
      // Without a link the next `enter` does it.
      if (this.#linked) void this.#rebuild();
    }, delayMs);
  }
}
