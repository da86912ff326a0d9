/** `gioconda store`: looks through the data folder, backs it up, brings a backup back. */
import { resolve } from 'node:path';
import { loadConfig } from '../config/index.ts';
import { backUp } from '../store/backup.ts';
import { checkStore, type StoreCheck } from '../store/check.ts';
import { restore } from '../store/restore.ts';
import type { StoreOptions } from './options.ts';

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const dataDirOf = ({ config, data }: StoreOptions): string => loadConfig({ file: config, overrides: { dataDir: data } }).config.dataDir;

function show(options: StoreOptions, result: object, lines: readonly string[]): void {
  console.log(options.json ? JSON.stringify(result, null, 2) : lines.join('\n'));
}

export async function check(options: StoreOptions): Promise<number> {
  const found = await checkStore(dataDirOf(options));
  show(options, found, describeCheck(found));
  return found.sound ? 0 : 1;
}

export async function backup(target: string, options: StoreOptions): Promise<number> {
  const report = await backUp({ dataDir: dataDirOf(options), target: resolve(target) });
  show(options, report, [
    `Backed up ${report.avatars} avatars, ${report.files} files, ${megabytes(report.bytes)}: ${target}`,
    '  The keys are not in it (keys/ in the data folder): without token-secret, tokens that were given out are not accepted.',
    ...report.lost.map((sha) => `  Lost in the store itself: ${sha}`),
  ]);
  return report.lost.length === 0 ? 0 : 1;
}

export async function bringBack(source: string, options: StoreOptions): Promise<number> {
  const report = await restore({ dataDir: dataDirOf(options), source: resolve(source) });
  show(options, report, [
    `Restored ${report.avatars} avatars, ${report.files} files. The database that was there is in store/quarantine.`,
    ...(report.staysDeleted > 0 ? [`  ${report.staysDeleted} avatars of the backup were deleted since, and stay deleted.`] : []),
    ...report.lost.map((sha) => `  Neither in the backup nor in the store: ${sha}`),
  ]);
  return report.lost.length === 0 ? 0 : 1;
}

function describeCheck({ sound, avatars, files, bytes, lost, withoutRecord, quarantined, schema }: StoreCheck): string[] {
  return [
    `${sound ? 'Sound' : 'Not sound'}: ${avatars} avatars, ${files} files, ${megabytes(bytes)}; schema ${schema.version}${schema.isCurrent ? '' : ', brought to the present one by the next start'}`,
    ...lost.map(
      ({ sha, kind, avatars: ids }) =>
        `  Missing or damaged (${kind}${kind === 'weights' ? ', generated again when they are needed' : ''}): ${sha}, of ${ids.join(', ')}`,
    ),
    ...(withoutRecord > 0 ? [`  ${withoutRecord} files without a record: the next start moves them to store/quarantine`] : []),
    ...(quarantined > 0 ? [`  ${quarantined} files in store/quarantine, deleted after \`store.quarantineDays\` of operation`] : []),
    ...(sound ? [] : ['  Bring the avatars back from a backup (`gioconda store restore BACKUP`), or delete and enrol them again.']),
  ];
}
