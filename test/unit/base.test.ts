/** What every room may use: queue and files. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SerialQueue } from '../../server/base/SerialQueue.ts';
import { writeAtomically } from '../../server/base/write-atomically.ts';

describe('SerialQueue', () => {
  it('lets nothing overlap and keeps the order', async () => {
    const queue = new SerialQueue();
    const seen: string[] = [];
    const work = (name: string) => async (): Promise<string> => {
      seen.push(`${name} starts`);
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(`${name} ends`);
      return name;
    };
    expect(await Promise.all(['a', 'b', 'c'].map((name) => queue.run(work(name))))).toEqual(['a', 'b', 'c']);
    expect(seen).toEqual(['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
  });

  it('a failure reaches its caller only, thrown or rejected', async () => {
    const queue = new SerialQueue();
    const failed = queue.run(() => Promise.reject(new Error('rejected')));
    const thrown = queue.run(() => {
      throw new Error('thrown');
    });
    const after = queue.run(() => 'done');
    await expect(failed).rejects.toThrow('rejected');
    await expect(thrown).rejects.toThrow('thrown');
    await expect(after).resolves.toBe('done');
    await queue.idle();
  });
});

describe('writeAtomically', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gioconda-base-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('replaces a file, with the mode asked for', async () => {
    const path = join(folder, 'key');
    await writeAtomically(path, 'old', { mode: 0o600 });
    await writeAtomically(path, new TextEncoder().encode('new'), { mode: 0o600 });
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('keeps the old content and leaves nothing behind when the writer fails half way', async () => {
    const path = join(folder, 'kept');
    await writeAtomically(path, 'old');
    await expect(
      writeAtomically(path, async (temporary) => {
        await writeFile(temporary, 'half');
        throw new Error('the disk is full');
      }),
    ).rejects.toThrow('the disk is full');
    expect(await readFile(path, 'utf8')).toBe('old');
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
