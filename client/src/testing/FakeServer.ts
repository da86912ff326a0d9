/// <reference lib="dom" preserve="true" />
import type { ServerLink } from '../call/server-link.ts';
import { Gioconda } from '../Gioconda.ts';
import type { GiocondaOptions } from '../Gioconda.ts';
import { AppError, requests } from '../protocol/index.ts';
import type { AnswerOf, AvatarInfo, ErrorCode, EventName, EventOf, RequestName, RequestOf, Result, WireError } from '../protocol/index.ts';
import { FakeMedia } from './FakeMedia.ts';
import { FakeParticipant } from './FakeParticipant.ts';
import type { FakeParticipantOptions } from './FakeParticipant.ts';
import { fakeAvatar, FakeRest } from './FakeRest.ts';
import { FakeSocket } from './FakeSocket.ts';
import type { FakeSocketServer } from './FakeSocket.ts';
import { FakeTracker } from './FakeTracker.ts';

export interface FakeServerOptions {
  /** The user's avatars at the beginning; none by default. */
  avatars?: Partial<AvatarInfo>[];
}

/** What the app asked for. */
export interface AskedRequest {
  /** `join`, `set-muted` and so on, or `GET /avatars`. */
  name: string;
  /** The body of a request over the signalling link. */
  request: unknown;
}

type Handlers = { [N in RequestName]?: (socket: FakeSocket, request: RequestOf<N>) => AnswerOf<N> };

/**
 * A Gioconda server in the memory of a test: the SDK is the real one, behind it there is no network, no WebRTC and no camera. The test
 * plays the other people, loses the link, and refuses what it likes.
 *
 * @example
 * const server = new FakeServer({ avatars: [{ id: 'lisa', name: 'Lisa' }] });
 * const gioconda = await server.connect();
 * const call = await gioconda.join({ displayName: 'Ana', roomId: 'studio', avatarId: 'lisa' });
 * const ben = server.enter('studio', { displayName: 'Ben', avatar: true });
 * ben.setMuted(true);
 * ben.leave();
 */
export class FakeServer implements FakeSocketServer {
  readonly url = 'https://gioconda.test';
  readonly tracker = new FakeTracker();
  /** Everything that the app asked for, in order. */
  readonly asked: AskedRequest[] = [];
  /** For `Gioconda.connect({ url: server.url, token, link: server.link })`. */
  readonly link: ServerLink;
  readonly #rest: FakeRest;
  readonly #sockets = new Set<FakeSocket>();
  readonly #participants = new Map<string, FakeParticipant>();
  readonly #resumable = new Map<string, string>();
  readonly #refusals: { name: string; error: AppError }[] = [];
  #offline = false;

