import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ContentLost, ContentStore } from '../../server/store/ContentStore.ts';
import { Store } from '../../server/store/Store.ts';
import { openDatabase } from '../../server/store/database.ts';
import { portraitsKeyOf, type NewAvatar } from '../../server/store/records.ts';
import { sha256 } from '../support/sha256.ts';

let dataDir: string;
let store: Store;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'gioconda-store-'));
  store = await Store.create({ dataDir });
});
afterEach(async () => {
  await store.close();
  await rm(dataDir, { recursive: true });
});

const bytes = (text: string): Buffer => Buffer.from(text);
const newAvatar = (
  id: string,
  { owner = 'ann', pictures = ['one', 'two'], ...rest }: Partial<NewAvatar> & { pictures?: string[] } = {},
): NewAvatar => ({
  id,
  owner,
  name: 'Lisa',
  model: 'warp',
  modelVersion: '1',
  createdMs: 1000,
  warnings: [{ portrait: 1, code: 'eyes-closed', message: 'The eyes are closed.' }],
  portraits: pictures.map((picture) => ({ sourceSha: sha256(bytes(picture)), normalised: bytes(`${picture} kept`) })),
  preview: bytes(`preview of ${pictures.join()}`),
  weights: bytes(`weights of ${pictures.join()}`),
  consent: { subject: 'Lisa', statement: 'I agree to it.', givenMs: 900 },
  ...rest,
});
const keyOf = (...pictures: string[]): string => keyFor('ann', ...pictures);
const keyFor = (owner: string, ...pictures: string[]): string =>
  portraitsKeyOf(
    owner,
    pictures.map((picture) => sha256(bytes(picture))),
  );

