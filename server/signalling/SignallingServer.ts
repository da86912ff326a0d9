/** socket.io beside the HTTP API: handshake, validation, one acknowledgement per request. The only importer of socket.io. */
import type { Server as HttpServer } from 'node:http';
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
  type EventName,
  type EventOf,
  type RequestName,
  type RequestOf,
  type Result,
  type ServerToClientEvents,
} from '../../client/src/protocol/index.ts';
import type { ConnectionPort } from '../call/Participant.ts';
import type { Rooms } from '../call/Rooms.ts';
import type { Access, Caller } from './access.ts';
import { recalibrate, setAvatar } from './avatar-handlers.ts';
import { connectTransport, consume, createTransport, pauseConsumer, produceAudio, produceLandmarks, restartIce, resumeConsumer } from './media-handlers.ts';
import { RequestBudget } from './RequestBudget.ts';
import { join, leave, reportPlayback, setMuted, syncClock } from './room-handlers.ts';
import { Session } from './Session.ts';

const MAX_MESSAGE_BYTES = 128 * 1024;
const HEARTBEAT_MS = 5000;
const HEARTBEAT_TIMEOUT_MS = 8000;

interface SocketData {
  caller: Caller;
  resumeKey: string | undefined;
}

type NoEvents = Record<string, never>;
type CallSocket = Socket<ClientToServerEvents, ServerToClientEvents, NoEvents, SocketData>;

const handlers: { [N in RequestName]: (session: Session, request: RequestOf<N>) => Promise<AnswerOf<N>> } = {
  join,
  leave,
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
  'sync-clock': syncClock,
  'report-playback': reportPlayback,
};

export interface SignallingOptions {
  httpServer: HttpServer | HttpsServer;
  access: Access;
  rooms: Rooms;
  corsOrigins: string[];
  log: Logger;
}

export class SignallingServer {
  readonly #io: Server<ClientToServerEvents, ServerToClientEvents, NoEvents, SocketData>;
  readonly #access: Access;
  readonly #rooms: Rooms;
  readonly #log: Logger;

  constructor({ httpServer, access, rooms, corsOrigins, log }: SignallingOptions) {
    this.#access = access;
    this.#rooms = rooms;
    this.#log = log.child({ part: 'signalling' });
    this.#io = new Server(httpServer, {
      serveClient: false,
      maxHttpBufferSize: MAX_MESSAGE_BYTES,
      pingInterval: HEARTBEAT_MS,
      pingTimeout: HEARTBEAT_TIMEOUT_MS,
      ...(corsOrigins.length > 0 ? { cors: { origin: corsOrigins } } : {}),
    });
    this.#io.use((socket, next) => void this.#admit(socket).then(() => next(), (error: unknown) => next(refusal(error))));
    this.#io.on('connection', (socket) => this.#connect(socket));
  }

  async #admit(socket: CallSocket): Promise<void> {
    const handshake = handshakeSchema.safeParse(socket.handshake.auth);
    if (!handshake.success) throw new AppError(socket.handshake.auth['token'] === undefined ? 'token-missing' : 'bad-request');
    const { token, protocol, resume } = handshake.data;
    if (protocol !== PROTOCOL_VERSION) throw new AppError('protocol-version', `The server speaks version ${PROTOCOL_VERSION}`);
    socket.data.caller = await this.#access.identify(token);
    socket.data.resumeKey = resume;
  }

  #connect(socket: CallSocket): void {
    const session = new Session({ access: this.#access, rooms: this.#rooms, caller: socket.data.caller, connection: connectionOf(socket), resumeKey: socket.data.resumeKey });
    const budget = new RequestBudget();
    socket.on('disconnect', (reason) => {
      this.#log.debug({ reason }, 'socket closed');
      session.disconnected();
    });
    // One place for all requests: unknown names get an answer too, instead of a client that waits for ever.
    socket.onAny((name: string, ...args: unknown[]) => {
      const ack = args.at(-1);
      const answer = typeof ack === 'function' ? (ack as (result: Result<unknown>) => void) : () => undefined;
      void this.#answer(session, budget, name, args[0]).then(answer);
    });
  }

  async #answer(session: Session, budget: RequestBudget, name: string, payload: unknown): Promise<Result<unknown>> {
    try {
      if (!budget.take()) throw new AppError('rate-limited');
      if (!Object.hasOwn(requests, name)) throw new AppError('bad-request', 'There is no such request');
      return { ok: true, data: await this.#dispatch(session, name as RequestName, payload) };
    } catch (thrown) {
      const error = AppError.from(thrown);
      if (error.code === 'internal') this.#log.error({ err: error.cause, request: name }, 'request failed');
      return { ok: false, error: error.toWire() };
    }
  }

  #dispatch<N extends RequestName>(session: Session, name: N, payload: unknown): Promise<AnswerOf<N>> {
    const parsed = requests[name].request.safeParse(payload);
    if (!parsed.success) throw new AppError('bad-request', z.prettifyError(parsed.error).slice(0, 300));
    return handlers[name](session, parsed.data as RequestOf<N>);
  }

  /** Says good-bye to all sockets; the HTTP server is not ours to close. */
  async close(): Promise<void> {
    this.#io.disconnectSockets(true);
    this.#io.engine.close();
  }
}

function connectionOf(socket: CallSocket): ConnectionPort {
  return {
    send: <N extends EventName>(name: N, event: EventOf<N>) => void socket.emit(name, ...([event] as unknown as Parameters<ServerToClientEvents[N]>)),
    end: (code, message) => {
      socket.emit('closed', { code, message });
      socket.disconnect();
    },
  };
}

/** socket.io hands `data` of a middleware's error to the client's `connect_error`. */
function refusal(thrown: unknown): Error {
  const error = AppError.from(thrown);
  return Object.assign(new Error(error.code), { data: error.toWire() });
}
