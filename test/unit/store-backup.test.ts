import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backUp } from '../../server/store/backup.ts';
import { checkStore } from '../../server/store/check.ts';
import { ContentStore } from '../../server/store/ContentStore.ts';
import { restore } from '../../server/store/restore.ts';
import { Store } from '../../server/store/Store.ts';
import { wordAvatar } from '../support/store-avatars.ts';
import { sha256 } from '../support/sha256.ts';

let root: string;
let dataDir: string;
let store: Store;
const target = (name: string): string => join(root, name);
const fileOf = (text: string): string => ContentStore.open(join(dataDir, 'store')).path(sha256(Buffer.from(text)));

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gioconda-backup-'));
  dataDir = join(root, 'data');
  store = await Store.create({ dataDir });
});
afterEach(async () => {
  await store.close();
  await rm(root, { recursive: true, force: true });
});

async function restored(from: string): Promise<void> {
  await store.close();
  await restore({ dataDir, source: from });
  store = await Store.create({ dataDir });
}

describe.each(['backup.sqlite', 'backup-folder'])('store backup, restore: %s', (name) => {
  it('is made while the store is open, and brings everything back', async () => {
    for (const id of ['a', 'b']) await store.add(wordAvatar(id));
    expect(await backUp({ dataDir, target: target(name) })).toMatchObject({ avatars: 2, files: 6, lost: [] });
    await store.close();
    await rm(dataDir, { recursive: true });
    store = await Store.create({ dataDir });
    await restored(target(name));
    expect(String(await store.preview(store.avatar('b')!))).toBe('preview of b');
    expect(await store.portraits('a')).toHaveLength(1);
    expect(store.consent('a')).toMatchObject({ subject: 'Lisa', revokedMs: null });
    expect(await checkStore(dataDir)).toMatchObject({ sound: true, avatars: 2, lost: [] });
  });

  it('replaces a newer store, and what is replaced waits in quarantine', async () => {
    await store.add(wordAvatar('a'));
    await backUp({ dataDir, target: target(name) });
    await store.add(wordAvatar('b'));
    await restored(target(name));
    expect([store.avatar('a')?.id, store.avatar('b')]).toEqual(['a', null]);
    const waiting = await readdir(join(dataDir, 'store', 'quarantine'));
    expect(waiting).toEqual(expect.arrayContaining([sha256(Buffer.from('preview of b')), expect.stringMatching(/^before-restore\./)]));
  });

  it('does not bring back what was deleted since', async () => {
    for (const id of ['a', 'b']) await store.add(wordAvatar(id));
    await backUp({ dataDir, target: target(name) });
    await store.delete('a');
    await store.close();
    expect(await restore({ dataDir, source: target(name) })).toMatchObject({ avatars: 1, staysDeleted: 1 });
    store = await Store.create({ dataDir });
    expect([store.avatar('a'), store.avatar('b')?.id]).toEqual([null, 'b']);
  });

  it('does not bring back access that was taken back since', async () => {
    const revocation = { id: 'rev-1', subject: 'ann', room: null, lasting: false, createdMs: 1, untilMs: 2, untilOperatedMs: 9e9 };
    store.putRevocation(revocation);
    await backUp({ dataDir, target: target(name) });
    store.putRevocation({ ...revocation, id: 'rev-2' });
    store.putRevocation({ ...revocation, id: 'rev-3', subject: null, room: 'studio', lasting: true });
    store.noteExpiry(5e12);
    await restored(target(name));
    expect(store.revocations().map(({ id, subject, room, lasting }) => [id, subject, room, lasting])).toEqual([
      ['rev-2', 'ann', null, false],
      ['rev-3', null, 'studio', true],
    ]);
    expect(store.latestExpiryMs()).toBe(5e12);
  });

  it('brings a store back whose database is damaged', async () => {
    await store.add(wordAvatar('a'));
    await backUp({ dataDir, target: target(name) });
    await store.close();
    await writeFile(join(dataDir, 'store', 'gioconda.sqlite'), 'damaged '.repeat(1000));
    await expect(Store.create({ dataDir })).rejects.toMatchObject({ code: 'store-damaged' });
    await restored(target(name));
    expect(await store.portraits('a')).toHaveLength(1);
    expect((await readdir(join(dataDir, 'store', 'quarantine'))).some((file) => file.startsWith('damaged-before-restore.'))).toBe(true);
  });

  it('is refused while the store is open, when it is damaged, and when its name is taken', async () => {
    await store.add(wordAvatar('a'));
    await backUp({ dataDir, target: target(name) });
    await expect(restore({ dataDir, source: target(name) })).rejects.toMatchObject({ code: 'store-in-use' });
    await expect(backUp({ dataDir, target: target(name) })).rejects.toMatchObject({ code: 'backup-exists' });
    const database = name.endsWith('.sqlite') ? target(name) : join(target(name), 'gioconda.sqlite');
    await truncate(database, 5000);
    await store.close();
    await expect(restore({ dataDir, source: target(name) })).rejects.toMatchObject({ code: 'backup-damaged' });
    store = await Store.create({ dataDir });
    expect(await store.portraits('a')).toHaveLength(1);
  });

  it('holds one moment while avatars come and go', async () => {
    for (let n = 0; n < 5; n += 1) await store.add(wordAvatar(`old-${n}`));
    let busy = true;
    const working = (async () => {
      for (let n = 0; busy; n += 1) {
        await store.add(wordAvatar(`new-${n}`));
        await store.delete(n < 5 ? `old-${n}` : `new-${n - 3}`);
      }
    })();
    const report = await backUp({ dataDir, target: target(name) });
    busy = false;
    await working;
    expect(report.lost).toEqual([]);
    const other = join(root, 'other');
    expect(await restore({ dataDir: other, source: target(name) })).toMatchObject({ lost: [], avatars: report.avatars });
    expect(await checkStore(other)).toMatchObject({ sound: true, withoutRecord: 0 });
  });
});

describe('store check', () => {
  it('names what is missing or damaged and whose it is, while the store is open, and changes nothing', async () => {
    for (const id of ['a', 'b', 'c']) await store.add(wordAvatar(id));
    expect(await checkStore(dataDir)).toMatchObject({
      sound: true,
      avatars: 3,
      files: 9,
      lost: [],
      withoutRecord: 0,
      quarantined: 0,
      schema: { isCurrent: true },
    });
    await rm(fileOf('preview of a'));
    await writeFile(fileOf('weights of b'), 'weights of x');
    const found = await checkStore(dataDir);
    expect(found.sound).toBe(false);
    expect(found.lost).toEqual(
      expect.arrayContaining([
        { sha: sha256(Buffer.from('preview of a')), avatars: ['a'], kind: 'portraits' },
        { sha: sha256(Buffer.from('weights of b')), avatars: ['b'], kind: 'weights' },
      ]),
    );
    await expect(store.preview(store.avatar('a')!)).rejects.toMatchObject({ code: 'storage-failed' });
  });

  it('says where there is no store, and where it is damaged', async () => {
    await expect(checkStore(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'store-missing' });
    await store.close();
    await writeFile(join(dataDir, 'store', 'gioconda.sqlite'), 'damaged '.repeat(1000));
    await expect(checkStore(dataDir)).rejects.toMatchObject({ code: 'store-damaged' });
  });
});
