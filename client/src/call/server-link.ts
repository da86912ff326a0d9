/// <reference lib="dom" preserve="true" />
/** The ways to a server, as one thing that can be exchanged: `@gioconda/client/testing` has one that leads to a fake server. */
import type { MediaSession, MediaSessionOptions } from './MediaSession.ts';

/** What the SDK uses of a socket.io client's socket. */
export interface LinkSocket {
  readonly connected: boolean;
  /** Whether it tries to connect again by itself. */
  readonly active: boolean;
  connect(): unknown;
  disconnect(): LinkSocket;
  close(): unknown;
  on(name: 'connect', listener: () => void): unknown;
  on(name: 'disconnect', listener: (reason: string, details?: unknown) => void): unknown;
  on(name: 'connect_error', listener: (error: Error & { data?: unknown }) => void): unknown;
  onAny(listener: (name: string, event: unknown) => void): unknown;
  timeout(ms: number): { emitWithAck(name: string, request: unknown): Promise<unknown> };
}

export interface LinkSocketOptions {
  path: string;
  /** Gives what is shown at the handshake. */
  auth: (give: (auth: Record<string, unknown>) => void) => void;
}

/** What the SDK uses of a session of media. */
export type MediaLink = Pick<MediaSession, keyof MediaSession>;

export interface ServerLink {
  fetch(url: string, init?: RequestInit): Promise<Response>;
  openSocket(url: string, options: LinkSocketOptions): LinkSocket;
  openMedia(options: MediaSessionOptions): Promise<MediaLink>;
  /** The tracker's worker. */
  createWorker(url: string): Worker;
}
