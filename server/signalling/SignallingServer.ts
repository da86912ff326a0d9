/** socket.io beside the HTTP API: handshake, validation, one acknowledgement per request. The only importer of socket.io. */
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Logger } from 'pino';
import { Server, type Socket } from 'socket.io';
import { z } from 'zod';
import {
  AppError,
  handshakeSchema,
  PROTOCOL_VERSION,
  requests,
  type AnswerOf,
  type ClientToServerEvents,
  type ErrorCode,
  type EventName,
  type EventOf,
  type RequestName,
  type RequestOf,
  type Result,
  type ServerToClientEvents,
} from '../../client/src/protocol/index.ts';
import type { ConnectionPort } from '../call/Participant.ts';
import type { Rooms } from '../call/Rooms.ts';
import type { Config } from '../config/index.ts';
import { KeyedBuckets } from '../limits/KeyedBuckets.ts';
import { Shares } from '../limits/Shares.ts';
import { TokenBucket, type BucketOptions } from '../limits/TokenBucket.ts';
import type { Access, Caller } from './access.ts';
import { AddressGate } from './AddressGate.ts';
import { express, recalibrate, setAvatar, setExpressiveness } from './avatar-handlers.ts';
import {
  connectTransport,
  consume,
  createTransport,
  pauseConsumer,
  produceAudio,
  produceLandmarks,
  restartIce,
  resumeConsumer,
} from './media-handlers.ts';
import { join, leave, renewToken, reportPlayback, setFrameTraces, setMuted, syncClock } from './room-handlers.ts';
import { Session } from './Session.ts';
import { SocketGuard, type EngineConnection } from './SocketGuard.ts';
import { UnsentWatch } from './UnsentWatch.ts';

const HEARTBEAT_MS = 5000;
const HEARTBEAT_TIMEOUT_MS = 8000;
/** For a connection that asks for nothing. */
const ADMISSION_MS = 10_000;
/** Joining takes a burst of requests. */
const BURST_SECONDS = 4;

interface SocketData {
  caller: Caller;
  resumeKey: string | undefined;
}

type NoEvents = Record<string, never>;
type CallSocket = Socket<ClientToServerEvents, ServerToClientEvents, NoEvents, SocketData>;

const handlers: { [N in RequestName]: (session: Session, request: RequestOf<N>) => Promise<AnswerOf<N>> } = {
  join,
  leave,
  'renew-token': renewToken,
  'create-transport': createTransport,
  'connect-transport': connectTransport,
  'restart-ice': restartIce,
  'produce-audio': produceAudio,
  'produce-landmarks': produceLandmarks,
  consume,
  'resume-consumer': resumeConsumer,
  'pause-consumer': pauseConsumer,
  'set-avatar': setAvatar,
  'set-muted': setMuted,
  recalibrate,
  express,
  'set-expressiveness': setExpressiveness,
  'set-frame-traces': setFrameTraces,
  'sync-clock': syncClock,
  'report-playback': reportPlayback,
};

export interface SignallingOptions {
  httpServer: HttpServer | HttpsServer;
  access: Access;
  rooms: Rooms;
  limits: Config['limits'];
  /** Where a request comes from, as a key for limits per address. */
  addressOf: (request: IncomingMessage) => string;
  metrics: { limitReached(limit: string): void; connectionEnded(code: string): void };
  log: Logger;
}

export class SignallingServer {
  readonly #io: Server<ClientToServerEvents, ServerToClientEvents, NoEvents, SocketData>;
  readonly #options: SignallingOptions;
  readonly #gate: AddressGate;
  readonly #guards = new Map<object, SocketGuard>();
  readonly #sessions = new Set<Session>();
  readonly #userConnections = new Shares();
  readonly #userMessages: KeyedBuckets;
  readonly #addressMessages: KeyedBuckets;
  readonly #unsent: UnsentWatch;
  readonly #log: Logger;

