/** The state behind one socket: who calls, and (once joined) where they are. The request handlers work on it. */
import { AppError } from '../../client/src/protocol/index.ts';
import type { ConnectionPort, Participant } from '../call/Participant.ts';
import type { Room } from '../call/Room.ts';
import type { Rooms } from '../call/Rooms.ts';
import type { Access, Caller } from './access.ts';

export interface SessionOptions {
  access: Access;
  rooms: Rooms;
  caller: Caller;
  connection: ConnectionPort;
  resumeKey?: string | undefined;
}

export class Session {
  readonly access: Access;
  readonly rooms: Rooms;
  readonly caller: Caller;
  readonly connection: ConnectionPort;
  readonly resumeKey: string | undefined;
  #joined: { room: Room; participant: Participant } | null = null;
  #entering = false;

  constructor({ access, rooms, caller, connection, resumeKey }: SessionOptions) {
    this.access = access;
    this.rooms = rooms;
    this.caller = caller;
    this.connection = connection;
    this.resumeKey = resumeKey;
  }

  /** @throws AppError `not-joined`. */
  get room(): Room {
    return this.#current().room;
  }

  /** @throws AppError `not-joined`. */
  get participant(): Participant {
    return this.#current().participant;
  }

  #current(): { room: Room; participant: Participant } {
    if (!this.#joined || this.#joined.participant.closed) throw new AppError('not-joined');
    return this.#joined;
  }

  get joined(): boolean {
    return this.#joined !== null && !this.#joined.participant.closed;
  }

  /** Runs `work` unless this socket is in a room or on its way into one. */
  async entering<T>(work: () => Promise<T>): Promise<T> {
    if (this.joined || this.#entering) throw new AppError('already-joined');
    this.#entering = true;
    try {
      return await work();
    } finally {
      this.#entering = false;
    }
  }

  enter(room: Room, participant: Participant): void {
    this.#joined = { room, participant };
    participant.attach(this.connection);
  }

  leave(): void {
    this.#joined?.participant.close();
    this.#joined = null;
  }

  /** The socket is gone; the participant's place is kept for the grace period. */
  disconnected(): void {
    this.#joined?.participant.detach(this.connection);
  }
}
