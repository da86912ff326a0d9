/** Folders that somebody else has named: they are made if need be, or it is said why they cannot be used. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Makes a folder and those above it. Node's own recursive `mkdir` runs for ever where the parent exists and nothing can be made in it
 * (`/proc`). @throws the file system's error, with the `path` that is in the way
 */
export async function makeFolder(path: string, { mode = 0o777 }: { mode?: number } = {}): Promise<void> {
  const missing: string[] = [];
  for (let folder = resolve(path); !(await isFolder(folder)); folder = dirname(folder)) missing.unshift(folder);
  for (const folder of missing) {
    try {
      await mkdir(folder, { mode });
    } catch (error) {
      // Another process was quicker.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await isFolder(folder))) throw error;
    }
  }
}

/** False where there is nothing. @throws ENOTDIR for anything else that is there */
async function isFolder(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  throw Object.assign(new Error(`ENOTDIR: not a directory: ${path}`), { code: 'ENOTDIR', path });
}

const reasons: Readonly<Record<string, string>> = {
  ENOTDIR: 'a file is in the place of a folder',
  EEXIST: 'something else is in its place',
  EISDIR: 'a folder is in the place of a file',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'symbolic links lead in a circle',
  ENOENT: 'it is not there, or cannot be made there',
  EACCES: 'this user has no right to it',
  EPERM: 'this user has no right to it',
  EROFS: 'it is mounted read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: "the user's share of the disk is used up",
  EMFILE: 'too many files are open: raise the limit (`ulimit -n`)',
  EIO: 'the disk reports an error',
};

/** Why a file or folder cannot be used, in words; null for what is no error of the file system. */
export function fileTrouble(error: unknown): string | null {
  const { code = '', path, syscall, dest } = (error ?? {}) as NodeJS.ErrnoException & { dest?: string };
  const reason = reasons[code];
  if (reason === undefined || (path === undefined && syscall === undefined)) return null;
  // Of a rename: what was to be replaced, instead of a temporary name.
  const where = dest ?? path;
  return `${where === undefined ? '' : `${where}: `}${reason} (${code})`;
}
