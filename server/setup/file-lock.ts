/**
 * A lock between processes: a file that its holder touches every few seconds. A holder that was killed stops touching it,
 * so its lock goes stale by itself, also where process ids say nothing (containers that share a cache folder).
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface FileLockOptions {
  /** A lock not touched for this long is taken over. */
  staleMs?: number;
  pollMs?: number;
  /** Called once, when somebody else holds it. */
  onWait?: () => void;
}

const isCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code;

/** Waits for the lock, runs `work` and gives it back, whatever happens. */
export async function withFileLock<T>(path: string, work: () => Promise<T>, options: FileLockOptions = {}): Promise<T> {
  const { staleMs = 30_000, pollMs = 500, onWait } = options;
  const token = randomUUID();
  await mkdir(dirname(path), { recursive: true });
  let told = false;
  while (!(await tryTake(path, token))) {
    if (!told) onWait?.();
    told = true;
    if (!(await breakStale(path, staleMs))) await sleep(pollMs);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    // Taken over while this process was stopped: the work goes on, its result is put in place atomically anyway.
    void utimes(path, now, now).catch(() => clearInterval(heartbeat));
  }, staleMs / 6);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    if ((await ownerOf(path)) === token) await rm(path, { force: true });
  }
}

async function tryTake(path: string, token: string): Promise<boolean> {
  try {
    await writeFile(path, token, { flag: 'wx' });
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function ownerOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Moves a stale lock away; the rename lets only one of several waiters do it. */
async function breakStale(path: string, staleMs: number): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs < staleMs) return false;
    const aside = `${path}.${randomUUID()}.stale`;
    await rename(path, aside);
    await rm(aside, { force: true });
    return true;
  } catch (error) {
    // Somebody else was quicker, or the holder has just finished.
    if (isCode(error, 'ENOENT')) return true;
    throw error;
  }
}
