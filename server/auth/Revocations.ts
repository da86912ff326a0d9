/**
 * Access that was taken back. A revocation is about a subject (a user, a guest, an invite), about a room, or about a subject in a room, and
 * ends what was given out before, with all that came of it: a token names those it came by. What is given out afterwards carries the
 * revocation's id. So nothing depends on the order of clocks, which jump.
 */
import { randomBytes } from 'node:crypto';
import { endAll } from '../base/end-all.ts';
import type { Logger } from '../base/log.ts';
import { INVITE_PREFIX } from './claims.ts';

/** As it is stored. Times: ms since the Unix epoch; of operation: as the store counts them. */
export interface Revocation {
  readonly id: string;
  /** Whose access; null: that of all who came by an invite of `room`. */
  readonly subject: string | null;
  /** Null: everywhere. */
  readonly room: string | null;
  /** Also what is given out afterwards; else only what was given out before. */
  readonly lasting: boolean;
  readonly createdMs: number;
  /** From then on everything that was given out before has expired, */
  readonly untilMs: number;
  /** also where the clock was wrong for a while. */
  readonly untilOperatedMs: number;
}

/** Synchronous; what cannot be written throws. */
export interface RevocationStore {
  readonly operatedMs: number;
  revocations(): Revocation[];
  /** Takes the place of an earlier one of the same subject and room. */
  putRevocation(revocation: Revocation): void;
  removeRevocation(id: string): void;
  /** When the last of all that was ever given out expires. */
  latestExpiryMs(): number;
  noteExpiry(expiryMs: number): void;
}

/** What a token says of where it comes from. */
export interface Provenance {
  readonly userId: string;
  /** Those it came by, the first inviter first: users, invites, guests. */
  readonly via: readonly string[];
  /** Revocations that it was made after. */
  readonly after: readonly string[];
}

export interface RevocationsOptions {
  store: RevocationStore;
  /** The longest validity that anything is given out with. */
  longestTtlSeconds: number;
  /** For so much longer guests can come back with a token that has expired. */
  returnWithinSeconds: number;
  log?: Pick<Logger, 'error'>;
  now?: () => number;
}

const DAY_MS = 24 * 3600 * 1000;
const UPKEEP_MS = 60_000;

const keyOf = (subject: string | null, room: string | null): string => `${subject ?? ''} ${room ?? ''}`;

export class Revocations {
  readonly #options: RevocationsOptions;
  readonly #now: () => number;
  readonly #byKey = new Map<string, Revocation>();
  /** In force, but not in the store yet: its disk was full. */
  readonly #unsaved = new Set<Revocation>();
  readonly #listeners = new Set<() => void>();
  readonly #timer: NodeJS.Timeout;
  #latestExpiryMs: number;
  #savedExpiryMs: number;

  private constructor(options: RevocationsOptions) {
    const { store, longestTtlSeconds, now = Date.now } = options;
    this.#options = options;
    this.#now = now;
    for (const revocation of store.revocations()) this.#byKey.set(keyOf(revocation.subject, revocation.room), revocation);
    this.#savedExpiryMs = store.latestExpiryMs();
    this.#latestExpiryMs = Math.max(this.#savedExpiryMs, now() + longestTtlSeconds * 1000);
    this.#timer = setInterval(() => this.upkeep(), UPKEEP_MS).unref();
    this.upkeep();
  }

  static create(options: RevocationsOptions): Revocations {
    return new Revocations(options);
  }

