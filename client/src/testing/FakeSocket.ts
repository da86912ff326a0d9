import type { LinkSocket, LinkSocketOptions } from '../call/server-link.ts';
import type { Result, WireError } from '../protocol/index.ts';

/** The server's end. */
export interface FakeSocketServer {
  readonly offline: boolean;
  /** Refuses the handshake, or lets the socket in. */
  admit(socket: FakeSocket, auth: Record<string, unknown>): WireError | null;
  answer(socket: FakeSocket, name: string, request: unknown): Promise<Result<unknown>>;
  gone(socket: FakeSocket): void;
}

interface Listeners {
  connect: (() => void)[];
  disconnect: ((reason: string, details?: unknown) => void)[];
  connect_error: ((error: Error & { data?: unknown }) => void)[];
}

const RETRY_MS = 10;

/** One end of a signalling link that leads nowhere: behaves as socket.io's client does, with the fake server behind it. */
export class FakeSocket implements LinkSocket {
  connected = false;
  active = false;
  /** Shown at the handshake, to have a place back. */
  resumeKey: unknown;
  /** Where the app is with this socket. */
  participantId: string | null = null;
  readonly #server: FakeSocketServer;
  readonly #options: LinkSocketOptions;
  readonly #listeners: Listeners = { connect: [], disconnect: [], connect_error: [] };
  readonly #anyListeners: ((name: string, event: unknown) => void)[] = [];
  #generation = 0;

  constructor(server: FakeSocketServer, options: LinkSocketOptions) {
    this.#server = server;
    this.#options = options;
  }

  connect(): this {
    if (this.active) return this;
    this.active = true;
    const generation = ++this.#generation;
    this.#options.auth((auth) => {
      if (generation === this.#generation) this.#handshake(auth);
    });
    return this;
  }

  disconnect(): this {
    this.#generation++;
    this.active = false;
    this.#drop('io client disconnect');
    return this;
  }

  close(): this {
    return this.disconnect();
  }

  on(name: keyof Listeners, listener: (...details: never[]) => void): this {
    (this.#listeners[name] as unknown[]).push(listener);
    return this;
  }

  onAny(listener: (name: string, event: unknown) => void): this {
    this.#anyListeners.push(listener);
    return this;
  }

  timeout(): { emitWithAck(name: string, request: unknown): Promise<unknown> } {
    return { emitWithAck: (name, request) => this.#server.answer(this, name, structuredClone(request)) };
  }

  /** An event from the server. */
  receive(name: string, event: object): void {
    for (const listener of this.#anyListeners) listener(name, structuredClone(event));
  }

  /** The link breaks; as socket.io does, it is tried again. */
  breakOff(): void {
    if (!this.connected) return;
    this.#drop('transport close');
    this.#retry();
  }

  /** The server ends the connection for good. */
  end(): void {
    this.active = false;
    this.#drop('io server disconnect');
  }

  #handshake(auth: Record<string, unknown>): void {
    if (this.#server.offline) {
      for (const listener of this.#listeners.connect_error) listener(new Error('the fake server is offline'));
      return this.#retry();
    }
    const refusal = this.#server.admit(this, auth);
    if (refusal) {
      this.active = false;
      for (const listener of this.#listeners.connect_error) listener(Object.assign(new Error(refusal.code), { data: refusal }));
      return;
    }
    this.connected = true;
    for (const listener of this.#listeners.connect) listener();
  }

  #retry(): void {
    const generation = ++this.#generation;
    this.active = true;
    setTimeout(() => {
      if (generation !== this.#generation) return;
      this.active = false;
      this.connect();
    }, RETRY_MS);
  }

  #drop(reason: string): void {
    if (!this.connected) return;
    this.connected = false;
    this.#server.gone(this);
    for (const listener of this.#listeners.disconnect) listener(reason);
  }
}
