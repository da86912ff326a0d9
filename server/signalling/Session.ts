/** The state behind one socket: who calls, and (once joined) where they are. The request handlers work on it. */
import { AppError, type ErrorCode } from '../../client/src/protocol/index.ts';
import type { ConnectionPort, Participant, Tenure } from '../call/Participant.ts';
import type { Room } from '../call/Room.ts';
import type { Rooms } from '../call/Rooms.ts';
import type { Access, Caller } from './access.ts';
import { TokenTimer } from './TokenTimer.ts';

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
  readonly connection: ConnectionPort;
  readonly resumeKey: string | undefined;
  readonly address: string;
  readonly #timer = new TokenTimer({ onExpiring: () => this.#warn(), onExpired: () => this.end('token-expired') });
  #caller: Caller;
  #joined: { room: Room; participant: Participant } | null = null;
  #entering = false;
  #gone = false;
  #reportedMs = -Infinity;

  constructor({ access, rooms, caller, connection, resumeKey, address }: SessionOptions) {
    this.access = access;
    this.rooms = rooms;
    this.#caller = caller;
    this.connection = connection;
    this.resumeKey = resumeKey;
    this.address = address;
  }

  /** Who calls, as their newest token says. */
  get caller(): Caller {
    return this.#caller;
  }

  /** From here on the token's time runs; what is over already ends at once. */
  begin(): void {
    if (this.#caller.isRevoked()) this.end('access-revoked');
    else this.#timer.start(this.#caller.expiresMs);
  }

  /**
   * A newer token takes the place of the one before. @throws AppError `forbidden` for another user's, for one that allows a room which the
   * one before did not, and for one that does not allow the room that its holder is in
   */
  renew(caller: Caller): void {
    const { userId, rooms } = this.#caller;
    if (caller.userId !== userId) throw new AppError('forbidden', "The new token is another user's");
    if (!caller.rooms.every((room) => rooms.includes(room)))
      throw new AppError('forbidden', 'The new token allows rooms that the one before did not: connect anew with it');
    if (this.#joined && !caller.rooms.includes(this.#joined.room.id))
      throw new AppError('forbidden', 'The new token does not allow the room that you are in');
    if (this.#gone) throw new AppError('token-expired');
    this.#caller = caller;
    this.begin();
  }

  /** Ends the connection, and the call on it, for good. */
  end(code: ErrorCode): void {
    const { message } = new AppError(code);
    if (this.joined) this.#joined!.participant.dismiss(code, message);
    else this.connection.end(code, message);
  }

  /** For as long as the newest token of this session says. */
  get #tenure(): Tenure {
    const roomId = this.#joined?.room.id;
    const remainingMs = (): number => this.#timer.remainingMs;
    const isRevoked = (): boolean => this.#caller.isRevoked(roomId);
    return {
      get remainingMs() {
        return remainingMs();
      },
      get revoked() {
        return isRevoked();
      },
    };
  }

  #warn(): void {
    const { expiresMs, accessEndsMs } = this.#caller;
    this.connection.send('token-expiring', { expiresAtMs: expiresMs, ...(accessEndsMs !== null && { accessEndsAtMs: accessEndsMs }) });
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
    participant.attach(this.connection, this.#tenure);
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
    this.#timer.stop();
    this.#joined?.participant.detach(this.connection);
  }
}
