/** What the store does beside its requests: it counts its time, notes uses, removes files, and does later what a full disk has put off. */
import type { DatabaseSync } from 'node:sqlite';
import type { AvatarRecords } from './AvatarRecords.ts';
import type { ContentStore } from './ContentStore.ts';
import type { OperatingClock } from './OperatingClock.ts';
import type { Quarantine } from './Quarantine.ts';
import type { StoreLog } from './records.ts';

const DAY_MS = 24 * 3600 * 1000;

export interface UpkeepOptions {
  database: DatabaseSync;
  records: AvatarRecords;
  content: ContentStore;
  quarantine: Quarantine;
  clock: OperatingClock;
  quarantineDays: number;
  log: StoreLog | undefined;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  /** Uses that are not in the database yet: avatar → time of operation. */
  readonly #uses = new Map<string, number>();
  /** Files that could not be removed. */
  readonly #leftOver = new Set<string>();
  #logIsStale = false;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  get operatedMs(): number {
    return this.#options.clock.nowMs;
  }

  touch(avatarId: string): void {
    this.#uses.set(avatarId, this.operatedMs);
  }

  noteUses(): void {
    if (this.#uses.size === 0) return;
    this.#options.records.touch(this.#uses);
    this.#uses.clear();
  }

  /** Removes files that no record needs. What cannot be removed now is tried again: the records are right already. */
  async remove(files: Iterable<string>): Promise<void> {
    const { records, content } = this.#options;
    for (const sha of new Set(files)) {
      if (records.isReferred(sha)) {
        this.#leftOver.delete(sha);
        continue;
      }
      this.#leftOver.add(sha);
      await content.remove(sha);
      records.forgetFile(sha);
      this.#leftOver.delete(sha);
    }
  }

  /** Of a deleted avatar: the write-ahead log has the old pages until it is truncated. */
  async removeDeleted(avatarId: string, files: readonly string[]): Promise<void> {
    this.#uses.delete(avatarId);
    this.#logIsStale = true;
    for (const sha of files) this.#leftOver.add(sha);
    await this.remove(files);
    this.#emptyLog();
  }

  /** Once a minute. @throws what could not be written; it is done the next time */
  async catchUp(): Promise<void> {
    const { clock, quarantine, quarantineDays, log } = this.#options;
    await quarantine.advance(clock.advance());
    this.noteUses();
    await this.remove(this.#leftOver);
    this.#emptyLog();
    const expired = await quarantine.expire(quarantineDays * DAY_MS);
    if (expired > 0) log?.info({ files: expired }, 'files that were moved aside are deleted: nobody missed them');
  }

  #emptyLog(): void {
    if (!this.#logIsStale) return;
    const [result] = this.#options.database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
    this.#logIsStale = Number(result?.['busy']) !== 0;
  }
}
