/** Opens the database, looks whether it is whole, and brings it to the present schema: one migration after another, each in a transaction. */
import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { migrations } from './migrations.ts';
import { StoreError } from './StoreError.ts';

const SQLITE_ERROR = 1;

export interface OpenOptions {
  /** Called before the first migration of a database that has been in use; what it throws keeps the database as it is. */
  beforeMigration?: (database: DatabaseSync, version: number) => void;
}

/** @throws StoreError `store-damaged`, `store-later-version`; what SQLite throws when nothing can be written */
export function openDatabase(path: string, { beforeMigration }: OpenOptions = {}): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 5000, enableForeignKeyConstraints: true });
  try {
    if (path !== ':memory:') chmodSync(path, 0o600);
    // secure_delete: what is deleted is overwritten, not just forgotten.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;');
    requireWhole(database);
    migrate(database, beforeMigration);
  } catch (error) {
    database.close();
    // Our own statements are right: where SQLite does not understand them, tables are missing or not ours.
    if ((error as { errcode?: number }).errcode === SQLITE_ERROR)
      throw new StoreError('store-damaged', "The database of the data folder lacks tables, or is another program's.", { cause: error });
    throw error;
  }
  return database;
}

/** What SQLite finds wrong, at most `limit` sentences. */
export function problemsOf(database: DatabaseSync, { thorough = false, limit = 20 } = {}): string[] {
  const rows = database.prepare(`PRAGMA ${thorough ? 'integrity_check' : 'quick_check'}(${limit})`).all();
  return rows.map((row) => String(Object.values(row)[0])).filter((text) => text !== 'ok');
}

export function versionOf(database: DatabaseSync): number {
  return (database.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
}

function requireWhole(database: DatabaseSync): void {
  const problems = problemsOf(database, { limit: 1 });
  if (problems.length > 0)
    throw new StoreError('store-damaged', 'The database of the data folder is damaged.', { cause: new Error(problems[0]) });
}

function migrate(database: DatabaseSync, beforeMigration: OpenOptions['beforeMigration']): void {
  const version = versionOf(database);
  if (version > migrations.length)
    throw new StoreError(
      'store-later-version',
      `The database was written by a later version of Gioconda (${version}, this one knows ${migrations.length}).`,
    );
  if (version > 0 && version < migrations.length) beforeMigration?.(database, version);
  for (const [index, migration] of migrations.entries()) {
    if (index < version) continue;
    transaction(database, () => {
      if (typeof migration === 'string') database.exec(migration);
      else migration(database);
      database.exec(`PRAGMA user_version = ${index + 1}`);
    });
  }
  requireSchema(database);
}

/** A version that is right over tables that are not. @throws StoreError `store-damaged` */
function requireSchema(database: DatabaseSync): void {
  const expected = new DatabaseSync(':memory:');
  for (const migration of migrations)
    if (typeof migration === 'string') expected.exec(migration);
    else migration(expected);
  const columns = (of: DatabaseSync): string[] =>
    of
      .prepare("SELECT t.name || '.' || c.name AS name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'")
      .all()
      .map((row) => String(row['name']));
  const present = new Set(columns(database));
  const missing = columns(expected).filter((name) => !present.has(name));
  expected.close();
  if (missing.length > 0) throw new StoreError('store-damaged', `The database of the data folder lacks ${missing.slice(0, 3).join(', ')}.`);
  // Counters without which nothing expires; they begin anew.
  for (const counter of ['operation', 'access'])
    if (!database.prepare(`SELECT 1 FROM ${counter} WHERE only = 1`).get()) database.exec(`INSERT INTO ${counter} VALUES (1, 0)`);
}

/** All or nothing; `work` must not wait for anything. */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // A full disk has already rolled it back.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
