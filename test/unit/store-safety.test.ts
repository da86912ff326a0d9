/** Nothing is lost: what an empty, older, damaged or foreign database, a crash and a clock must not do. */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { migrations } from '../../server/store/migrations.ts';
import { OperatingClock } from '../../server/store/OperatingClock.ts';
import { Quarantine } from '../../server/store/Quarantine.ts';
import { portraitsKeyOf } from '../../server/store/records.ts';
import { Store } from '../../server/store/Store.ts';
import { wordAvatar } from '../support/store-avatars.ts';

let dataDir: string;
let monotonicMs = 0;
const below = (...parts: string[]): string => join(dataDir, 'store', ...parts);
const open = (quarantineDays?: number): Promise<Store> =>
  Store.create({ dataDir, monotonicMs: () => monotonicMs, ...(quarantineDays !== undefined && { quarantineDays }) });
const inStore = async <T>(work: (store: Store) => Promise<T> | T): Promise<T> => {
  const store = await open();
  try {
    return await work(store);
  } finally {
    await store.close();
  }
};
const quarantined = async (): Promise<string[]> => (await readdir(below('quarantine'))).filter((name) => /^[0-9a-f]{64}$/.test(name));
const contentCount = async (): Promise<number> =>
  (await readdir(below('content'), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'gioconda-safety-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

describe('a database that is not the one the files belong to', () => {
  it('empty: deletes nothing, and everything returns with the right one', async () => {
    await inStore((store) => store.add(wordAvatar('a')));
    await rename(below('gioconda.sqlite'), join(dataDir, 'kept.sqlite'));
    expect(await inStore((store) => store.count())).toBe(0);
    expect([await contentCount(), (await quarantined()).length]).toEqual([0, 3]);
    await copyFile(join(dataDir, 'kept.sqlite'), below('gioconda.sqlite'));
    await inStore(async (store) => {
      expect(String(await store.preview(store.avatar('a')!))).toBe('preview of a');
      expect(await store.portraits('a')).toHaveLength(1);
    });
    expect([await contentCount(), await quarantined()]).toEqual([3, []]);
  });

  it('older: what only the newer one knew is there again with the newer one', async () => {
    await inStore((store) => store.add(wordAvatar('a')));
    await copyFile(below('gioconda.sqlite'), join(dataDir, 'older.sqlite'));
    await inStore((store) => store.add(wordAvatar('b')));
    await copyFile(below('gioconda.sqlite'), join(dataDir, 'newer.sqlite'));
    await copyFile(join(dataDir, 'older.sqlite'), below('gioconda.sqlite'));
    expect(await inStore(async (store) => [store.count(), (await store.portraits('a')).length])).toEqual([1, 1]);
    await copyFile(join(dataDir, 'newer.sqlite'), below('gioconda.sqlite'));
    expect(await inStore(async (store) => [store.count(), (await store.portraits('b')).length])).toEqual([2, 1]);
  });

  it('leaves files alone that are not ours', async () => {
    await inStore((store) => store.add(wordAvatar('a')));
    await writeFile(below('content', 'notes.txt'), 'of the operator');
    await inStore(() => undefined);
    expect(await readFile(below('content', 'notes.txt'), 'utf8')).toBe('of the operator');
  });
});

describe('quarantine', () => {
  const MINUTE_MS = 60_000;
  const pass = async (quarantine: Quarantine, days: number): Promise<void> => quarantine.advance(days * 24 * 60 * MINUTE_MS);

  it("deletes after days of operation, counted on through restarts, whatever the database's own time says", async () => {
    const folder = below('quarantine');
    await mkdir(below(), { recursive: true });
    await writeFile(below('orphan'), 'bytes');
    let quarantine = await Quarantine.create(folder);
    await quarantine.take(below('orphan'), 'no-record');
    await quarantine.save();
    await pass(quarantine, 9);
    await quarantine.save();
    quarantine = await Quarantine.create(folder);
    expect([await quarantine.expire(14 * 24 * 60 * MINUTE_MS), quarantine.names]).toEqual([0, ['orphan']]);
    await pass(quarantine, 6);
    expect([await quarantine.expire(14 * 24 * 60 * MINUTE_MS), quarantine.names]).toEqual([1, []]);
    expect(await readdir(folder)).toEqual(['manifest.json']);
  });

  it.each([
    '',
    '{"format":1,"operatedMs":9e15',
    '{"format":2}',
    '{"format":1,"operatedMs":5,"files":{"orphan":{"reason":"no-record","at":"","sinceMs":-9e15,"bytes":1}}}',
  ])('begins to count again where the manifest is damaged: %s', async (manifest) => {
    const folder = below('quarantine');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'orphan'), 'bytes');
    await writeFile(join(folder, 'manifest.json'), manifest);
    const quarantine = await Quarantine.create(folder);
    expect([await quarantine.expire(14 * 24 * 60 * MINUTE_MS), await readFile(join(folder, 'orphan'), 'utf8')]).toEqual([0, 'bytes']);
  });

  it("is emptied by the store's own ticks only after so many days", async () => {
    const store = await open(1);
    await store.close();
    await mkdir(below('content', 'aa'), { recursive: true });
    await writeFile(below('content', 'aa', `aa${'0'.repeat(62)}`), 'an orphan');
    const again = await open(1);
    monotonicMs += 400 * 24 * 60 * MINUTE_MS; // a machine that slept for a year
    await again.tick();
    expect(await quarantined()).toHaveLength(1);
    await again.close();
  });
});

