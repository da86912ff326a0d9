/** All live avatars of one synthesis process, by the parent's session ids. */
import { AppError } from '../../../client/src/protocol/index.ts';
import type { EnrolledAvatar } from '../model/types.ts';
import type { Encoder, LiveSession, LiveSessionOptions, Renderer } from './LiveSession.ts';
import type { AvatarSource, Calls, FromWorker, OpenRequest, PacketCounts, SentMessage } from './messages.ts';
import { StreamedSession } from './StreamedSession.ts';

export interface LiveSessionsOptions {
  loadAvatar(source: AvatarSource): Promise<EnrolledAvatar>;
  openRenderer(avatar: EnrolledAvatar, driverNeutral: Float32Array | null, sessionId: string): Promise<Renderer>;
  createEncoder(options: Parameters<LiveSessionOptions['createEncoder']>[0], sessionId: string): Encoder;
  send(message: FromWorker): void;
  /** Runs one frame of that session, when no other session's is being made. */
  inTurn?(sessionId: string, work: () => Promise<void>): Promise<void>;
}

export class LiveSessions {
  readonly #options: LiveSessionsOptions;
  readonly #sessions = new Map<string, StreamedSession>();
  /** The newest `open` of each id: one that was closed or repeated meanwhile comes to nothing. */
  readonly #opening = new Map<string, OpenRequest>();
  #packets: PacketCounts = { malformed: 0, superseded: 0 };

  constructor(options: LiveSessionsOptions) {
    this.#options = options;
  }

  get(sessionId: string): LiveSession | undefined {
    return this.#sessions.get(sessionId)?.live;
  }

  /** @throws AppError `avatar-not-found`, `model-unknown`; `closed` if it was closed while it opened. */
  async open(request: OpenRequest): Promise<Calls['open']['answer']> {
    const { sessionId, source, driverNeutral } = request;
    this.#opening.set(sessionId, request);
    try {
      const renderer = await this.#options.openRenderer(await this.#options.loadAvatar(source), driverNeutral, sessionId);
      this.#mustBeWanted(request, renderer);
      const session = await this.#start(request, renderer);
      this.#mustBeWanted(request, session);
      this.#sessions.get(sessionId)?.close();
      this.#sessions.set(sessionId, session);
      return { size: renderer.size };
    } finally {
      if (this.#opening.get(sessionId) === request) this.#opening.delete(sessionId);
    }
  }

  /** @throws AppError `closed`, and closes what was made, if the session was closed or opened again meanwhile. */
  #mustBeWanted(request: OpenRequest, made: { close(): void }): void {
    if (this.#opening.get(request.sessionId) === request) return;
    made.close();
    throw new AppError('closed', 'The session was closed while it opened');
  }

  #start(request: OpenRequest, renderer: Renderer): Promise<StreamedSession> {
    const { sessionId, video, pace, expressiveness } = request;
    const { send, inTurn, openRenderer, createEncoder } = this.#options;
    return StreamedSession.create(request, {
      renderer,
      video,
      pace,
      expressiveness,
      openRenderer: (avatar, neutral) => openRenderer(avatar, neutral, sessionId),
      createEncoder: (options) => createEncoder(options, sessionId),
      ...(inTurn ? { inTurn: (work: () => Promise<void>) => inTurn(sessionId, work) } : {}),
      onState: (state) => send({ type: 'state', sessionId, state }),
      onNeutral: (neutral) => send({ type: 'neutral', sessionId, neutral }),
      onDropped: (reason) => this.#packets[reason]++,
      onFault: (error) => {
        send({ type: 'fault', sessionId, message: `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}` });
        this.close(sessionId); // its neighbours go on
      },
    });
  }

  /** @throws AppError `synthesis-failed` without such a session; `closed` if it ends meanwhile; as `open`. */
  async switchAvatar({ sessionId, source }: Calls['switch']['request']): Promise<void> {
    const session = this.#sessions.get(sessionId);
    if (!session) throw new AppError('synthesis-failed', 'No such session');
    await session.live.switchAvatar(await this.#options.loadAvatar(source));
  }

  setRepeats(sessionId: string, on: boolean): void {
    this.#sessions.get(sessionId)?.setRepeats(on);
  }

  /** What all of them have sent since the last call. */
  takeSent(): SentMessage[] {
    return [...this.#sessions.values()].flatMap((session) => session.takeSent() ?? []);
  }

  /** Packets that were not rendered, since the last call. */
  takePacketCounts(): PacketCounts {
    const counts = this.#packets;
    this.#packets = { malformed: 0, superseded: 0 };
    return counts;
  }

  close(sessionId: string): void {
    this.#opening.delete(sessionId);
    this.#sessions.get(sessionId)?.close();
    this.#sessions.delete(sessionId);
  }
}
