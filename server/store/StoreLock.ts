/**
 * One process at a time has the store: two would clear away each other's files. The lock is SQLite's own on an empty database, so that
 * the operating system releases it however the process ends.
 */
import { DatabaseSync } from 'node:sqlite';
import { StoreError } from './StoreError.ts';

const SQLITE_BUSY = 5;
/** A predecessor that is just ending gets this long. */
const WAIT_MS = 1000;

export class StoreLock {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** @throws StoreError `store-in-use` while another process has it */
  static acquire(path: string): StoreLock {
    const database = new DatabaseSync(path, { timeout: WAIT_MS });
    try {
      // Not WAL: only a rollback journal locks readers out as well.
      database.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE;');
    } catch (error) {
      database.close();
      const isBusy = (error as { errcode?: number }).errcode === SQLITE_BUSY;
      throw isBusy
        ? new StoreError('store-in-use', 'The data folder is in use by another Gioconda, probably a running server.', { cause: error })
        : error;
    }
    return new StoreLock(database);
  }

  release(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}