describe('OperatingClock', () => {
  it('counts what a monotonic clock shows in bounded steps, and never backwards', () => {
    const database = new DatabaseSync(':memory:');
    for (const migration of migrations)
      if (typeof migration === 'string') database.exec(migration);
      else migration(database);
    let nowMs = 5e9;
    const clock = OperatingClock.create(database, { monotonicMs: () => nowMs });
    nowMs += 60_000;
    expect([clock.advance(), clock.nowMs]).toEqual([60_000, 60_000]);
    nowMs += 3e9;
    expect([clock.advance(), clock.nowMs]).toEqual([120_000, 180_000]);
    nowMs = 0;
    expect([clock.advance(), clock.nowMs]).toEqual([0, 180_000]);
    expect(OperatingClock.create(database, { monotonicMs: () => 7 }).nowMs).toBe(180_000);
  });
});

describe("an earlier version's database", () => {
  const earlier = async (): Promise<void> => {
    await mkdir(below(), { recursive: true });
    const database = new DatabaseSync(below('gioconda.sqlite'));
    database.exec(`${String(migrations[0])}; ${String(migrations[1])}; PRAGMA user_version = 2;`);
    database.exec(`INSERT INTO avatars VALUES ('a', 'ann', 'Lisa', 'warp', 5, 'shared', '${'e'.repeat(64)}', '[]', 9), ('b', 'bob', 'Lisa', 'warp', 5, 'shared', '${'e'.repeat(64)}', '[]', 9);
      INSERT INTO portraits VALUES ('a', 0, 's0', '${'c'.repeat(64)}'), ('a', 1, 's1', '${'c'.repeat(64)}'), ('b', 0, 's0', '${'c'.repeat(64)}'), ('b', 1, 's1', '${'c'.repeat(64)}');
      INSERT INTO weights VALUES ('shared', 'warp', '1', '${'d'.repeat(64)}', 7)`);
    database.close();
    for (const letter of ['c', 'd', 'e']) {
      await mkdir(below('content', letter.repeat(2)), { recursive: true });
      await writeFile(below('content', letter.repeat(2), letter.repeat(64)), 'four');
    }
  };

  it('is copied before it is changed, keeps its avatars, and gives each owner a key of their own', async () => {
    await earlier();
    await inStore((store) => {
      expect(store.find('ann', portraitsKeyOf('ann', ['s0', 's1']), 'warp')).toMatchObject({ id: 'a', portraitCount: 2 });
      expect(store.find('bob', portraitsKeyOf('bob', ['s0', 's1']), 'warp')?.id).toBe('b');
      expect(store.bytesOf('ann')).toBe(12);
      expect(store.unusedFor(1, 'ann')).toEqual([]);
    });
    expect(await contentCount()).toBe(3);
    const [copy] = (await readdir(below('quarantine'))).filter((name) => name.startsWith('before-migration-from-2.'));
    const database = new DatabaseSync(below('quarantine', copy!), { readOnly: true });
    expect(database.prepare('SELECT count(*) AS n FROM avatars WHERE portraits_key = ?').get('shared')).toEqual({ n: 2 });
    database.close();
    await inStore(() => undefined);
    expect((await readdir(below('quarantine'))).filter((name) => name.startsWith('before-migration'))).toHaveLength(1);
  });
});

describe('a database that cannot be read', () => {
  const refusal = (): Promise<unknown> =>
    open().then(
      (store) => store.close(),
      (error: unknown) => error,
    );
  const damage = async (change: (bytes: Buffer) => Buffer): Promise<void> => {
    await inStore(async (store) => {
      for (let n = 0; n < 8; n += 1) await store.add(wordAvatar(`a${n}`));
    });
    await writeFile(below('gioconda.sqlite'), change(await readFile(below('gioconda.sqlite'))));
  };
  const told = { code: 'store-damaged', exitCode: 65, message: expect.stringMatching(/gioconda store check.*store restore/) as string };

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['no database at all', () => Buffer.from('this is no database '.repeat(500))],
    ['overwritten pages', (bytes) => Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(bytes.length - 4096, 0x5a)])],
    ['cut off', (bytes) => bytes.subarray(0, bytes.length >> 1)],
  ])('%s: says what to do, and touches nothing', async (_name, change) => {
    await damage(change);
    const before = await readFile(below('gioconda.sqlite'));
    expect(await refusal()).toMatchObject(told);
    expect((await readFile(below('gioconda.sqlite'))).equals(before)).toBe(true);
    expect([await contentCount(), await quarantined()]).toEqual([24, []]);
  });

  it('lacks a table', async () => {
    await inStore((store) => store.add(wordAvatar('a')));
    const database = new DatabaseSync(below('gioconda.sqlite'));
    database.exec('DROP TABLE weights');
    database.close();
    expect(await refusal()).toMatchObject(told);
    expect([await contentCount(), await quarantined()]).toEqual([3, []]);
  });

  it("is another program's", async () => {
    await mkdir(below(), { recursive: true });
    const database = new DatabaseSync(below('gioconda.sqlite'));
    database.exec('CREATE TABLE avatars (something TEXT)');
    database.close();
    expect(await refusal()).toMatchObject(told);
  });
});
