/**
 * A backup is either a folder that looks like the store's own, or one SQLite file: the database with a table of files in it. Both are
 * made by another process while a server runs, and hold one moment: a snapshot of the database, and every file that it refers to.
 */
import { existsSync } from 'node:fs';
import { link, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeFolder } from '../base/folders.ts';
import { AvatarRecords } from './AvatarRecords.ts';
import { ContentLost, ContentStore } from './ContentStore.ts';
import { explained, StoreError } from './StoreError.ts';
import { storePaths } from './store-paths.ts';

export interface BackupReport {
  avatars: number;
  files: number;
  bytes: number;
  /** Files that the store itself lacks, or has damaged. */
  lost: string[];
}

/** A server may delete what a snapshot refers to before it is copied: then another snapshot is taken. */
const MOST_SNAPSHOTS = 5;
export const DATABASE_NAME = 'gioconda.sqlite';

export const isSingleFile = (path: string): boolean => path.endsWith('.sqlite');

/** `target`: a name that ends in `.sqlite` makes one file, any other a folder. @throws StoreError */
export async function backUp({ dataDir, target }: { dataDir: string; target: string }): Promise<BackupReport> {
  if (existsSync(target)) throw new StoreError('backup-exists', `${target} exists.`);
  const paths = storePaths(dataDir);
  if (!existsSync(paths.database)) throw new StoreError('store-missing', `There is no store in ${dataDir}.`);
  const work = `${target}.part-${process.pid}`;
  try {
    await makeFolder(work, { mode: 0o700 });
    const report = await gather(paths, work);
    await rm(join(work, 'incoming'), { recursive: true });
    if (isSingleFile(target)) await pack(work, target);
    else await rename(work, target);
    return report;
  } catch (error) {
    throw explained(error);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function gather({ folder, database }: { folder: string; database: string }, work: string): Promise<BackupReport> {
  const source = ContentStore.open(folder);
  const copy = await ContentStore.create(work);
  let before: string[] = [];
  for (let round = 1; ; round += 1) {
    const { records, close } = await snapshot(database, join(work, DATABASE_NAME));
    try {
      const referred = records.referred();
      const lost = await copyFiles(referred, source, copy);
      // What is missing from two snapshots was not just being deleted: it is lost.
      if (lost.every((sha) => before.includes(sha)) || round === MOST_SNAPSHOTS) return await reportOf({ records, referred, lost, copy });
      before = lost;
    } finally {
      close();
    }
  }
}

async function snapshot(from: string, to: string): Promise<{ records: AvatarRecords; close: () => void }> {
  await rm(to, { force: true });
  const source = new DatabaseSync(from, { readOnly: true, timeout: 5000 });
  try {
    source.prepare('VACUUM INTO ?').run(to);
  } finally {
    source.close();
  }
  const database = new DatabaseSync(to);
  return { records: AvatarRecords.create(database), close: () => database.close() };
}

async function copyFiles(referred: readonly string[], source: ContentStore, copy: ContentStore): Promise<string[]> {
  const lost: string[] = [];
  for (const sha of referred) {
    if ((await copy.size(sha)) !== null) continue;
    try {
      const bytes = await source.read(sha);
      const path = await copy.place(sha);
      // A second name for the same file where that is possible: stored files are never changed.
      await link(source.path(sha), path).catch(() => writeFile(path, bytes, { mode: 0o600, flush: true }));
    } catch (error) {
      if (!(error instanceof ContentLost)) throw error;
      lost.push(sha);
    }
  }
  return lost;
}

async function reportOf({
  records,
  referred,
  lost,
  copy,
}: {
  records: AvatarRecords;
  referred: string[];
  lost: string[];
  copy: ContentStore;
}): Promise<BackupReport> {
  // Of earlier snapshots.
  const wanted = new Set(referred);
  let bytes = 0;
  for await (const { sha } of copy.list()) {
    if (wanted.has(sha)) bytes += (await copy.size(sha)) ?? 0;
    else await copy.remove(sha);
  }
  return { avatars: records.count(), files: referred.length - lost.length, bytes, lost };
}

async function pack(work: string, target: string): Promise<void> {
  const file = join(work, DATABASE_NAME);
  const content = ContentStore.open(work);
  const database = new DatabaseSync(file);
  try {
    database.exec('BEGIN; CREATE TABLE backup_files (sha TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID');
    const insert = database.prepare('INSERT INTO backup_files VALUES (?, ?)');
    for await (const { sha } of content.list()) insert.run(sha, await content.read(sha));
    database.exec('COMMIT');
  } finally {
    database.close();
  }
  await rename(file, target);
}
