/** The rows: every SQL statement on avatars, portraits, weights and consents. Synchronous; knows no files. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { transaction } from './database.ts';
import type { AvatarRecord, ConsentRecord, EnrolmentWarning, PortraitRecord, WeightsKey } from './records.ts';

type Row = Record<string, string | number | null>;

const avatarColumns =
  'id, owner, name, model, created_ms, portraits_key, preview_sha, warnings, (SELECT count(*) FROM portraits WHERE avatar_id = avatars.id) AS portrait_count';

export interface Insertion {
  avatar: AvatarRecord;
  portraits: readonly PortraitRecord[];
  consent: ConsentRecord;
  weights: { modelVersion: string; sha: string };
  /** sha → bytes of all that is referred to. */
  files: ReadonlyMap<string, number>;
  /** The store's own time, from which disuse counts. */
  operatedMs: number;
}

export class AvatarRecords {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  static create(database: DatabaseSync): AvatarRecords {
    return new AvatarRecords(database);
  }

  avatar(id: string): AvatarRecord | null {
    return toAvatar(this.#get(`SELECT ${avatarColumns} FROM avatars WHERE id = ?`, id));
  }

  avatarsOf(owner: string): AvatarRecord[] {
    return this.#all(`SELECT ${avatarColumns} FROM avatars WHERE owner = ? ORDER BY created_ms, id`, owner).map((row) => toAvatar(row)!);
  }

  find(owner: string, portraitsKey: string, model: string): AvatarRecord | null {
    return toAvatar(
      this.#get(`SELECT ${avatarColumns} FROM avatars WHERE owner = ? AND portraits_key = ? AND model = ?`, owner, portraitsKey, model),
    );
  }

  /** Of one owner, or of all. */
  count(owner?: string): number {
    const row =
      owner === undefined
        ? this.#get('SELECT count(*) AS n FROM avatars')
        : this.#get('SELECT count(*) AS n FROM avatars WHERE owner = ?', owner);
    return Number(row!.n);
  }

  portraits(avatarId: string): PortraitRecord[] {
    return this.#all('SELECT position, source_sha, content_sha FROM portraits WHERE avatar_id = ? ORDER BY position', avatarId).map(
      (row) => ({
        position: Number(row.position),
        sourceSha: String(row.source_sha),
        contentSha: String(row.content_sha),
      }),
    );
  }

  consent(avatarId: string): ConsentRecord | null {
    const row = this.#get('SELECT * FROM consents WHERE avatar_id = ?', avatarId);
    if (!row) return null;
    return {
      avatarId: String(row.avatar_id),
      owner: String(row.owner),
      subject: String(row.subject),
      statement: String(row.statement),
      givenMs: Number(row.given_ms),
      recordedMs: Number(row.recorded_ms),
      revokedMs: row.revoked_ms as number | null,
    };
  }

