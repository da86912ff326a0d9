/**
 * What survives a restart: records in SQLite, portraits, previews and generated weights as files by content hash.
 *
 * Files are written before the rows that refer to them, and removed after: a crash between the two leaves a file too many, never
 * one too few, and the next start removes it. Whatever adds or removes files takes its turn, so that a removal cannot take a file
 * that is just being referred to.
 */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { AvatarRecords } from './AvatarRecords.ts';
import { ContentLost, ContentStore } from './ContentStore.ts';
import { openDatabase } from './database.ts';
import { StoreLock } from './StoreLock.ts';
import type { AvatarRecord, ConsentRecord, Generated, NewAvatar, WeightsKey } from './records.ts';

/** The same pictures in the same order give the same key. */
export function portraitsKeyOf(sourceShas: readonly string[]): string {
  return createHash('sha256').update(sourceShas.join('\n')).digest('hex');
}

export class Store {
  readonly #database: DatabaseSync;
  readonly #records: AvatarRecords;
  readonly #content: ContentStore;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  readonly #lock: StoreLock;

  private constructor({ database, content, lock }: { database: DatabaseSync; content: ContentStore; lock: StoreLock }) {
    this.#lock = lock;
    this.#database = database;
    this.#records = AvatarRecords.create(database);
    this.#content = content;
  }

  /** Opens or makes the store below `dataDir`, and clears away what a crash left. @throws StoreInUse when another process has it */
  static async create({ dataDir }: { dataDir: string }): Promise<Store> {
    const folder = join(dataDir, 'store');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const lock = StoreLock.acquire(join(folder, 'lock.sqlite'));
    try {
      const content = await ContentStore.create(folder);
      const store = new Store({ database: openDatabase(join(folder, 'gioconda.sqlite')), content, lock });
      store.#records.dropOrphanedWeights();
      await content.collect((sha) => store.#records.isReferred(sha));
      return store;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  avatar(id: string): AvatarRecord | null {
    return this.#records.avatar(id);
  }

  avatarsOf(owner: string): AvatarRecord[] {
    return this.#records.avatarsOf(owner);
  }

  find(owner: string, portraitsKey: string, model: string): AvatarRecord | null {
    return this.#records.find(owner, portraitsKey, model);
  }

  count(owner?: string): number {
    return this.#records.count(owner);
  }

  /** Notes that the avatar is in use. */
  touch(avatarId: string, usedMs: number): void {
    this.#records.touch(avatarId, usedMs);
  }

  unusedSince(beforeMs: number, ownerPrefix: string): string[] {
    return this.#records.unusedSince(beforeMs, ownerPrefix);
  }

  consent(avatarId: string): ConsentRecord | null {
    return this.#records.consent(avatarId);
  }

  async preview(avatar: AvatarRecord): Promise<Buffer> {
    return this.#content.read(avatar.previewSha);
  }

  /** The kept pictures, in order. @throws ContentLost */
  async portraits(avatarId: string): Promise<Buffer[]> {
    return Promise.all(this.#records.portraits(avatarId).map(({ contentSha }) => this.#content.read(contentSha)));
  }

  /** The file with the generated weights, checked; null when there is none, or only a damaged one. */
  async weights(key: WeightsKey): Promise<{ path: string; sha: string } | null> {
    const sha = this.#records.weights(key);
    if (!sha) return null;
    try {
      await this.#content.read(sha);
    } catch {
      // Generated weights can be generated again: the caller does, and the new file replaces this one.
      return null;
    }
    return { path: this.#content.path(sha), sha };
  }

  /** What was generated from the same portraits for another avatar; null when there is none, or only a damaged one. */
  async generated(key: WeightsKey): Promise<Generated | null> {
    const twin = this.#records.findAny(key.portraitsKey, key.model);
    const weightsSha = this.#records.weights(key);
    if (!twin || !weightsSha) return null;
    try {
      const [weights, preview, normalised] = await Promise.all([
        this.#content.read(weightsSha),
        this.preview(twin),
        this.portraits(twin.id),
      ]);
      return { weights, preview, normalised, warnings: twin.warnings };
    } catch (error) {
      // Damaged, or deleted while it was read: then it is generated again.
      if (error instanceof ContentLost) return null;
      throw error;
    }
  }

  /** All of it or nothing. */
  async add(avatar: NewAvatar): Promise<AvatarRecord> {
    return this.#inTurn(async () => {
      const written: string[] = [];
      const put = async (bytes: Uint8Array): Promise<string> => {
        const sha = await this.#content.put(bytes);
        written.push(sha);
        return sha;
      };
      try {
        const previewSha = await put(avatar.preview);
        const portraits = [];
        for (const [position, { sourceSha, normalised }] of avatar.portraits.entries()) {
          portraits.push({ position, sourceSha, contentSha: await put(normalised) });
        }
        const weightsSha = await put(avatar.weights);
        const { id, owner, name, model, createdMs, warnings } = avatar;
        const portraitsKey = portraitsKeyOf(portraits.map((portrait) => portrait.sourceSha));
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
        this.#records.insert(record, portraits, { avatarId: id, owner, recordedMs: createdMs, revokedMs: null, ...avatar.consent });
        await this.#replaceWeights({ portraitsKey, model, modelVersion: avatar.modelVersion }, weightsSha, createdMs);
        return record;
      } catch (error) {
        await this.#removeUnreferred(written);
        throw error;
      }
    });
  }

  /** Keeps weights that were generated anew; none of an avatar that was deleted meanwhile. */
  async putWeights(avatarId: string, { model, modelVersion }: Omit<WeightsKey, 'portraitsKey'>, weights: Uint8Array): Promise<boolean> {
    return this.#inTurn(async () => {
      const avatar = this.#records.avatar(avatarId);
      if (!avatar) return false;
      const sha = await this.#content.put(weights);
      await this.#replaceWeights({ portraitsKey: avatar.portraitsKey, model, modelVersion }, sha, Date.now());
      return true;
    });
  }

  /** Really gone: rows overwritten, files removed unless another avatar has the same pictures. @returns false when there was none. */
  async delete(avatarId: string): Promise<boolean> {
    return this.#inTurn(async () => {
      if (!this.#records.avatar(avatarId)) return false;
      const files = this.#records.delete(avatarId, Date.now());
      await this.#removeUnreferred(files);
      // The write-ahead log still has the old pages until it is truncated.
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      return true;
    });
  }

  /** @throws when nothing can be written */
  async probe(): Promise<void> {
    await this.#content.probe();
    this.#database.exec('BEGIN IMMEDIATE; ROLLBACK;');
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#turn;
    this.#database.close();
    this.#lock.release();
  }

  async #replaceWeights(key: WeightsKey, sha: string, createdMs: number): Promise<void> {
    await this.#removeUnreferred(this.#records.putWeights(key, sha, createdMs));
  }

  async #removeUnreferred(files: readonly string[]): Promise<void> {
    for (const sha of new Set(files)) {
      if (!this.#records.isReferred(sha)) await this.#content.remove(sha);
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new Error('The store is closed.'));
    const result = this.#turn.then(work);
    // The caller sees the failure; the next in turn must not.
    this.#turn = result.catch(() => undefined);
    return result;
  }
}
