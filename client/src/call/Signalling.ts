/** The only importer of socket.io: one authenticated link to the server, with typed requests and events. */
import { io } from 'socket.io-client';
import type * as z from 'zod/mini';
import { TokenSource } from '../http/TokenSource.ts';
import type { TokenFunction } from '../http/TokenSource.ts';
import { AppError, errorTable, events, PROTOCOL_VERSION, requests } from '../protocol/index.ts';
import type { AnswerOf, ErrorCode, EventName, RequestName, RequestOf, Result } from '../protocol/index.ts';
import { Emitter } from './Emitter.ts';
import type { ServerEvent } from './ports.ts';
import type { LinkSocket, LinkSocketOptions, ServerLink } from './server-link.ts';

export interface SignallingOptions {
  /** The server's origin, e.g. `https://calls.example.org`. */
  url: string;
  /** A token, or how to get one: asked again for a connection when the one before is about to expire or was refused. */
  token: string | TokenFunction | TokenSource;
  path?: string;
  requestTimeoutMs?: number;
  /** Other ways to the server than the usual ones, for tests. */
  link?: ServerLink | undefined;
}

export interface SignallingEvents {
  /** The link is up, for the first time or again. */
  up: object;
  /** The link is down; socket.io reconnects unless `refused` follows. `reason`: an error code where a limit ended it, else socket.io's own. */
  down: { reason: string };
  /** The server refused the handshake for a reason that trying again cannot fix. */
  refused: { error: AppError };
  event: ServerEvent;
}

const RECONNECT_DELAY_MS = 300;
const RECONNECT_DELAY_MAX_MS = 5000;

export class Signalling extends Emitter<SignallingEvents> {
  readonly #socket: LinkSocket;
  readonly #requestTimeoutMs: number;
  readonly #tokens: TokenSource;
  /** Shown at the last handshake. */
  #token = '';
  /** The server refused this token; another one is asked for, once. */
  #refusedToken: string | null = null;
  #lastError: AppError | null = null;
  #resumeKey: string | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #retries = 0;
  #closed = false;