  weights({ portraitsKey, model, modelVersion }: WeightsKey): string | null {
    const row = this.#get(
      'SELECT content_sha FROM weights WHERE portraits_key = ? AND model = ? AND model_version = ?',
      portraitsKey,
      model,
      modelVersion,
    );
    return row ? String(row.content_sha) : null;
  }

  /** An avatar with all that belongs to it, unless `check`, which sees it inserted, throws. */
  insert({ avatar, portraits, consent, weights, files, operatedMs }: Insertion, check: () => void): void {
    transaction(this.#database, () => {
      this.noteFiles(files);
      this.#run(
        'INSERT INTO avatars (id, owner, name, model, created_ms, used_operated_ms, portraits_key, preview_sha, warnings) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
        avatar.id,
        avatar.owner,
        avatar.name,
        avatar.model,
        avatar.createdMs,
        operatedMs,
        avatar.portraitsKey,
        avatar.previewSha,
        JSON.stringify(avatar.warnings),
      );
      for (const { position, sourceSha, contentSha } of portraits) {
        this.#run(
          'INSERT INTO portraits (avatar_id, position, source_sha, content_sha) VALUES (?, ?, ?, ?)',
          avatar.id,
          position,
          sourceSha,
          contentSha,
        );
      }
      this.#run(
        'INSERT INTO consents (avatar_id, owner, subject, statement, given_ms, recorded_ms) VALUES (?, ?, ?, ?, ?, ?)',
        consent.avatarId,
        consent.owner,
        consent.subject,
        consent.statement,
        consent.givenMs,
        consent.recordedMs,
      );
      this.#insertWeights(
        { portraitsKey: avatar.portraitsKey, model: avatar.model, modelVersion: weights.modelVersion },
        weights.sha,
        avatar.createdMs,
      );
      check();
    });
  }

  #insertWeights({ portraitsKey, model, modelVersion }: WeightsKey, sha: string, createdMs: number): void {
    this.#run(
      'INSERT OR REPLACE INTO weights (portraits_key, model, model_version, content_sha, created_ms) VALUES (?, ?, ?, ?, ?)',
      portraitsKey,
      model,
      modelVersion,
      sha,
      createdMs,
    );
  }

  /** Weights of an earlier version of the model are of no use any more. @returns their files. */
  putWeights(key: WeightsKey, contentSha: string, createdMs: number): string[] {
    const { portraitsKey, model } = key;
    return transaction(this.#database, () => {
      const outdated = this.#all('SELECT content_sha FROM weights WHERE portraits_key = ? AND model = ?', portraitsKey, model).map((row) =>
        String(row.content_sha),
      );
      this.#run('DELETE FROM weights WHERE portraits_key = ? AND model = ?', portraitsKey, model);
      this.#insertWeights(key, contentSha, createdMs);
      return outdated.filter((sha) => sha !== contentSha);
    });
  }

  /** Deletes the avatar, revokes its consent, and drops weights that no other avatar shares. @returns the files it referred to. */
  delete(avatarId: string, revokedMs: number): string[] {
    return transaction(this.#database, () => {
      const avatar = this.avatar(avatarId);
      if (!avatar) return [];
      const files = [avatar.previewSha, ...this.portraits(avatarId).map((portrait) => portrait.contentSha)];
      this.#run('DELETE FROM avatars WHERE id = ?', avatarId);
      this.#run('UPDATE consents SET revoked_ms = ? WHERE avatar_id = ?', revokedMs, avatarId);
      const isShared = this.#get('SELECT 1 AS found FROM avatars WHERE portraits_key = ?', avatar.portraitsKey);
      if (isShared) return files;
      const weights = this.#all('SELECT content_sha FROM weights WHERE portraits_key = ?', avatar.portraitsKey).map((row) =>
        String(row.content_sha),
      );
      this.#run('DELETE FROM weights WHERE portraits_key = ?', avatar.portraitsKey);
      return [...files, ...weights];
    });
  }

  /** Notes uses at these times of operation. */
  touch(uses: ReadonlyMap<string, number>): void {
    transaction(this.#database, () => {
      for (const [avatarId, operatedMs] of uses)
        this.#run('UPDATE avatars SET used_operated_ms = max(used_operated_ms, ?) WHERE id = ?', operatedMs, avatarId);
    });
  }

  /** Avatars whose owner's id begins so, and that were last used before this time of operation. */
  unusedSince(operatedMs: number, ownerPrefix: string): string[] {
    return this.#all(
      'SELECT id FROM avatars WHERE used_operated_ms < ? AND substr(owner, 1, ?) = ?',
      operatedMs,
      ownerPrefix.length,
      ownerPrefix,
    ).map((row) => String(row.id));
  }

  /** sha → bytes. */
  noteFiles(files: ReadonlyMap<string, number>): void {
    for (const [sha, bytes] of files) this.#run('INSERT OR IGNORE INTO files (sha, bytes) VALUES (?, ?)', sha, bytes);
  }

  forgetFile(sha: string): void {
    this.#run('DELETE FROM files WHERE sha = ?', sha);
  }

  /** Bytes on disk of all that one owner's avatars are made of; what two of them share counts once. */
  bytesOf(owner: string): number {
    const row = this.#get(
      `SELECT coalesce(sum(bytes), 0) AS n FROM files WHERE sha IN (
        SELECT preview_sha FROM avatars WHERE owner = ?1
        UNION SELECT content_sha FROM portraits JOIN avatars ON avatars.id = avatar_id WHERE owner = ?1
        UNION SELECT content_sha FROM weights JOIN avatars USING (portraits_key) WHERE owner = ?1)`,
      owner,
    );
    return Number(row!.n);
  }

  /** Every file that a row needs. */
  referred(): string[] {
    return this.#all(
      'SELECT content_sha AS sha FROM portraits UNION SELECT content_sha FROM weights UNION SELECT preview_sha FROM avatars',
    ).map((row) => String(row.sha));
  }

  /** Avatars whose consent was taken back. */
  revokedAvatars(): string[] {
    return this.#all('SELECT avatar_id FROM consents WHERE revoked_ms IS NOT NULL').map((row) => String(row.avatar_id));
  }

  /** Whether any row needs this file. */
  isReferred(sha: string): boolean {
    return (
      this.#get(
        'SELECT 1 AS found WHERE EXISTS (SELECT 1 FROM portraits WHERE content_sha = ?1) OR EXISTS (SELECT 1 FROM weights WHERE content_sha = ?1) OR EXISTS (SELECT 1 FROM avatars WHERE preview_sha = ?1)',
        sha,
      ) !== undefined
    );
  }

  /** Which avatars need this file, and as what. */
  needs(sha: string): { avatars: string[]; kind: 'portraits' | 'weights' } {
    const ids = (sql: string): string[] => this.#all(sql, sha).map((row) => String(row.id));
    const avatars = ids('SELECT avatar_id AS id FROM portraits WHERE content_sha = ?1 UNION SELECT id FROM avatars WHERE preview_sha = ?1');
    if (avatars.length > 0) return { avatars, kind: 'portraits' };
    return { avatars: ids('SELECT id FROM avatars JOIN weights USING (portraits_key) WHERE content_sha = ?'), kind: 'weights' };
  }

  /** Weights whose portraits are gone: left by a crash, removed at the next start. */
  dropUnreferencedWeights(): void {
    this.#run('DELETE FROM weights WHERE portraits_key NOT IN (SELECT portraits_key FROM avatars)');
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #get(sql: string, ...values: (string | number)[]): Row | undefined {
    return this.#statement(sql).get(...values) as Row | undefined;
  }

  #all(sql: string, ...values: (string | number)[]): Row[] {
    return this.#statement(sql).all(...values) as Row[];
  }

  #run(sql: string, ...values: (string | number)[]): void {
    this.#statement(sql).run(...values);
  }
}

/** None where the text is damaged: nothing depends on them. */
function warningsOf(text: string): EnrolmentWarning[] {
  try {
    return JSON.parse(text) as EnrolmentWarning[];
  } catch {
    return [];
  }
}

function toAvatar(row: Row | undefined): AvatarRecord | null {
  if (!row) return null;
  return {
    id: String(row.id),
    owner: String(row.owner),
    name: String(row.name),
    model: String(row.model),
    createdMs: Number(row.created_ms),
    portraitsKey: String(row.portraits_key),
    previewSha: String(row.preview_sha),
    portraitCount: Number(row.portrait_count),
    warnings: warningsOf(String(row.warnings)),
  };
}
