/**
 * What survives a restart: records in SQLite, portraits, previews and generated weights as files by content hash.
 *
 * Files are written before the rows that refer to them, and removed after: a crash between the two leaves a file too many, never
 * one too few, and the next start moves it aside. Whatever adds or removes files takes its turn, so that a removal cannot take a file
 * that is just being referred to.
 */
import type { DatabaseSync } from 'node:sqlite';
import { AppError } from '../../client/src/protocol/errors.ts';
import { makeFolder } from '../base/folders.ts';
import { AvatarRecords } from './AvatarRecords.ts';
import { ContentLost, ContentStore } from './ContentStore.ts';
import { openDatabase } from './database.ts';
import { OperatingClock } from './OperatingClock.ts';
import { Quarantine } from './Quarantine.ts';
import { reconcile } from './reconcile.ts';
import { explained, refusalOf } from './StoreError.ts';
import { storePaths } from './store-paths.ts';
import { StoreLock } from './StoreLock.ts';
import { Upkeep } from './Upkeep.ts';
import {
  portraitsKeyOf,
  type AvatarRecord,
  type ConsentRecord,
  type NewAvatar,
  type RevocationRecord,
  type StoreLog,
  type WeightsKey,
} from './records.ts';
import { RevocationRecords } from './RevocationRecords.ts';

export interface StoreOptions {
  dataDir: string;
  /** Days of operation that files without a record wait in quarantine. */
  quarantineDays?: number;
  log?: StoreLog;
  /** The system's monotonic clock, ms; tests bring their own. */
  monotonicMs?: () => number;
}

interface Parts {
  database: DatabaseSync;
  content: ContentStore;
  quarantine: Quarantine;
  lock: StoreLock;
}

const DAY_MS = 24 * 3600 * 1000;
const TICK_MS = 60_000;
const DEFAULT_QUARANTINE_DAYS = 14;