  constructor(options: SignallingOptions) {
    const { httpServer, limits, addressOf, metrics, log } = options;
    this.#options = options;
    this.#log = log.child({ part: 'signalling' });
    this.#gate = new AddressGate({ limits, addressOf, onLimit: (limit) => metrics.limitReached(limit) });
    this.#userMessages = new KeyedBuckets(burst(limits.messagesPerSecondPerUser));
    this.#addressMessages = new KeyedBuckets(burst(limits.messagesPerSecondPerAddress));
    this.#unsent = new UnsentWatch({ limits, onLimit: (limit) => metrics.limitReached(limit) });
    this.#io = new Server(httpServer, {
      serveClient: false,
      // Answers to long polling would have to be kept until somebody fetches them.
      transports: ['websocket'],
      allowUpgrades: false,
      connectTimeout: ADMISSION_MS,
      maxHttpBufferSize: limits.messageBytes,
      pingInterval: HEARTBEAT_MS,
      pingTimeout: HEARTBEAT_TIMEOUT_MS,
    });
    this.#io.engine.use(this.#gate.middleware);
    this.#io.engine.on('connection', (connection: EngineConnection) => this.#guard(connection));
    this.#io.use(
      (socket, next) =>
        void this.#admit(socket).then(
          () => next(),
          (error: unknown) => next(refusal(error)),
        ),
    );
    this.#io.on('connection', (socket) => this.#connect(socket));
  }

  #guard(connection: EngineConnection): void {
    const leave = this.#gate.enter(connection.request);
    connection.on('close', () => {
      leave();
      this.#guards.delete(connection);
    });
    const address = this.#options.addressOf(connection.request);
    const onEnded = (code: ErrorCode): void => {
      this.#options.metrics.limitReached(code === 'connection-too-slow' ? 'unsentBytes' : 'messagesPerSecond');
      this.#log.info({ code }, 'connection ended');
    };
    const guard = new SocketGuard(connection, { limits: this.#options.limits, onEnded });
    this.#guards.set(connection, guard);
    connection.on('close', this.#unsent.add(guard, { address }));
  }

  async #admit(socket: CallSocket): Promise<void> {
    const handshake = handshakeSchema.safeParse(socket.handshake.auth);
    if (!handshake.success) throw new AppError(socket.handshake.auth['token'] === undefined ? 'token-missing' : 'bad-request');
    const { token, protocol, resume } = handshake.data;
    if (protocol !== PROTOCOL_VERSION) throw new AppError('protocol-version', `The server speaks version ${PROTOCOL_VERSION}`);
    const caller = await this.#options.access.identify(token);
    this.#takePlace(socket, caller.userId);
    socket.data.caller = caller;
    socket.data.resumeKey = resume;
  }

  /** One user's connections are counted from here until they close. @throws AppError `too-many-connections` */
  #takePlace({ conn }: CallSocket, userId: string): void {
    const { limits, metrics } = this.#options;
    if (!this.#userConnections.fits(userId, 1, limits.connectionsPerUser)) {
      metrics.limitReached('connectionsPerUser');
      throw new AppError('too-many-connections', `One user may hold ${limits.connectionsPerUser} connections`);
    }
    if (conn.readyState !== 'open') return;
    this.#userConnections.add(userId, 1);
    this.#unsent.belongsTo(this.#guards.get(conn), userId);
    conn.once('close', () => this.#userConnections.remove(userId, 1));
  }

  #connect(socket: CallSocket): void {
    const { access, rooms, limits, metrics } = this.#options;
    this.#guards.get(socket.conn)?.admit();
    const session = new Session({
      access,
      rooms,
      caller: socket.data.caller,
      connection: connectionOf(socket, (code) => metrics.connectionEnded(code)),
      resumeKey: socket.data.resumeKey,
      address: this.#options.addressOf(socket.request),
    });
    this.#sessions.add(session);
    const budget = new TokenBucket(burst(limits.messagesPerSecond));
    socket.on('disconnect', (reason) => {
      this.#log.debug({ reason }, 'socket closed');
      this.#sessions.delete(session);
      session.disconnected();
    });
    // One place for all requests: unknown names get an answer too, instead of a client that waits for ever.
    socket.onAny((name: string, ...args: unknown[]) => {
      const ack = args.at(-1);
      const answer = typeof ack === 'function' ? (ack as (result: Result<unknown>) => void) : () => undefined;
      void this.#answer(session, budget, name, args[0]).then(answer);
    });
    session.begin();
  }

  /** Access was taken back: whoever had it goes at once. */
  endRevoked(): void {
    this.#options.rooms.dismissRevoked();
    for (const session of [...this.#sessions]) if (session.caller.isRevoked()) session.end('access-revoked');
  }

  async #answer(session: Session, budget: TokenBucket, name: string, payload: unknown): Promise<Result<unknown>> {
    try {
      if (!budget.take()) throw new AppError('rate-limited');
      this.#requireShare(session);
      if (!Object.hasOwn(requests, name)) throw new AppError('bad-request', 'There is no such request');
      return { ok: true, data: await this.#dispatch(session, name as RequestName, payload) };
    } catch (thrown) {
      const error = AppError.from(thrown);
      if (error.code === 'internal') this.#log.error({ err: error.cause, request: name }, 'request failed');
      return { ok: false, error: error.toWire() };
    }
  }

  /** A connection's own budget is not all: who holds many of them gets no more than a few. @throws AppError `rate-limited` */
  #requireShare({ caller, address }: Session): void {
    const { metrics } = this.#options;
    for (const [limit, buckets, key] of [
      ['messagesPerSecondPerUser', this.#userMessages, caller.userId],
      ['messagesPerSecondPerAddress', this.#addressMessages, address],
    ] as const) {
      if (buckets.take(key)) continue;
      metrics.limitReached(limit);
      throw new AppError('rate-limited', `limits.${limit} is ${this.#options.limits[limit]}`);
    }
  }

  #dispatch<N extends RequestName>(session: Session, name: N, payload: unknown): Promise<AnswerOf<N>> {
    const parsed = requests[name].request.safeParse(payload);
    if (!parsed.success) throw new AppError('bad-request', z.prettifyError(parsed.error).slice(0, 300));
    return handlers[name](session, parsed.data as RequestOf<N>);
  }

  /** Ends the calls and says good-bye to all sockets; the HTTP server is not ours to close. */
  async close(): Promise<void> {
    const guards = [...this.#guards.values()];
    this.#unsent.close();
    // First, while there is still a way to tell everybody why.
    this.#options.rooms.close();
    this.#io.disconnectSockets(true);
    this.#io.engine.close();
    // A peer that does not answer the close frame would hold the server up for half a minute.
    for (const guard of guards) guard.terminateSoon();
  }
}

/** So much a second, and a few seconds' worth at once. */
const burst = (perSecond: number): BucketOptions => ({ capacity: perSecond * BURST_SECONDS, perSecond });

function connectionOf(socket: CallSocket, onEnded: (code: string) => void): ConnectionPort {
  return {
    send: <N extends EventName>(name: N, event: EventOf<N>) =>
      void socket.emit(name, ...([event] as unknown as Parameters<ServerToClientEvents[N]>)),
    end: (code, message) => {
      onEnded(code);
      socket.emit('closed', { code, message });
      socket.disconnect(true);
    },
  };
}

/** socket.io hands `data` of a middleware's error to the client's `connect_error`. */
function refusal(thrown: unknown): Error {
  const error = AppError.from(thrown);
  return Object.assign(new Error(error.code), { data: error.toWire() });
}
