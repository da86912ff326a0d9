/** A damaged database says what to do: no damage comes out as an error of SQLite's, of the file system's or of JavaScript's. */
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../../client/src/protocol/errors.ts';
import { backUp } from '../../server/store/backup.ts';
import { checkStore } from '../../server/store/check.ts';
import { restore } from '../../server/store/restore.ts';
import { Store } from '../../server/store/Store.ts';
import { StoreError } from '../../server/store/StoreError.ts';
import { wordAvatar } from '../support/store-avatars.ts';

let root: string;
let sound: string;
const database = (dataDir: string): string => join(dataDir, 'store', 'gioconda.sqlite');

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'gioconda-damage-'));
  sound = join(root, 'sound');
  const store = await Store.create({ dataDir: sound });
  for (let n = 0; n < 12; n += 1) await store.add(wordAvatar(`av-${n}`, { owner: `owner-${n % 3}` }));
  store.putRevocation({ id: 'rev-1', subject: 'ann', room: null, lasting: false, createdMs: 1, untilMs: 2, untilOperatedMs: 3 });
  await store.close();
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function damaged(name: string, damage: (dataDir: string) => unknown): Promise<string> {
  const dataDir = join(root, name);
  await rm(dataDir, { recursive: true, force: true });
  await cp(sound, dataDir, { recursive: true });
  await damage(dataDir);
  return dataDir;
}

/** Everything that a server and the commands do with a store, as far as it goes; the error that stopped it. */
async function use(dataDir: string): Promise<unknown> {
  try {
    const store = await Store.create({ dataDir });
    try {
      for (let n = 0; n < 3; n += 1)
        for (const { id } of store.avatarsOf(`owner-${n}`)) {
          await store.portraits(id);
          store.consent(id);
        }
      store.revocations();
      store.unusedFor(1, 'owner');
      store.bytesOf('owner-1');
      store.touch('av-1');
      await store.add(wordAvatar('new'));
      await store.delete('av-2');
      store.noteExpiry(5);
      await store.tick();
    } finally {
      await store.close();
    }
    return null;
  } catch (error) {
    return error;
  }
}

/** Whoever sees it is told in words: at the start and in commands a StoreError, in requests an AppError of the store. */
function expectExplained(error: unknown, how: string): void {
  const isExplained = error === null || error instanceof StoreError || (error instanceof AppError && error.code.startsWith('storage-'));
  expect(isExplained, `${how}: ${error instanceof Error ? error.stack : String(error)}`).toBe(true);
}

const outcome = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  );

/** The same numbers each time (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('a damaged database', () => {
  it.each(['bytes', 'a page', 'the schema page', 'a cut'])(
    'explains itself, whatever is hit: %s',
    async (kind) => {
      const random = numbers(kind.length);
      const original = await readFile(database(sound));
      for (let round = 0; round < 25; round += 1) {
        const bytes = Buffer.from(original);
        const at = Math.floor(random() * bytes.length);
        if (kind === 'bytes') for (let n = 0; n < 20; n += 1) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
        if (kind === 'a page') for (let n = 0; n < 4096; n += 1) bytes[(at - (at % 4096) + n) % bytes.length] = Math.floor(random() * 256);
        if (kind === 'the schema page')
          for (let n = 0; n < 200; n += 1) bytes[100 + Math.floor(random() * 3996)] = Math.floor(random() * 256);
        const written = kind === 'a cut' ? bytes.subarray(0, at) : bytes;
        const dataDir = await damaged('hit', (folder) => writeFile(database(folder), written));
        expectExplained(await outcome(checkStore(dataDir)), `${kind} ${round}: check`);
        expectExplained(
          await outcome(backUp({ dataDir, target: join(root, `b-${kind.length}-${round}.sqlite`) })),
          `${kind} ${round}: backup`,
        );
        expectExplained(await use(dataDir), `${kind} ${round}: use`);
      }
    },
    120_000,
  );

  const inDatabase = (sql: string) => (dataDir: string) => {
    const opened = new DatabaseSync(database(dataDir));
    opened.exec(sql);
    opened.close();
  };
  it.each([
    ['another program’s tables', inDatabase('DROP TABLE weights; CREATE TABLE weights (a); PRAGMA user_version = 4;')],
    ['a column less', inDatabase('ALTER TABLE avatars DROP COLUMN used_operated_ms')],
    ['a table less', inDatabase('DROP TABLE revocations')],
    ['a version that is too low', inDatabase('PRAGMA user_version = 1')],
    ['a version that is none', inDatabase('PRAGMA user_version = -3')],
    ['an empty table of operation', inDatabase('DELETE FROM operation')],
    ['an empty table of access', inDatabase('DELETE FROM access')],
    ['warnings that are no JSON', inDatabase("UPDATE avatars SET warnings = '{'")],
    ['a view in the place of a table', inDatabase('DROP TABLE files; CREATE VIEW files AS SELECT 1 AS sha, 2 AS bytes')],
    ['a trigger that refuses', inDatabase("CREATE TRIGGER t BEFORE INSERT ON avatars BEGIN SELECT RAISE(ABORT, 'no'); END")],
    ['a log that is garbage', (dataDir: string) => writeFile(`${database(dataDir)}-wal`, 'garbage '.repeat(1000))],
    ['a folder in its place', async (dataDir: string) => (await rm(database(dataDir)), mkdir(database(dataDir)))],
    ['a folder in the place of its log', (dataDir: string) => mkdir(`${database(dataDir)}-wal`)],
    [
      'a file in the place of the content',
      async (dataDir: string) => {
        await rm(join(dataDir, 'store', 'content'), { recursive: true });
        await writeFile(join(dataDir, 'store', 'content'), 'x');
      },
    ],
  ])('explains itself: %s', async (_name, damage) => {
    const dataDir = await damaged('shape', damage);
    expectExplained(await outcome(checkStore(dataDir)), 'check');
    expectExplained(await use(dataDir), 'use');
  });

  it.each(['file', 'folder'])(
    'as a backup explains itself too: a %s',
    async (kind) => {
      const target = join(root, kind === 'file' ? 'whole.sqlite' : 'whole');
      await backUp({ dataDir: sound, target });
      const part = kind === 'file' ? target : join(target, 'gioconda.sqlite');
      const original = await readFile(part);
      const random = numbers(7);
      for (let round = 0; round < 15; round += 1) {
        const bytes = Buffer.from(original);
        for (let n = 0; n < 40; n += 1) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
        await writeFile(part, round % 3 === 0 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes);
        const dataDir = await damaged('target', () => undefined);
        expectExplained(await outcome(restore({ dataDir, source: target })), `round ${round}`);
        expectExplained(await use(dataDir), `round ${round}: use`);
      }
      for (const [name, content] of [
        ['nothing', ''],
        ['text', 'no database at all '.repeat(300)],
      ] as const) {
        await copyFile(database(sound), part);
        await writeFile(part, content);
        expectExplained(await outcome(restore({ dataDir: await damaged('target', () => undefined), source: target })), name);
      }
    },
    120_000,
  );
});