  /** Told after each new revocation: whoever is here without a right to it has to go. @returns its own end */
  onRevoked(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  list(): Revocation[] {
    return [...this.#byKey.values()].toSorted((a, b) => a.createdMs - b.createdMs);
  }

  /** Whether all access of such a token is taken back; with `room`, its access to that room. `invited`: it came by an invite. */
  bars(token: Provenance, room: string | null = null, { invited = false }: { invited?: boolean } = {}): boolean {
    const applies = (subject: string | null, where: string | null): boolean => {
      const found = this.#byKey.get(keyOf(subject, where));
      return found !== undefined && (found.lasting || !token.after.includes(found.id));
    };
    const subjects = [token.userId, ...token.via];
    if (subjects.some((subject) => applies(subject, null) || (room !== null && applies(subject, room)))) return true;
    return invited && room !== null && applies(null, room);
  }

  /** Ids that a token given out now has to carry, to be none of what was revoked. */
  passed({ subjects, rooms }: { subjects: readonly string[]; rooms: readonly string[] }): string[] {
    const keys = [
      ...subjects.flatMap((subject) => [keyOf(subject, null), ...rooms.map((room) => keyOf(subject, room))]),
      ...rooms.map((room) => keyOf(null, room)),
    ];
    return keys.flatMap((key) => this.#byKey.get(key)?.id ?? []);
  }

  /**
   * In force when this returns, or throws because it could not be stored: then it is stored when that is possible again.
   * @throws AppError `storage-full`, `storage-failed`
   */
  revoke({
    subject = null,
    room = null,
    lasting = false,
  }: {
    subject?: string | null;
    room?: string | null;
    lasting?: boolean;
  }): Revocation {
    const nowMs = this.#now();
    const untilMs =
      Math.max(this.#latestExpiryMs, nowMs + this.#options.longestTtlSeconds * 1000) + this.#options.returnWithinSeconds * 1000;
    const earlier = this.#byKey.get(keyOf(subject, room));
    const revocation: Revocation = {
      id: `rev-${randomBytes(9).toString('base64url')}`,
      subject,
      room,
      lasting: lasting || (earlier?.lasting ?? false),
      createdMs: nowMs,
      untilMs,
      untilOperatedMs: this.#options.store.operatedMs + (untilMs - nowMs),
    };
    this.#byKey.set(keyOf(subject, room), revocation);
    if (earlier) this.#unsaved.delete(earlier);
    if (subject === null && room !== null) this.#forgetInvitesOf(room);
    endAll(...this.#listeners);
    try {
      this.#options.store.putRevocation(revocation);
    } catch (error) {
      this.#unsaved.add(revocation);
      throw error;
    }
    return revocation;
  }

  /** What it ended is valid again, as far as it has not expired. @returns false where there is none; @throws AppError `storage-*` */
  takeBack(id: string): boolean {
    const found = [...this.#byKey.values()].find((revocation) => revocation.id === id);
    if (!found) return false;
    this.#options.store.removeRevocation(id);
    this.#unsaved.delete(found);
    this.#byKey.delete(keyOf(found.subject, found.room));
    return true;
  }

  /** Something was given out that is valid until then. Written ahead by a day, so that not each guest is a write. */
  noteExpiry(expiryMs: number): void {
    if (expiryMs <= this.#latestExpiryMs) return;
    this.#latestExpiryMs = expiryMs + DAY_MS;
    this.#saveExpiry();
  }

  /** Stores what could not be stored before, and forgets what has nothing left to end. */
  upkeep(): void {
    if (this.#latestExpiryMs > this.#savedExpiryMs) this.#saveExpiry();
    for (const revocation of [...this.#unsaved]) {
      if (this.#tried(() => this.#options.store.putRevocation(revocation))) this.#unsaved.delete(revocation);
    }
    const { operatedMs } = this.#options.store;
    for (const [key, { id, untilMs, untilOperatedMs }] of this.#byKey) {
      if (this.#now() <= untilMs || operatedMs <= untilOperatedMs) continue;
      if (this.#tried(() => this.#options.store.removeRevocation(id))) this.#byKey.delete(key);
    }
  }

  /** All invites of the room have ended: those that ended before need no row of their own. */
  #forgetInvitesOf(room: string): void {
    for (const [key, revocation] of this.#byKey) {
      if (revocation.room !== room || !revocation.subject?.startsWith(INVITE_PREFIX)) continue;
      this.#unsaved.delete(revocation);
      if (this.#tried(() => this.#options.store.removeRevocation(revocation.id))) this.#byKey.delete(key);
    }
  }

  #saveExpiry(): void {
    const expiryMs = this.#latestExpiryMs;
    if (this.#tried(() => this.#options.store.noteExpiry(expiryMs))) this.#savedExpiryMs = expiryMs;
  }

  #tried(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.#options.log?.error({ err: error }, 'revocations could not be stored; they are in force, and it is tried again');
      return false;
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.upkeep();
    this.#listeners.clear();
  }
}
