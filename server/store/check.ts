/** Looks through a store without changing it, also while a server runs on it. */
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { AvatarRecords } from './AvatarRecords.ts';
import { ContentStore } from './ContentStore.ts';
import { problemsOf, versionOf } from './database.ts';
import { migrations } from './migrations.ts';
import { Quarantine } from './Quarantine.ts';
import { explained, StoreError } from './StoreError.ts';
import { storePaths } from './store-paths.ts';

export interface StoreCheck {
  /** Nothing that anybody stored is missing or damaged. */
  sound: boolean;
  avatars: number;
  files: number;
  bytes: number;
  /** Files that are missing or are not what their name says, with what needs them. `weights` are generated again by themselves. */
  lost: { sha: string; avatars: string[]; kind: 'portraits' | 'weights' }[];
  /** Files without a record: the next start moves them aside. */
  withoutRecord: number;
  /** Files that were moved aside and wait to be deleted. */
  quarantined: number;
  /** The database's schema, and whether the next start brings it to a newer one. */
  schema: { version: number; isCurrent: boolean };
}

/** @throws StoreError `store-missing`, `store-damaged`, `store-later-version`, `store-not-writable` */
export async function checkStore(dataDir: string): Promise<StoreCheck> {
  const { folder, database: path, quarantine } = storePaths(dataDir);
  if (!existsSync(path)) throw new StoreError('store-missing', `There is no store in ${dataDir}.`);
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: 5000 });
    const version = requireSound(database);
    const waiting = existsSync(quarantine) ? (await Quarantine.create(quarantine)).size : 0;
    return {
      ...(await compare(AvatarRecords.create(database), ContentStore.open(folder))),
      quarantined: waiting,
      schema: { version, isCurrent: version === migrations.length },
    };
  } catch (error) {
    throw explained(error);
  } finally {
    database?.close();
  }
}

function requireSound(database: DatabaseSync): number {
  const version = versionOf(database);
  if (version > migrations.length)
    throw new StoreError(
      'store-later-version',
      `The database was written by a later version of Gioconda (${version}, this one knows ${migrations.length}).`,
    );
  const problems = problemsOf(database, { thorough: true });
  if (problems.length > 0) throw new StoreError('store-damaged', `The database is damaged: ${problems.slice(0, 5).join('; ')}.`);
  return version;
}

async function compare(records: AvatarRecords, content: ContentStore): Promise<Omit<StoreCheck, 'quarantined' | 'schema'>> {
  const lost: StoreCheck['lost'] = [];
  const referred = records.referred();
  let bytes = 0;
  for (const sha of referred) {
    const found = await content.read(sha).catch(() => null);
    bytes += found?.byteLength ?? 0;
    // Asked again: a running server may have deleted the avatar meanwhile.
    if (!found && records.isReferred(sha)) lost.push({ sha, ...records.needs(sha) });
  }
  const known = new Set(referred);
  let withoutRecord = 0;
  for await (const { sha } of content.list()) {
    if (!known.has(sha) && !records.isReferred(sha)) withoutRecord += 1;
  }
  return {
    sound: lost.every(({ kind }) => kind === 'weights'),
    avatars: records.count(),
    files: referred.length,
    bytes,
    lost,
    withoutRecord,
  };
}
