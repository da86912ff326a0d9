import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withFileLock } from '../../server/setup/file-lock.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gioconda-lock-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));
const lock = (): string => join(folder, 'cache/build.lock');
const quick = { pollMs: 5 };

test('of many that want it at once, one at a time has it, and all get it', async () => {
  let inside = 0;
  let most = 0;
  let waited = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setTimeout(resolve, 5));
    inside--;
  };
  await Promise.all(Array.from({ length: 8 }, () => withFileLock(lock(), work, { ...quick, onWait: () => waited++ })));
  expect(most).toBe(1);
  expect(waited).toBe(7);
  expect(await readdir(join(folder, 'cache'))).toEqual([]);
});

test('is given back when the work fails, and the failure comes through', async () => {
  await expect(withFileLock(lock(), () => Promise.reject(new Error('no compiler')), quick)).rejects.toThrow('no compiler');
  expect(await withFileLock(lock(), () => Promise.resolve('next'), quick)).toBe('next');
});

test('the lock of a process that was killed is taken over', async () => {
  await withFileLock(lock(), () => Promise.resolve());
  await writeFile(lock(), 'somebody who is gone');
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(lock(), longAgo, longAgo);
  expect(await withFileLock(lock(), () => Promise.resolve('mine'), quick)).toBe('mine');
  expect(await readdir(join(folder, 'cache'))).toEqual([]);
});

test('a holder at work keeps it fresh', async () => {
  await withFileLock(
    lock(),
    async () => {
      const { mtimeMs } = await stat(lock());
      await new Promise((resolve) => setTimeout(resolve, 150));
      expect((await stat(lock())).mtimeMs).toBeGreaterThan(mtimeMs);
    },
    { staleMs: 300 },
  );
});

test("a holder that lost its lock does not remove the new owner's", async () => {
  await withFileLock(lock(), () => writeFile(lock(), 'another'), quick);
  expect(await readFile(lock(), 'utf8')).toBe('another');
});
