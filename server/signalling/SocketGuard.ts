/**
 * Bounds what one connection costs: messages and bytes that come in, bytes that wait to go out. It works below socket.io, so that it
 * also counts what socket.io never hands on: heartbeats, fragments, handshakes.
 */
import type { IncomingMessage } from 'node:http';
import type { ErrorCode } from '../../client/src/protocol/index.ts';
import type { Config } from '../config/index.ts';
import { TokenBucket } from '../limits/TokenBucket.ts';

/** The parts of `ws` that are needed here. */
interface WebSocketLike {
  readonly bufferedAmount: number;
  on(event: 'ping' | 'pong', listener: () => void): unknown;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** The parts of engine.io's `Socket` that are needed here. */
export interface EngineConnection {
  readonly readyState: string;
  readonly request: IncomingMessage;
  readonly transport: { readonly name: string; readonly socket: WebSocketLike };
  on(event: 'packet', listener: (packet: { type: string }) => void): unknown;
  on(event: 'packetCreate', listener: (packet: { data?: unknown }) => void): unknown;
  on(event: 'flush' | 'close', listener: () => void): unknown;
  close(discard: boolean): unknown;
}

export type GuardLimits = Pick<Config['limits'], 'messagesPerSecond' | 'inboundBytesPerSecond' | 'unsentBytes'>;

/** RFC 6455, 7.4.1: policy violation. The reason is one of our error codes. */
const POLICY_VIOLATION = 1008;
/** How long the reason may wait for a peer that does not read. */
const FAREWELL_MS = 1000;
const SWEEP_MS = 1000;
/** Answered `rate-limited` up to here; a client that ignores those answers is cut off. */
const FLOOD_SECONDS = 10;
const BURST_SECONDS = 8;
/** socket.io sends one CONNECT per connection and waits for the answer. */
const MESSAGES_BEFORE_ADMISSION = 1;

export class SocketGuard {
  readonly #connection: EngineConnection;
  readonly #socket: WebSocketLike;
  readonly #unsentBytes: number;
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  readonly #onEnded: (code: ErrorCode) => void;
  readonly #sweep: NodeJS.Timeout;
  #admitted = false;
  #messagesBefore = 0;
  #bytesSeen: number;
  /** Handed to engine.io, but not yet to the WebSocket. */
  #queuedBytes = 0;
  #ended = false;

  constructor(connection: EngineConnection, { limits, onEnded }: { limits: GuardLimits; onEnded: (code: ErrorCode) => void }) {
    const { messagesPerSecond, inboundBytesPerSecond, unsentBytes } = limits;
    this.#connection = connection;
    this.#socket = connection.transport.socket;
    this.#unsentBytes = unsentBytes;
    this.#messages = new TokenBucket({ capacity: messagesPerSecond * FLOOD_SECONDS, perSecond: messagesPerSecond * 2 });
    this.#bytes = new TokenBucket({ capacity: inboundBytesPerSecond * BURST_SECONDS, perSecond: inboundBytesPerSecond });
    this.#onEnded = onEnded;
    this.#bytesSeen = connection.request.socket.bytesRead;
    this.#sweep = setInterval(() => this.#check(), SWEEP_MS).unref();
    connection.on('packet', ({ type }) => this.#arrived(type === 'message'));
    connection.on('packetCreate', ({ data }) => this.#queued(sizeOf(data)));
    connection.on('flush', () => (this.#queuedBytes = 0));
    connection.on('close', () => clearInterval(this.#sweep));
    // `ws` answers these by itself, below engine.io.
    for (const name of ['ping', 'pong'] as const) this.#socket.on(name, () => this.#arrived(false));
  }

  /** Bytes that wait for the peer to read. */
  get unsentBytes(): number {
    return this.#queuedBytes + this.#socket.bufferedAmount;
  }

  /** The token was good: from here on the ordinary budget counts. */
  admit(): void {
    this.#admitted = true;
  }

  /** Ends the connection with a reason that a peer which still reads gets to see. Idempotent. */
  end(code: ErrorCode): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnded(code);
    this.#socket.close(POLICY_VIOLATION, code);
    this.#connection.close(true);
    this.terminateSoon();
  }

  /** Leaves a closing connection a moment to send its last words. */
  terminateSoon(): void {
    setTimeout(() => this.#socket.terminate(), FAREWELL_MS).unref();
  }

  #arrived(isMessage: boolean): void {
    if (this.#ended) return;
    if (isMessage && !this.#admitted && ++this.#messagesBefore > MESSAGES_BEFORE_ADMISSION) return this.end('rate-limited');
    if (!this.#messages.take()) return this.end('rate-limited');
    this.#check();
  }

  #queued(bytes: number): void {
    this.#queuedBytes += bytes;
    if (this.unsentBytes > this.#unsentBytes) this.end('connection-too-slow');
  }

  #check(): void {
    if (this.#ended) return;
    const { bytesRead } = this.#connection.request.socket;
    const arrived = bytesRead - this.#bytesSeen;
    this.#bytesSeen = bytesRead;
    if (!this.#bytes.spend(arrived)) this.end('rate-limited');
    else if (this.unsentBytes > this.#unsentBytes) this.end('connection-too-slow');
  }
}

function sizeOf(data: unknown): number {
  if (typeof data === 'string') return Buffer.byteLength(data);
  return ArrayBuffer.isView(data) ? data.byteLength : 0;
}
