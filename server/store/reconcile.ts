/** At the start, before anything is put: records and files are compared. What has no record moves aside, what is missed returns. */
import type { AvatarRecords } from './AvatarRecords.ts';
import type { ContentStore } from './ContentStore.ts';
import type { Quarantine } from './Quarantine.ts';
import type { StoreLog } from './records.ts';

interface Parts {
  records: AvatarRecords;
  content: ContentStore;
  quarantine: Quarantine;
  log?: StoreLog | undefined;
}

export async function reconcile({ records, content, quarantine, log }: Parts): Promise<void> {
  await content.clearIncoming();
  const referred = new Set(records.referred());
  const returned = await bringBack(referred, { content, quarantine });
  const aside = await moveAside(referred, { content, quarantine, records });
  let missing = 0;
  for (const sha of referred) {
    if ((await content.size(sha)) === null) missing += 1;
  }
  if (returned > 0 || aside > 0) await quarantine.save();
  if (returned > 0) log?.info({ files: returned }, 'files that had been moved aside are in use again');
  if (aside > 0)
    log?.warn(
      { files: aside },
      'files that no record refers to were moved aside, to store/quarantine: if the database was replaced, stop, put the right one back, and they return',
    );
  if (missing > 0) log?.error({ files: missing }, 'stored files are missing: `gioconda store check` tells which avatars need them');
}

async function bringBack(referred: ReadonlySet<string>, { content, quarantine }: Pick<Parts, 'content' | 'quarantine'>): Promise<number> {
  let returned = 0;
  for (const name of quarantine.names) {
    if (!referred.has(name) || (await content.size(name)) !== null) continue;
    await quarantine.giveBack(name, await content.place(name));
    returned += 1;
  }
  return returned;
}

async function moveAside(referred: ReadonlySet<string>, { content, quarantine, records }: Omit<Parts, 'log'>): Promise<number> {
  let aside = 0;
  const sizes = new Map<string, number>();
  for await (const { sha, path } of content.list()) {
    if (referred.has(sha)) {
      sizes.set(sha, (await content.size(sha)) ?? 0);
    } else {
      await quarantine.take(path, 'no-record');
      records.forgetFile(sha);
      aside += 1;
    }
  }
  records.noteFiles(sizes);
  return aside;
}
