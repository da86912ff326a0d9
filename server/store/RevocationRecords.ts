/** The rows of access that was taken back. Synchronous. */
import type { DatabaseSync } from 'node:sqlite';
import type { RevocationRecord } from './records.ts';

export class RevocationRecords {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  static create(database: DatabaseSync): RevocationRecords {
    return new RevocationRecords(database);
  }

  all(): RevocationRecord[] {
    const rows = this.#database.prepare('SELECT * FROM revocations ORDER BY created_ms, id').all();
    return rows.map((row) => ({
      id: String(row['id']),
      subject: String(row['subject']) || null,
      room: String(row['room']) || null,
      lasting: row['lasting'] === 1,
      createdMs: Number(row['created_ms']),
      untilMs: Number(row['until_ms']),
      untilOperatedMs: Number(row['until_operated_ms']),
    }));
  }

  /** Takes the place of an earlier one of the same subject and room. */
  put({ id, subject, room, lasting, createdMs, untilMs, untilOperatedMs }: RevocationRecord): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO revocations VALUES (?, ?, ?, ?, ?, ?, ?)')
      .run(id, subject ?? '', room ?? '', lasting ? 1 : 0, createdMs, Math.ceil(untilMs), Math.ceil(untilOperatedMs));
  }

  remove(id: string): void {
    this.#database.prepare('DELETE FROM revocations WHERE id = ?').run(id);
  }

  latestExpiryMs(): number {
    return Number((this.#database.prepare('SELECT latest_expiry_ms AS ms FROM access').get() as { ms: number }).ms);
  }

  noteExpiry(expiryMs: number): void {
    this.#database.prepare('UPDATE access SET latest_expiry_ms = max(latest_expiry_ms, ?)').run(Math.ceil(expiryMs));
  }

  /** What the store that this one takes the place of had taken back stays taken back. `operatedMs`: of that store. */
  keep(revocations: readonly RevocationRecord[], { operatedMs, latestExpiryMs }: { operatedMs: number; latestExpiryMs: number }): void {
    const own = Number((this.#database.prepare('SELECT operated_ms AS ms FROM operation').get() as { ms: number }).ms);
    for (const revocation of revocations)
      this.put({ ...revocation, untilOperatedMs: own + Math.max(0, revocation.untilOperatedMs - operatedMs) });
    this.noteExpiry(latestExpiryMs);
  }
}