export class Store {
  readonly #database: DatabaseSync;
  readonly #records: AvatarRecords;
  readonly #revocations: RevocationRecords;
  readonly #content: ContentStore;
  readonly #quarantine: Quarantine;
  readonly #upkeep: Upkeep;
  readonly #lock: StoreLock;
  readonly #log: StoreLog | undefined;
  readonly #timer: NodeJS.Timeout;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor({ database, content, quarantine, lock }: Parts, options: StoreOptions) {
    const { log, quarantineDays = DEFAULT_QUARANTINE_DAYS } = options;
    this.#log = log;
    this.#lock = lock;
    this.#database = database;
    this.#records = AvatarRecords.create(database);
    this.#revocations = RevocationRecords.create(database);
    this.#content = content;
    this.#quarantine = quarantine;
    this.#upkeep = new Upkeep({
      database,
      records: this.#records,
      content,
      quarantine,
      clock: OperatingClock.create(database, options),
      quarantineDays,
      log,
    });
    this.#timer = setInterval(() => void this.tick(), TICK_MS);
    this.#timer.unref();
  }

  /** Opens or makes the store below `dataDir`, and compares records and files. @throws StoreError */
  static async create(options: StoreOptions): Promise<Store> {
    try {
      return await Store.#open(options);
    } catch (error) {
      throw explained(error);
    }
  }

  static async #open(options: StoreOptions): Promise<Store> {
    const { log } = options;
    const paths = storePaths(options.dataDir);
    await makeFolder(paths.folder, { mode: 0o700 });
    const lock = StoreLock.acquire(paths.lock);
    try {
      const content = await ContentStore.create(paths.folder);
      const quarantine = await Quarantine.create(paths.quarantine, log);
      const database = openDatabase(paths.database, { beforeMigration: (old, version) => keepCopy(old, { version, quarantine }) });
      const store = new Store({ database, content, quarantine, lock }, options);
      await store.#begin();
      return store;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  async #begin(): Promise<void> {
    try {
      this.#records.dropUnreferencedWeights();
      await reconcile({ records: this.#records, content: this.#content, quarantine: this.#quarantine, log: this.#log });
    } catch (error) {
      clearInterval(this.#timer);
      this.#database.close();
      throw error;
    }
  }

  avatar(id: string): AvatarRecord | null {
    return this.#read(() => this.#records.avatar(id));
  }

  avatarsOf(owner: string): AvatarRecord[] {
    return this.#read(() => this.#records.avatarsOf(owner));
  }

  find(owner: string, portraitsKey: string, model: string): AvatarRecord | null {
    return this.#read(() => this.#records.find(owner, portraitsKey, model));
  }

  count(owner?: string): number {
    return this.#read(() => this.#records.count(owner));
  }

  consent(avatarId: string): ConsentRecord | null {
    return this.#read(() => this.#records.consent(avatarId));
  }

  /** Bytes on disk of one owner's avatars. */
  bytesOf(owner: string): number {
    return this.#read(() => this.#records.bytesOf(owner));
  }

  /** Milliseconds of operation since the store was made. */
  get operatedMs(): number {
    return this.#upkeep.operatedMs;
  }

  revocations(): RevocationRecord[] {
    return this.#read(() => this.#revocations.all());
  }

  /** Takes the place of an earlier one of the same subject and room. @throws AppError `storage-full`, `storage-failed` */
  putRevocation(revocation: RevocationRecord): void {
    this.#read(() => this.#revocations.put(revocation));
  }

  removeRevocation(id: string): void {
    this.#read(() => this.#revocations.remove(id));
  }

  /** When the last of all tokens that were ever given out expires; 0 while there was none. */
  latestExpiryMs(): number {
    return this.#read(() => this.#revocations.latestExpiryMs());
  }

  noteExpiry(expiryMs: number): void {
    this.#read(() => this.#revocations.noteExpiry(expiryMs));
  }

  /** Notes that the avatar is in use; written within a minute, so that a call can begin on a full disk. */
  touch(avatarId: string): void {
    this.#upkeep.touch(avatarId);
  }

  /** Avatars whose owner's id begins so, and that nobody has used for so many days of operation. */
  unusedFor(days: number, ownerPrefix: string): string[] {
    return this.#read(() => {
      this.#upkeep.noteUses();
      return this.#records.unusedSince(this.#upkeep.operatedMs - days * DAY_MS, ownerPrefix);
    });
  }

  async preview(avatar: AvatarRecord): Promise<Buffer> {
    return this.#content.read(avatar.previewSha).catch(lost);
  }

  /** The kept pictures, in order. */
  async portraits(avatarId: string): Promise<Buffer[]> {
    return Promise.all(this.#read(() => this.#records.portraits(avatarId)).map(({ contentSha }) => this.#content.read(contentSha))).catch(
      lost,
    );
  }

  /** The file with the generated weights, checked; null when there is none, or only a damaged one. */
  async weights(key: WeightsKey): Promise<{ path: string; sha: string } | null> {
    const sha = this.#read(() => this.#records.weights(key));
    if (!sha) return null;
    try {
      await this.#content.read(sha);
    } catch {
      // Generated weights can be generated again: the caller does, and the new file replaces this one.
      return null;
    }
    return { path: this.#content.path(sha), sha };
  }

  /** All of it or nothing. @throws AppError `storage-quota` beyond `maxOwnerBytes`, `storage-full`, `storage-failed` */
  async add(avatar: NewAvatar, { maxOwnerBytes = Infinity }: { maxOwnerBytes?: number } = {}): Promise<AvatarRecord> {
    const { id, owner, name, model, createdMs, warnings, modelVersion } = avatar;
    return this.#writing(async (put, files) => {
      const previewSha = await put(avatar.preview);
      const portraits = [];
      for (const [position, { sourceSha, normalised }] of avatar.portraits.entries())
        portraits.push({ position, sourceSha, contentSha: await put(normalised) });
      const weights = { modelVersion, sha: await put(avatar.weights) };
      const portraitsKey = portraitsKeyOf(
        owner,
        portraits.map(({ sourceSha }) => sourceSha),
      );
      const record: AvatarRecord = {
        id,
        owner,
        name,
        model,
        createdMs,
        warnings,
        portraitsKey,
        previewSha,
        portraitCount: portraits.length,
      };
      const consent = { avatarId: id, owner, recordedMs: createdMs, revokedMs: null, ...avatar.consent };
      const insertion = { avatar: record, files, portraits, consent, weights, operatedMs: this.#upkeep.operatedMs };
      this.#records.insert(insertion, () => this.#requireRoom(owner, maxOwnerBytes));
      return record;
    });
  }

  /** Keeps weights that were generated again; none of an avatar that was deleted meanwhile. */
  async putWeights(avatarId: string, { model, modelVersion }: Omit<WeightsKey, 'portraitsKey'>, weights: Uint8Array): Promise<boolean> {
    return this.#writing(async (put, files) => {
      const avatar = this.#records.avatar(avatarId);
      if (!avatar) return false;
      const sha = await put(weights);
      this.#records.noteFiles(files);
      await this.#upkeep.remove(this.#records.putWeights({ portraitsKey: avatar.portraitsKey, model, modelVersion }, sha, Date.now()));
      return true;
    });
  }

  /** Really gone: rows overwritten, files removed unless another avatar has the same pictures. @returns false when there was none. */
  async delete(avatarId: string): Promise<boolean> {
    return this.#inTurn(async () => {
      if (!this.#records.avatar(avatarId)) return false;
      await this.#upkeep.removeDeleted(avatarId, this.#records.delete(avatarId, Date.now()));
      return true;
    });
  }

  /** Once a minute: counts the time, and does what a full disk has put off. */
  tick(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return this.#inTurn(() => this.#upkeep.catchUp()).catch((error: unknown) =>
      this.#log?.error({ err: error }, 'the store could not be written; it is tried again'),
    );
  }

  /** @throws AppError when nothing can be written */
  async probe(): Promise<void> {
    try {
      await this.#content.probe();
      this.#database.exec('BEGIN IMMEDIATE; ROLLBACK;');
    } catch (error) {
      throw refusalOf(error);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#turn;
    await this.#upkeep.catchUp().catch((error: unknown) => this.#log?.error({ err: error }, 'the store could not be written at its end'));
    if (this.#quarantine.size > 0) await this.#quarantine.save();
    this.#database.close();
    this.#lock.release();
  }

  #requireRoom(owner: string, maxBytes: number): void {
    if (this.#records.bytesOf(owner) > maxBytes) throw new AppError('storage-quota', `One user may keep ${Math.floor(maxBytes / 1e6)} MB`);
  }

  /** In turn; what was put is removed again when the work fails. */
  #writing<T>(work: (put: (bytes: Uint8Array) => Promise<string>, files: ReadonlyMap<string, number>) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const written = new Map<string, number>();
      try {
        return await work(async (bytes) => {
          const sha = await this.#content.put(bytes);
          written.set(sha, bytes.byteLength);
          return sha;
        }, written);
      } catch (error) {
        await this.#upkeep
          .remove(written.keys())
          .catch((failure: unknown) => this.#log?.warn({ err: failure }, 'files of an avatar that was not added are still there'));
        throw error;
      }
    });
  }

  /** What is done at once: reads, and the writes that wait for no file. */
  #read<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw refusalOf(error);
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new Error('The store is closed.'));
    const result = this.#turn.then(work);
    // The caller sees the failure; the next in turn must not.
    this.#turn = result.catch(() => undefined);
    return result.catch((error: unknown) => {
      throw refusalOf(error);
    });
  }
}

/** A consistent copy of the database as the earlier version left it, in quarantine, where it goes after some days. */
function keepCopy(database: DatabaseSync, { version, quarantine }: { version: number; quarantine: Quarantine }): void {
  const stamp = new Date()
    .toISOString()
    .replace(/[^0-9]/g, '')
    .slice(0, 14);
  quarantine.add(`before-migration-from-${version}.${stamp}.sqlite`, 'before-migration', (path) =>
    database.prepare('VACUUM INTO ?').run(path),
  );
}

function lost(error: unknown): never {
  if (error instanceof ContentLost) throw new AppError('storage-failed', 'A file of this avatar is missing or damaged', { cause: error });
  throw refusalOf(error);
}