/** Every file below the content folder, by what is in it. */
async function contents(): Promise<string[]> {
  const folder = join(dataDir, 'store', 'content');
  const found = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  return (await Promise.all(found.map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')))).toSorted();
}

describe('Store', () => {
  it('gives back what it was given, also after a restart', async () => {
    const added = await store.add(newAvatar('a'));
    await store.close();
    store = await Store.create({ dataDir });
    expect(store.avatar('a')).toEqual(added);
    expect(added).toMatchObject({
      id: 'a',
      owner: 'ann',
      portraitCount: 2,
      portraitsKey: keyOf('one', 'two'),
      warnings: [{ portrait: 1, code: 'eyes-closed' }],
    });
    expect(store.avatarsOf('ann')).toEqual([added]);
    expect(store.avatarsOf('bob')).toEqual([]);
    expect((await store.portraits('a')).map(String)).toEqual(['one kept', 'two kept']);
    expect(String(await store.preview(added))).toBe('preview of one,two');
    const weights = await store.weights({ portraitsKey: added.portraitsKey, model: 'warp', modelVersion: '1' });
    expect(await readFile(weights!.path, 'utf8')).toBe('weights of one,two');
    expect(store.consent('a')).toEqual({
      avatarId: 'a',
      owner: 'ann',
      subject: 'Lisa',
      statement: 'I agree to it.',
      givenMs: 900,
      recordedMs: 1000,
      revokedMs: null,
    });
  });

  it('finds an avatar by owner, portraits in their order, and model', async () => {
    await store.add(newAvatar('a'));
    expect(store.find('ann', keyOf('one', 'two'), 'warp')?.id).toBe('a');
    expect(store.find('ann', keyOf('two', 'one'), 'warp')).toBeNull();
    expect(store.find('bob', keyFor('bob', 'one', 'two'), 'warp')).toBeNull();
    expect(store.find('ann', keyOf('one', 'two'), 'other')).toBeNull();
  });

  it('deletes portraits, preview and weights from the disk, and keeps the revoked consent', async () => {
    await store.add(newAvatar('a'));
    expect(await contents()).toEqual(['one kept', 'preview of one,two', 'two kept', 'weights of one,two']);
    expect(await store.delete('a')).toBe(true);
    expect(await contents()).toEqual([]);
    expect(store.avatar('a')).toBeNull();
    expect(store.consent('a')).toMatchObject({ subject: 'Lisa', revokedMs: expect.any(Number) as number });
    expect(await store.delete('a')).toBe(false);
  });

  it("leaves nothing of a deleted avatar in the database's files", async () => {
    await store.add(newAvatar('a', { name: 'a-name-to-look-for' }));
    await store.delete('a');
    const files = await Promise.all(
      ['gioconda.sqlite', 'gioconda.sqlite-wal'].map((name) => readFile(join(dataDir, 'store', name), 'latin1')),
    );
    expect(files.map((content) => content.includes('a-name-to-look-for') || content.includes(sha256(bytes('one'))))).toEqual([
      false,
      false,
    ]);
  });

  it('keeps files that another avatar needs, until that one goes too', async () => {
    await store.add(newAvatar('a'));
    await store.add(newAvatar('b', { owner: 'bob' }));
    await store.add(newAvatar('c', { owner: 'bob', pictures: ['two', 'three'] }));
    await store.delete('a');
    expect(await contents()).toEqual([
      'one kept',
      'preview of one,two',
      'preview of two,three',
      'three kept',
      'two kept',
      'weights of one,two',
      'weights of two,three',
    ]);
    expect(await store.weights({ portraitsKey: keyFor('bob', 'one', 'two'), model: 'warp', modelVersion: '1' })).not.toBeNull();
    expect(await store.weights({ portraitsKey: keyOf('one', 'two'), model: 'warp', modelVersion: '1' })).toBeNull();
    await store.delete('b');
    expect(await contents()).toEqual(['preview of two,three', 'three kept', 'two kept', 'weights of two,three']);
    await store.delete('c');
    expect(await contents()).toEqual([]);
  });

  it('survives adding and deleting the same pictures at the same time', async () => {
    for (let round = 0; round < 10; round += 1) {
      await store.add(newAvatar(`old-${round}`));
      await Promise.all([store.delete(`old-${round}`), store.add(newAvatar(`new-${round}`, { owner: 'bob' }))]);
      expect((await store.portraits(`new-${round}`)).map(String)).toEqual(['one kept', 'two kept']);
      await store.delete(`new-${round}`);
    }
    expect(await contents()).toEqual([]);
  });

  it('adds all or nothing', async () => {
    await store.add(newAvatar('a'));
    await expect(store.add(newAvatar('a', { pictures: ['five'] }))).rejects.toThrow(/UNIQUE/);
    expect(await contents()).toEqual(['one kept', 'preview of one,two', 'two kept', 'weights of one,two']);
    expect(store.count()).toBe(1);
  });

  it('replaces weights of an earlier model version, next to those of other models', async () => {
    await store.add(newAvatar('a'));
    const portraitsKey = keyOf('one', 'two');
    await store.putWeights('a', { model: 'warp', modelVersion: '2' }, bytes('newer'));
    await store.putWeights('a', { model: 'other', modelVersion: '1' }, bytes('of another model'));
    expect(await contents()).toEqual(['newer', 'of another model', 'one kept', 'preview of one,two', 'two kept']);
    expect(await store.weights({ portraitsKey, model: 'warp', modelVersion: '1' })).toBeNull();
    expect(await store.putWeights('gone', { model: 'warp', modelVersion: '2' }, bytes('for nobody'))).toBe(false);
    await store.delete('a');
    expect(await contents()).toEqual([]);
  });

  it('does not hand out damaged weights, and fixes them when they are put again', async () => {
    await store.add(newAvatar('a'));
    const key = { portraitsKey: keyOf('one', 'two'), model: 'warp', modelVersion: '1' };
    const { path } = (await store.weights(key))!;
    await writeFile(path, 'weights of one,tw0');
    expect(await store.weights(key)).toBeNull();
    await store.putWeights('a', key, bytes('weights of one,two'));
    expect(await readFile((await store.weights(key))!.path, 'utf8')).toBe('weights of one,two');
  });

  it('after a crash removes half-written files, and moves files that nothing refers to aside', async () => {
    await store.add(newAvatar('a'));
    const content = await ContentStore.create(join(dataDir, 'store'));
    const sha = await content.put(bytes('written, but never referred to'));
    await writeFile(join(dataDir, 'store', 'incoming', 'half'), 'ha');
    await store.close();
    store = await Store.create({ dataDir });
    await expect(stat(content.path(sha))).rejects.toThrow(/ENOENT/);
    expect(await readFile(join(dataDir, 'store', 'quarantine', sha), 'utf8')).toBe('written, but never referred to');
    expect(await readdir(join(dataDir, 'store', 'incoming'))).toEqual([]);
    expect(await contents()).toHaveLength(4);
  });

  it('is opened by one process at a time, and again once that one has ended', async () => {
    await expect(Store.create({ dataDir })).rejects.toMatchObject({ code: 'store-in-use', exitCode: 75 });
    await store.add(newAvatar('a'));
    await store.close();
    store = await Store.create({ dataDir });
    expect(store.avatar('a')).not.toBeNull();
  });

  it('keeps its folders and files from other users of the machine', async () => {
    await store.add(newAvatar('a'));
    const modes = await Promise.all(
      ['', 'content', 'incoming', 'gioconda.sqlite'].map(async (name) => (await stat(join(dataDir, 'store', name))).mode & 0o077),
    );
    expect(modes).toEqual([0, 0, 0, 0]);
  });

  it('tells when nothing can be written', async () => {
    await expect(store.probe()).resolves.toBeUndefined();
    await rm(join(dataDir, 'store', 'incoming'), { recursive: true });
    await expect(store.probe()).rejects.toThrow(/ENOENT/);
    await mkdir(join(dataDir, 'store', 'incoming'));
  });

  it('can be closed twice, and takes nothing afterwards', async () => {
    await Promise.all([store.close(), store.close()]);
    await expect(store.add(newAvatar('late'))).rejects.toThrow(/closed/);
  });
});

describe('ContentStore', () => {
  it('stores the same bytes once, and tells missing from damaged', async () => {
    const content = await ContentStore.create(dataDir);
    const sha = await content.put(bytes('abc'));
    expect(await content.put(bytes('abc'))).toBe(sha);
    expect(String(await content.read(sha))).toBe('abc');
    await writeFile(content.path(sha), 'abd');
    await expect(content.read(sha)).rejects.toThrow(/damaged/);
    await rm(dirname(content.path(sha)), { recursive: true });
    await expect(content.read(sha)).rejects.toBeInstanceOf(ContentLost);
  });

  it('takes nothing for a name but a hash', async () => {
    const content = await ContentStore.create(dataDir);
    expect(() => content.path('../../etc/passwd')).toThrow(ContentLost);
  });
});

describe('openDatabase', () => {
  it('does not touch a database of a later version', async () => {
    const file = join(dataDir, 'later.sqlite');
    const database = new DatabaseSync(file);
    database.exec('PRAGMA user_version = 99');
    database.close();
    expect(() => openDatabase(file)).toThrow(expect.objectContaining({ code: 'store-later-version' }));
  });
});
