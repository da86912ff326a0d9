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
  /** Where the caller is, as a key for limits. */
  address: string;
}

/** Clients report once a second; timers are late at times, and then early. */
const REPORT_SPACING_MS = 900;

export class Session {
  readonly access: Access;
  readonly rooms: Rooms;
  readonly caller: Caller;
  readonly connection: ConnectionPort;
  readonly resumeKey: string | undefined;
  readonly address: string;
  #joined: { room: Room; participant: Participant } | null = null;
  #entering = false;
  #gone = false;
  #reportedMs = -Infinity;

  constructor({ access, rooms, caller, connection, resumeKey, address }: SessionOptions) {
    this.access = access;
    this.rooms = rooms;
    this.caller = caller;
    this.connection = connection;
    this.resumeKey = resumeKey;
    this.address = address;
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
    // The socket may have gone while the room was opened: then the grace period starts here.
    if (this.#gone) participant.detach(this.connection);
  }

  /** Whether a report on the playback counts: one a second, so that no single viewer's outweigh everybody's. */
  takeReport(nowMs = performance.now()): boolean {
    if (nowMs - this.#reportedMs < REPORT_SPACING_MS) return false;
    this.#reportedMs = nowMs;
    return true;
  }

  leave(): void {
    this.#joined?.participant.close();
    this.#joined = null;
  }

  /** The socket is gone; the participant's place is kept for the grace period. */
  disconnected(): void {
    this.#gone = true;
    this.#joined?.participant.detach(this.connection);
  }
}
