/** The schema's history. `user_version` counts these. Never change one that was released: add another. */
import type { DatabaseSync } from 'node:sqlite';
import { portraitsKeyOf } from './records.ts';

export type Migration = string | ((database: DatabaseSync) => void);

const first = `
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
`;

const useTimes = `
  ALTER TABLE avatars ADD COLUMN used_ms INTEGER NOT NULL DEFAULT 0;
  UPDATE avatars SET used_ms = created_ms;
`;

/** Use is counted in time of operation instead of dates, files have sizes, and portraits' keys are each owner's own. */
function operatingTime(database: DatabaseSync): void {
  database.exec(`
    CREATE TABLE operation (only INTEGER PRIMARY KEY CHECK (only = 1), operated_ms INTEGER NOT NULL) STRICT;
    INSERT INTO operation VALUES (1, 0);
    ALTER TABLE avatars DROP COLUMN used_ms;
    ALTER TABLE avatars ADD COLUMN used_operated_ms INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE files (sha TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE earlier_weights AS SELECT * FROM weights;
    DELETE FROM weights;
  `);
  const avatars = database.prepare('SELECT id, owner, portraits_key FROM avatars').all() as {
    id: string;
    owner: string;
    portraits_key: string;
  }[];
  const sources = database.prepare('SELECT source_sha FROM portraits WHERE avatar_id = ? ORDER BY position');
  const setKey = database.prepare('UPDATE avatars SET portraits_key = ? WHERE id = ?');
  const copyWeights = database.prepare(
    'INSERT OR IGNORE INTO weights SELECT ?, model, model_version, content_sha, created_ms FROM earlier_weights WHERE portraits_key = ?',
  );
  for (const { id, owner, portraits_key: earlier } of avatars) {
    const key = portraitsKeyOf(
      owner,
      sources.all(id).map((row) => String(row['source_sha'])),
    );
    setKey.run(key, id);
    copyWeights.run(key, earlier);
  }
  database.exec('DROP TABLE earlier_weights');
}

/** Access that was taken back, and until when anything that was given out is valid. */
const revocations = `
  CREATE TABLE revocations (
    id TEXT PRIMARY KEY,
    -- a user, a guest or an invite; '': all who came by an invite of the room
    subject TEXT NOT NULL,
    -- '': everywhere
    room TEXT NOT NULL,
    -- also what is given out afterwards
    lasting INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    until_operated_ms INTEGER NOT NULL,
    UNIQUE (subject, room)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE access (only INTEGER PRIMARY KEY CHECK (only = 1), latest_expiry_ms INTEGER NOT NULL) STRICT;
  INSERT INTO access VALUES (1, 0);
`;

export const migrations: readonly Migration[] = [first, useTimes, operatingTime, revocations];
