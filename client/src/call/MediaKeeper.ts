/// <reference lib="dom" />
import { AppError } from '../protocol/index.ts';
import type { AnswerOf } from '../protocol/index.ts';
import type { CallOptions } from './call-types.ts';
import { Emitter } from './Emitter.ts';
import { MediaSession } from './MediaSession.ts';
import type { MediaSessionEvents, MediaSessionOptions, ReceivedTrack } from './MediaSession.ts';
import type { RequestFunction } from './ports.ts';
import type { Roster } from './Roster.ts';

export interface MediaKeeperOptions extends Pick<
  CallOptions,
  'iceTransport' | 'iceTransportPolicy' | 'handlerName' | 'receiveOwnAvatar' | 'microphone' | 'muted'
> {
  request: RequestFunction;
  /** Whose media are to be received. */
  roster: Roster;
}

export interface MediaKeeperEvents extends Pick<MediaSessionEvents, 'track' | 'track-ended' | 'landmarks'> {
  state: { connected: boolean };
  /** Went wrong, and is mended here or can be done without. */
  error: { error: AppError };
  /** Cannot be mended: the call has to end. */
  failed: { error: AppError };
}

const REBUILD_DELAY_MS = 1000;
const REBUILD_DELAY_MAX_MS = 10_000;

/** Keeps the media of a call alive: one session after the other, each with what was asked for last and all that the roster names. */
export class MediaKeeper extends Emitter<MediaKeeperEvents> {
  readonly #options: MediaKeeperOptions;
  #joined: AnswerOf<'join'> | null = null;
  #session: MediaSession | null = null;
  #microphone: MediaStreamTrack | null;
  #muted: boolean;
  #linked = false;
  /** The session has failed and waits for its successor. */
  #broken = false;
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
  get session(): MediaSession | null {
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
    await this.#fill(session).catch((thrown: unknown) => this.#mend(AppError.from(thrown), generation));
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
      // Its owner was faster: the media ended before it could be received.
      if (error.code !== 'producer-not-found' && error.code !== 'server-unreachable') this.emit('error', { error });
    }
  }

  drop(match: { consumerId?: string; producerId?: string }): void {
    this.#session?.drop(match);
  }

  close(): void {
    this.#generation++;
    clearTimeout(this.#timer);
    this.#session?.close();
    this.#session = null;
    this.clear();
  }

  async #rebuild(): Promise<void> {
    const generation = ++this.#generation;
    clearTimeout(this.#timer);
    this.#session?.close();
    this.#session = null;
    this.#broken = false;
    try {
      const session = await MediaSession.create(this.#sessionOptions());
      if (generation !== this.#generation) return session.close();
      this.#session = session;
      this.#listen(session);
      await this.#fill(session);
    } catch (thrown) {
      this.#mend(AppError.from(thrown), generation);
    }
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
  async #fill(session: MediaSession): Promise<void> {
    await Promise.all([session.openLandmarks(), this.#sendMicrophone(session), this.#receiveAll(session)]);
  }

  /** A call without a voice is still a call: a microphone that fails is told and nothing else. */
  async #sendMicrophone(session: MediaSession): Promise<void> {
    try {
      if (this.#microphone) await session.setMicrophone(this.#microphone, this.#muted);
    } catch (thrown) {
      this.emit('error', { error: AppError.from(thrown) });
    }
  }

  async #receiveAll(session: MediaSession): Promise<void> {
    const wanted = this.#options.roster.participants.flatMap(({ id, media }) => media.map((one) => ({ participantId: id, ...one })));
    for (const track of session.tracks)
      if (!wanted.some((media) => media.producerId === track.producerId)) session.drop({ consumerId: track.consumerId });
    await Promise.all(wanted.map((media) => this.receive(media.participantId, media)));
  }

  #listen(session: MediaSession): void {
    session.on('track', (received) => this.emit('track', received));
    session.on('track-ended', (received) => this.emit('track-ended', received));
    session.on('landmarks', (event) => this.emit('landmarks', event));
    session.on('connected', () => {
      this.#rebuilds = 0;
      this.emit('state', { connected: true });
    });
    session.on('spoiled', (spoiled) => this.#leaveOut(spoiled));
    session.on('failed', ({ error }) => {
      this.#broken = true;
      this.emit('state', { connected: false });
      this.emit('error', { error });
      this.#rebuildLater();
    });
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

  #mend(error: AppError, generation: number): void {
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