  constructor({ avatars = [] }: FakeServerOptions = {}) {
    this.#rest = new FakeRest(avatars.map(fakeAvatar));
    this.link = {
      fetch: async (url, { method = 'GET', body } = {}) => {
        if (this.#offline) throw new TypeError('the fake server is offline');
        return this.#rest.answer(method, url, body, (name) => this.#ask(name, null));
      },
      openSocket: (_url, options) => {
        const socket = new FakeSocket(this, options);
        this.#sockets.add(socket);
        return socket;
      },
      openMedia: async () => this.#openMedia(),
      createWorker: () => this.tracker.createWorker(),
    };
  }

  /** The SDK, connected to this server. */
  connect(options: Partial<GiocondaOptions> = {}): Promise<Gioconda> {
    return Gioconda.connect({ url: this.url, token: 'a token of the fake server', link: this.link, ...options });
  }

  get avatars(): AvatarInfo[] {
    return this.#rest.avatars;
  }

  /** Everybody in a room, the app's own user among them. */
  participants(roomId: string): FakeParticipant[] {
    return [...this.#participants.values()].filter((participant) => participant.roomId === roomId);
  }

  /** Another person comes in. */
  enter(roomId: string, options: FakeParticipantOptions): FakeParticipant {
    return this.#add(roomId, options);
  }

  /** The next request of this name (`join`, `GET /avatars`, `handshake`) is refused. */
  refuseNext(name: string, code: ErrorCode, detail?: string): void {
    this.#refusals.push({ name, error: new AppError(code, detail) });
  }

  get offline(): boolean {
    return this.#offline;
  }

  /** Nothing comes through, in either direction, until it is false again. */
  set offline(offline: boolean) {
    this.#offline = offline;
    if (offline) this.dropLinks();
  }

  /** Every signalling link breaks, and comes back by itself. */
  dropLinks(): void {
    for (const socket of this.#sockets) socket.breakOff();
  }

  /** Ends the app's place in a room for good, as an operator can. */
  endCalls(code: ErrorCode = 'room-closed'): void {
    for (const socket of this.#sockets) {
      if (!socket.connected) continue;
      socket.receive('closed', { code, message: new AppError(code).message });
      socket.end();
    }
  }

  /** @internal */
  admit(socket: FakeSocket, auth: Record<string, unknown>): WireError | null {
    socket.resumeKey = auth['resume'];
    return this.#ask('handshake', auth)?.toWire() ?? null;
  }

  /** @internal */
  async answer(socket: FakeSocket, name: string, request: unknown): Promise<Result<unknown>> {
    await Promise.resolve(); // answers never come before the request has returned
    const refusal = this.#ask(name, request);
    if (refusal) return { ok: false, error: refusal.toWire() };
    const parsed = Object.hasOwn(requests, name) ? requests[name as RequestName].request.safeParse(request) : null;
    if (!parsed?.success) return { ok: false, error: new AppError('bad-request', `${name} is not as agreed`).toWire() };
    try {
      const handle = this.#handlers[name as RequestName] as ((socket: FakeSocket, request: unknown) => unknown) | undefined;
      return { ok: true, data: handle?.(socket, parsed.data) ?? {} };
    } catch (thrown) {
      return { ok: false, error: AppError.from(thrown).toWire() };
    }
  }

  /** @internal */
  gone(socket: FakeSocket): void {
    // The place is kept: `resume` takes it back.
    socket.participantId = null;
  }

  #ask(name: string, request: unknown): AppError | null {
    this.asked.push({ name, request });
    const at = this.#refusals.findIndex((refusal) => refusal.name === name);
    return at < 0 ? null : this.#refusals.splice(at, 1)[0]!.error;
  }

  readonly #handlers: Handlers = {
    join: (socket, request) => this.#join(socket, request),
    leave: (socket) => {
      this.#of(socket)?.leave();
      socket.participantId = null;
      return {};
    },
    'sync-clock': () => ({ serverTimeMs: performance.timeOrigin + performance.now() }),
    'set-muted': (socket, { muted }) => {
      this.#joined(socket).setMuted(muted);
      return {};
    },
    'set-avatar': (socket, { avatarId, model }) => {
      if (avatarId !== null) this.#requireAvatar(avatarId);
      const participant = this.#joined(socket);
      participant.setAvatar(avatarId, model);
      return { avatar: participant.info.avatar };
    },
    'renew-token': () => ({ expiresAtMs: Date.now() + 3_600_000 }),
  };

  #join(socket: FakeSocket, { displayName, roomId = 'studio', avatarId, preview }: RequestOf<'join'>): AnswerOf<'join'> {
    if (avatarId !== undefined) this.#requireAvatar(avatarId);
    const known = this.#participants.get(this.#resumable.get(String(socket.resumeKey)) ?? '');
    const choice = { displayName, preview: preview ?? false, ...(avatarId !== undefined && { avatar: avatarId }) };
    const participant = known ?? this.#add(roomId, choice);
    const resumeKey = `key of ${participant.id}`;
    socket.participantId = participant.id;
    this.#resumable.set(resumeKey, participant.id);
    const others = this.participants(roomId).filter((one) => one !== participant && !one.preview && !participant.preview);
    return {
      participantId: participant.id,
      roomId,
      resumeKey,
      resumed: known !== undefined,
      graceMs: 20_000,
      routerRtpCapabilities: {},
      iceServers: [],
      participants: [...others.map(({ info }) => info), participant.info],
    };
  }

  #add(roomId: string, options: FakeParticipantOptions & { preview?: boolean }): FakeParticipant {
    const announce = <N extends EventName>(name: N, event: EventOf<N>): void => this.#announce(participant, name, event);
    const participant: FakeParticipant = new FakeParticipant(roomId, { ...options, announce, left: () => this.#remove(participant) });
    this.#participants.set(participant.id, participant);
    if (!participant.preview) this.#announce(participant, 'participant-joined', { participant: participant.info });
    participant.publish(options);
    return participant;
  }

  #remove(participant: FakeParticipant): void {
    if (this.#participants.delete(participant.id)) this.#announce(participant, 'participant-left', { participantId: participant.id });
  }

  /** To everybody in the room who may know of the participant, and to themselves. */
  #announce<N extends EventName>(participant: FakeParticipant, name: N, event: EventOf<N>): void {
    for (const socket of this.#sockets) {
      const there = this.#of(socket);
      const isOwn = socket.participantId === participant.id;
      if (socket.connected && there?.roomId === participant.roomId && (isOwn || (!participant.preview && !there.preview)))
        socket.receive(name, event);
    }
  }

  #of(socket: FakeSocket): FakeParticipant | undefined {
    return this.#participants.get(socket.participantId ?? '');
  }

  #joined(socket: FakeSocket): FakeParticipant {
    const participant = this.#of(socket);
    if (!participant) throw new AppError('not-joined');
    return participant;
  }

  #requireAvatar(avatarId: string): void {
    if (!this.avatars.some(({ id }) => id === avatarId)) throw new AppError('avatar-not-found');
  }

  /** Media belong to whoever of the app entered last. */
  #openMedia(): FakeMedia {
    const own = [...this.#sockets].reverse().find((socket) => socket.connected && socket.participantId !== null);
    const participant = own && this.#of(own);
    return new FakeMedia({
      publication: (producerId) => {
        const all = [...this.#participants.values()].flatMap(({ info }) => info.media);
        return all.find((media) => media.producerId === producerId) ?? null;
      },
      landmarksArrived: (packet) => {
        participant?.packets.push(packet);
        if (participant?.packets.length === 1) participant.setDriveState('tracking');
      },
      microphoneChanged: (track) => participant?.setMicrophone(track !== null),
    });
  }
}
