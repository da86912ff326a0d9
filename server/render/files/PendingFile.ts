/** A file in the making, beside its target: moved there when complete, gone without a trace otherwise. */
import { randomBytes } from 'node:crypto';
import { existsSync, unlinkSync } from 'node:fs';
import { open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { FileError } from './FileError.ts';

export class PendingFile {
  readonly target: string;
  /** To be written by the owner. */
  readonly path: string;
  #ended = false;

  /** @throws FileError `not-writable`, `disk-full` */
  static async create(path: string): Promise<PendingFile> {
    const target = await realTarget(path);
    // A short name of its own: the target's with something added may be longer than the file system allows.
    const pending = new PendingFile(target, join(dirname(target), `.gioconda-${process.pid}-${randomBytes(6).toString('hex')}.part`));
    try {
      await (await open(pending.path, 'w')).close();
    } catch (error) {
      process.off('exit', pending.#removeAtExit);
      throw unwritable(target, error);
    }
    return pending;
  }

  private constructor(target: string, path: string) {
    this.target = target;
    this.path = path;
    // Also where nobody gets to call `discard`: an exception somewhere else, process.exit.
    process.once('exit', this.#removeAtExit);
  }

  readonly #removeAtExit = (): void => {
    try {
      unlinkSync(this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        console.error(`${this.path} could not be removed: ${(error as Error).message}`);
    }
  };

  /** What was written becomes the target. @throws FileError; `discard` is still to be called then */
  async commit(): Promise<void> {
    try {
      const file = await open(this.path, 'r+');
      try {
        await file.sync(); // some file systems tell only now that they were full
      } finally {
        await file.close();
      }
      await rename(this.path, this.target);
    } catch (error) {
      throw unwritable(this.target, error);
    }
    this.#end();
  }

  /** Idempotent; nothing after `commit`. */
  async discard(): Promise<void> {
    if (this.#ended) return;
    this.#end();
    await unlink(this.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }

  #end(): void {
    this.#ended = true;
    process.off('exit', this.#removeAtExit);
  }
}

/** The file that will be replaced, links followed. Devices and folders are refused: a rename would put a file in their place. */
async function realTarget(path: string): Promise<string> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw unwritable(path, error);
  });
  if (!found) return resolve(path);
  if (!found.isFile())
    throw new FileError('not-writable', `${path} is ${found.isDirectory() ? 'a folder' : 'not a file'}.`, {
      fix: 'Name a file to be written.',
    });
  return realpath(path);
}

const advice: Readonly<Record<string, (path: string) => [problem: 'disk-full' | 'not-writable', message: string, fix: string]>> = {
  full: (path) => ['disk-full', `The disk is full: ${path} was not written.`, 'Make room, or name a file on another disk.'],
  folder: (path) => {
    const folder = dirname(resolve(path));
    // The system's own folders (/proc, /sys) say the same of every new file.
    return existsSync(folder)
      ? ['not-writable', `No file can be made in ${folder}.`, 'Name another folder.']
      : ['not-writable', `There is no folder ${folder}.`, 'Make it, or name another file.'];
  },
  long: (path) => ['not-writable', `The name of ${path} is too long.`, 'Name a file with a shorter name.'],
  denied: (path) => ['not-writable', `${path} may not be written.`, 'Name a file in a folder of yours.'],
};
const causes: Readonly<Record<string, keyof typeof advice>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  ENOENT: 'folder',
  ENOTDIR: 'folder',
  ENAMETOOLONG: 'long',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
};

/** @param cause an error of Node's, or anything with the system's code */
export function unwritable(path: string, cause: unknown): FileError {
  const { code, message } = cause as { code?: string; message?: string };
  const known = advice[causes[code ?? ''] ?? ''];
  const [problem, what, fix] = known?.(path) ?? [
    'not-writable' as const,
    `${path} could not be written: ${message ?? String(cause)}.`,
    'Name a file on another disk.',
  ];
  return new FileError(problem, what, { fix, cause });
}
