/**
 * Brings a backup back. The store must not be open: its lock is taken. Everything is prepared and checked beside the old database, which
 * is replaced by one rename and kept in quarantine; files of avatars that only it knew are moved aside by the next start.
 */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeFolder } from '../base/folders.ts';
import { sha256Of } from '../base/large-bytes.ts';
import { AvatarRecords } from './AvatarRecords.ts';
import { DATABASE_NAME } from './backup.ts';
import { ContentStore } from './ContentStore.ts';
import { openDatabase } from './database.ts';
import { Quarantine } from './Quarantine.ts';
import { explained, faultOf, StoreError } from './StoreError.ts';
import { RevocationRecords } from './RevocationRecords.ts';
import type { RevocationRecord } from './records.ts';
import { StoreLock } from './StoreLock.ts';
import { storePaths } from './store-paths.ts';

export interface RestoreReport {
  avatars: number;
  files: number;
  /** Avatars of the backup that were deleted since it was made: they stay deleted. */
  staysDeleted: number;
  /** Files that neither the backup nor the store has whole. */
  lost: string[];
}

type FileReader = (sha: string) => Promise<Uint8Array | null>;

/** @throws StoreError `store-in-use`, `backup-damaged`, `store-full`, `store-not-writable`; the store is as it was then */
export async function restore({ dataDir, source }: { dataDir: string; source: string }): Promise<RestoreReport> {
  const paths = storePaths(dataDir);
  let lock: StoreLock | null = null;
  try {
    await makeFolder(paths.folder, { mode: 0o700 });
    lock = StoreLock.acquire(paths.lock);
    return await restoreInto(paths, source);
  } catch (error) {
    throw explained(error);
  } finally {
    lock?.release();
  }
}

async function restoreInto(paths: ReturnType<typeof storePaths>, source: string): Promise<RestoreReport> {
  const work = join(paths.folder, 'restoring');
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { mode: 0o700 });
  const backup = await openBackup(source);
  try {
    const staged = stage(backup.database, join(work, DATABASE_NAME));
    const quarantine = await Quarantine.create(paths.quarantine);
    const report = await fill(staged, {
      content: await ContentStore.create(paths.folder),
      read: backup.read,
      revoked: deletedIn(paths.database),
    });
    keepRevocations(paths.database, staged);
    staged.exec('PRAGMA journal_mode = DELETE');
    staged.close();
    await putAside(paths.database, quarantine);
    await rename(join(work, DATABASE_NAME), paths.database);
    await quarantine.save();
    return report;
  } finally {
    backup.close();
    await rm(work, { recursive: true, force: true });
  }
}

interface OpenBackup {
  database: string;
  read: FileReader;
  close: () => void;
}

async function openBackup(source: string): Promise<OpenBackup> {
  const found = await stat(source).catch(() => null);
  if (!found) throw new StoreError('backup-damaged', `${source} does not exist.`);
  if (found.isDirectory()) {
    const database = join(source, DATABASE_NAME);
    if (!existsSync(database) || !existsSync(join(source, 'content')))
      throw new StoreError('backup-damaged', `${source} is not a backup: it lacks ${DATABASE_NAME} or content/.`);
    const content = ContentStore.open(source);
    return { database, read: (sha) => content.read(sha).catch(() => null), close: () => undefined };
  }
  const database = new DatabaseSync(source, { readOnly: true });
  const select = damagedUnless(() => database.prepare('SELECT bytes FROM backup_files WHERE sha = ?'), `${source} is not a backup.`);
  const read: FileReader = async (sha) => {
    const bytes = select.get(sha)?.['bytes'];
    return bytes instanceof Uint8Array && (await sha256Of(bytes)) === sha ? bytes : null;
  };
  return { database: source, read, close: () => database.close() };
}

/** A copy of the backup's database at the present schema, checked. */
function stage(from: string, to: string): DatabaseSync {
  return damagedUnless(() => {
    const backup = new DatabaseSync(from, { readOnly: true });
    try {
      backup.prepare('VACUUM INTO ?').run(to);
    } finally {
      backup.close();
    }
    const staged = openDatabase(to);
    staged.exec('DROP TABLE IF EXISTS backup_files; VACUUM;');
    return staged;
  }, `${from} cannot be read as a database of Gioconda.`);
}

function damagedUnless<T>(work: () => T, detail: string): T {
  try {
    return work();
  } catch (error) {
    const fault = faultOf(error);
    if (fault === 'store-full' || fault === 'store-not-writable' || fault === 'store-later-version') throw error;
    throw new StoreError('backup-damaged', detail, { cause: error });
  }
}

/** Avatars whose consent was taken back in the database that is there; none where it cannot be read. */
function deletedIn(path: string): string[] {
  if (!existsSync(path)) return [];
  try {
    const database = new DatabaseSync(path);
    try {
      return AvatarRecords.create(database).revokedAvatars();
    } finally {
      database.close();
    }
  } catch {
    return [];
  }
}

/** Access that was taken back since the backup stays taken back; none where the present database cannot be read, or is older than that. */
function keepRevocations(path: string, staged: DatabaseSync): void {
  const present = revocationsIn(path);
  if (present) RevocationRecords.create(staged).keep(present.revocations, present);
}

function revocationsIn(path: string): { revocations: RevocationRecord[]; operatedMs: number; latestExpiryMs: number } | null {
  if (!existsSync(path)) return null;
  try {
    const database = new DatabaseSync(path);
    try {
      const records = RevocationRecords.create(database);
      const { ms } = database.prepare('SELECT operated_ms AS ms FROM operation').get() as { ms: number };
      return { revocations: records.all(), operatedMs: Number(ms), latestExpiryMs: records.latestExpiryMs() };
    } finally {
      database.close();
    }
  } catch {
    return null;
  }
}

/** Keeps what is there in quarantine, and leaves no write-ahead log, which would be applied to whatever database comes. */
async function putAside(path: string, quarantine: Quarantine): Promise<void> {
  if (!existsSync(path)) return;
  const name = `before-restore.${new Date()
    .toISOString()
    .replace(/[^0-9]/g, '')
    .slice(0, 17)}.sqlite`;
  try {
    const database = new DatabaseSync(path);
    try {
      quarantine.add(name, 'before-restore', (copy) => database.prepare('VACUUM INTO ?').run(copy));
      database.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;');
    } finally {
      database.close();
    }
  } catch (error) {
    if (faultOf(error) === 'store-full' || faultOf(error) === 'store-not-writable') throw error;
    // Damaged: as it is, for somebody who can read it. The log first: alone, it must not meet another database.
    for (const suffix of ['-wal', '-shm', '']) {
      if (existsSync(path + suffix)) await quarantine.take(path + suffix, 'before-restore', `damaged-${name}${suffix}`);
    }
  }
}

async function fill(
  staged: DatabaseSync,
  { content, read, revoked }: { content: ContentStore; read: FileReader; revoked: readonly string[] },
): Promise<RestoreReport> {
  const records = AvatarRecords.create(staged);
  const before = records.count();
  for (const avatarId of revoked) records.delete(avatarId, Date.now());
  const avatars = records.count();
  const lost: string[] = [];
  const referred = records.referred();
  for (const sha of referred) {
    const bytes = await read(sha);
    if (bytes) await content.put(bytes);
    else if (
      await content.read(sha).then(
        () => false,
        () => true,
      )
    )
      lost.push(sha);
  }
  return { avatars, files: referred.length - lost.length, staysDeleted: before - avatars, lost };
}
