/** Opens the database and brings it to the present schema, one migration after another, each in a transaction. */
import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** `user_version` counts these. Never change one that was released: add another. */
const migrations = [
  `
  CREATE TABLE avatars (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    model TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    -- hash over the portraits' own hashes, in order
    portraits_key TEXT NOT NULL,
    preview_sha TEXT NOT NULL,
    warnings TEXT NOT NULL,
    UNIQUE (owner, portraits_key, model)
  ) STRICT;
  CREATE INDEX avatars_by_portraits ON avatars (portraits_key);

  CREATE TABLE portraits (
    avatar_id TEXT NOT NULL REFERENCES avatars (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    -- as uploaded: for the look-up only; and as kept: upright, without metadata
    source_sha TEXT NOT NULL,
    content_sha TEXT NOT NULL,
    PRIMARY KEY (avatar_id, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX portraits_by_content ON portraits (content_sha);

  CREATE TABLE weights (
    portraits_key TEXT NOT NULL,
    model TEXT NOT NULL,
    model_version TEXT NOT NULL,
    content_sha TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (portraits_key, model, model_version)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX weights_by_content ON weights (content_sha);

  -- No foreign key: that consent was given and revoked is known for longer than the avatar lives.
  CREATE TABLE consents (
    avatar_id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    subject TEXT NOT NULL,
    statement TEXT NOT NULL,
    given_ms INTEGER NOT NULL,
    recorded_ms INTEGER NOT NULL,
    revoked_ms INTEGER
  ) STRICT;
  `,
  `
  ALTER TABLE avatars ADD COLUMN used_ms INTEGER NOT NULL DEFAULT 0;
  UPDATE avatars SET used_ms = created_ms;
  `,
];

/** @throws Error when the file was written by a later version */
export function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 5000, enableForeignKeyConstraints: true });
  if (path !== ':memory:') chmodSync(path, 0o600);
  // secure_delete: what is deleted is overwritten, not just forgotten.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;');
  try {
    migrate(database);
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

function migrate(database: DatabaseSync): void {
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version > migrations.length)
    throw new Error(`The database was written by a later version of Gioconda (${version}, this one knows ${migrations.length}).`);
  for (let next = version; next < migrations.length; next += 1) {
    transaction(database, () => database.exec(`${migrations[next]!}; PRAGMA user_version = ${next + 1};`));
  }
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