  constructor({ url, token, path = '/socket.io', requestTimeoutMs = 10_000, link }: SignallingOptions) {
    super();
    this.#requestTimeoutMs = requestTimeoutMs;
    this.#tokens = TokenSource.of(token);
    this.#socket = (link?.openSocket ?? openSocket)(url, { path, auth: (give) => void this.#authenticate(give) });
    this.#socket.on('connect', () => {
      this.#retries = 0;
      this.#refusedToken = null;
      this.#lastError = null;
      this.emit('up', {});
    });
    this.#socket.on('disconnect', (reason, details) => {
      this.emit('down', { reason: codeOf(details) ?? reason });
      // socket.io does not reconnect by itself after the server's own disconnect.
      if (reason === 'io server disconnect') this.#retryLater();
    });
    this.#socket.on('connect_error', (error) => this.#connectFailed(error));
    this.#socket.onAny((name: string, event: unknown) => this.#forward(name, event));
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  /** Why there is no link, as far as that is known; null while there is one. */
  get lastError(): AppError | null {
    return this.#lastError;
  }

  /** Given to the server at the next handshake, so that it gives this participant's place back. */
  set resumeKey(key: string | undefined) {
    this.#resumeKey = key;
  }

  open(): void {
    if (!this.#closed) this.#socket.connect();
  }

  /** Tries at once instead of at the next back-off step, e.g. when the machine is online again. */
  retryNow(): void {
    if (!this.#socket.connected) this.reconnect();
  }

  /** Gives this connection up for a new one, where the server starts with a clean slate but for the resume key. */
  reconnect(): void {
    if (this.#closed) return;
    clearTimeout(this.#retryTimer);
    this.#socket.disconnect().connect();
  }

  /** Ends the connection until `reconnect`. What was sent before still goes out. */
  suspend(): void {
    clearTimeout(this.#retryTimer);
    this.#socket.disconnect();
  }

  /** @throws AppError `server-unreachable` while the link is down, `deadline` without an answer, or the server's own. */
  async request<N extends RequestName>(name: N, request: RequestOf<N>): Promise<AnswerOf<N>> {
    if (this.#closed) throw new AppError('closed');
    if (!this.#socket.connected) throw new AppError('server-unreachable');
    const result = await this.#exchange(name, request);
    if (!result.ok) throw AppError.fromWire(result.error);
    const answer = (requests[name].answer as unknown as z.ZodMiniType<AnswerOf<N>>).safeParse(result.data);
    if (!answer.success)
      throw new AppError('protocol-version', `the server's answer to "${name}" is not understood`, { cause: answer.error });
    return answer.data;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    this.#socket.close();
    this.clear();
  }

  async #exchange<N extends RequestName>(name: N, request: RequestOf<N>): Promise<Result<AnswerOf<N>>> {
    try {
      // The answer's data are checked by the caller.
      return (await this.#socket.timeout(this.#requestTimeoutMs).emitWithAck(name, request)) as Result<AnswerOf<N>>;
    } catch (cause) {
      throw new AppError(this.#socket.connected ? 'deadline' : 'server-unreachable', undefined, { cause });
    }
  }

  #forward(name: string, event: unknown): void {
    // Events that only a newer server knows are none of our business.
    if (!Object.hasOwn(events, name)) return;
    const parsed = events[name as EventName].safeParse(event);
    if (parsed.success) this.emit('event', { name, event: parsed.data } as ServerEvent);
    else console.warn(`gioconda: the server's event "${name}" is not understood and was ignored`);
  }

  async #authenticate(give: (auth: Record<string, unknown>) => void): Promise<void> {
    try {
      this.#token = await (this.#refusedToken === null ? this.#tokens.get() : this.#tokens.replace(this.#refusedToken));
      give({ token: this.#token, protocol: PROTOCOL_VERSION, ...(this.#resumeKey && { resume: this.#resumeKey }) });
    } catch (error) {
      this.#socket.disconnect();
      this.#refuse(AppError.from(error));
    }
  }

  #connectFailed(error: Error & { data?: unknown }): void {
    if (this.#closed) return;
    this.#lastError = refusal(error);
    // While `active`, socket.io itself tries again: the server was not reached at all.
    if (!this.#socket.active) this.#refuse(this.#lastError);
  }

  #refuse(error: AppError): void {
    if (this.#closed) return;
    this.#lastError = error;
    const replaceable = error.status === 401 && this.#tokens.renewable && this.#refusedToken === null;
    if (replaceable) {
      this.#refusedToken = this.#token;
      this.open();
    } else if (error.retryable) this.#retryLater();
    else this.emit('refused', { error });
  }

  #retryLater(): void {
    clearTimeout(this.#retryTimer);
    const delayMs = Math.min(RECONNECT_DELAY_MAX_MS, RECONNECT_DELAY_MS * 2 ** this.#retries++) * (0.5 + Math.random() / 2);
    this.#retryTimer = setTimeout(() => this.open(), delayMs);
  }
}

function openSocket(url: string, { path, auth }: LinkSocketOptions): LinkSocket {
  return io(url, {
    path,
    autoConnect: false,
    // The server takes nothing else: answers to long polling cannot be bounded.
    transports: ['websocket'],
    forceNew: true,
    reconnectionDelay: RECONNECT_DELAY_MS,
    reconnectionDelayMax: RECONNECT_DELAY_MAX_MS,
    auth,
  });
}

/** Where a limit ended the connection, the WebSocket's close frame has the error's code as its reason. */
function codeOf(details: unknown): ErrorCode | null {
  const { context } = (details ?? {}) as { context?: { reason?: unknown } };
  const reason = context?.reason;
  return typeof reason === 'string' && Object.hasOwn(errorTable, reason) ? (reason as ErrorCode) : null;
}

/** The server's handshake middleware puts its `WireError` into the error's `data`. */
export function refusal(error: Error & { data?: unknown }): AppError {
  const data = error.data as { code?: unknown; message?: unknown } | undefined;
  if (typeof data?.code === 'string' && Object.hasOwn(errorTable, data.code)) {
    const code = data.code as ErrorCode;
    const message = typeof data.message === 'string' ? data.message : errorTable[code].advice;
    return AppError.fromWire({ code, message, retryable: errorTable[code].retryable });
  }
  if (Object.hasOwn(errorTable, error.message)) return new AppError(error.message as ErrorCode);
  return new AppError('server-unreachable', undefined, { cause: error });
}
