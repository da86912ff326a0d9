/** What can be wrong with the store as a whole, and what the operator does about it. */
import { AppError } from '../../client/src/protocol/errors.ts';
import { fileTrouble } from '../base/folders.ts';

/** sysexits(3): 65 the data is bad, 66 it is not there, 73 it cannot be written, 75 try again later. */
const faults = {
  'store-damaged': {
    exitCode: 65,
    advice:
      'Look with `gioconda store check`, then bring a backup back with `gioconda store restore BACKUP`. Nothing has been deleted; the portraits are still in the folder.',
  },
  'store-later-version': {
    exitCode: 65,
    advice: 'Start the version that wrote it, or bring a backup of this version back with `gioconda store restore BACKUP`.',
  },
  'store-in-use': { exitCode: 75, advice: 'Stop it, use another folder, or work through the server.' },
  'store-full': {
    exitCode: 73,
    advice: 'Make room on the disk that holds the data folder (`dataDir`), then start again. Nothing has been deleted.',
  },
  'store-not-writable': {
    exitCode: 73,
    advice: 'Give this user the right to write into the data folder (`dataDir`), or mount it writable. Nothing has been deleted.',
  },
  'store-unusable': {
    exitCode: 73,
    advice:
      'Name another data folder with --data or `dataDir`, or move away what is in the place of its files and folders. Nothing has been deleted.',
  },
  'store-missing': { exitCode: 66, advice: 'Name the data folder with --data or `dataDir`; a server makes one at its first start.' },
  'backup-damaged': { exitCode: 65, advice: 'Take another backup. The store is as it was.' },
  'backup-exists': { exitCode: 73, advice: 'Choose a name that is not taken: nothing is overwritten.' },
} as const satisfies Record<string, { exitCode: number; advice: string }>;

export type StoreFault = keyof typeof faults;

export class StoreError extends Error {
  readonly code: StoreFault;

  constructor(code: StoreFault, detail: string, options?: ErrorOptions) {
    super(`${detail} ${faults[code].advice} (${code})`, options);
    this.name = 'StoreError';
    this.code = code;
  }

  get exitCode(): number {
    return faults[this.code].exitCode;
  }
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const NOT_WRITABLE = new Set(['EROFS', 'EACCES', 'EPERM']);
/** SQLite's result codes: the low byte is the kind, the rest says more. */
const SQLITE = { busy: 5, readonly: 8, ioError: 10, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 };
/** The shared memory beside the write-ahead log could not grow. */
const SQLITE_IOERR_SHMSIZE = 4874;

/** The kind of an error of the file system or of SQLite; null for any other. */
export function faultOf(error: unknown): StoreFault | null {
  if (error instanceof StoreError) return error.code;
  const { code = '', errcode = 0 } = (error ?? {}) as { code?: string; errcode?: number };
  const kind = errcode & 0xff;
  if (FULL.has(code) || kind === SQLITE.full || errcode === SQLITE_IOERR_SHMSIZE) return 'store-full';
  if (NOT_WRITABLE.has(code) || kind === SQLITE.readonly || kind === SQLITE.cannotOpen) return 'store-not-writable';
  if (kind === SQLITE.corrupt || kind === SQLITE.notADatabase) return 'store-damaged';
  if (kind === SQLITE.ioError) return 'store-unusable';
  if (kind === SQLITE.busy) return 'store-in-use';
  return null;
}

const isSqlite = (error: unknown): boolean => (error as { code?: string } | null)?.code === 'ERR_SQLITE_ERROR';

/** The same row twice: a mistake of ours, and no fault of the file's (SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE). */
const isDuplicate = (error: unknown): boolean => [1555, 2067].includes((error as { errcode?: number }).errcode ?? 0);

const details: Partial<Record<StoreFault, string>> = {
  'store-damaged': 'The database of the data folder is damaged.',
  'store-later-version': 'The database was written by a later version of Gioconda.',
  'store-full': 'The disk of the data folder is full.',
  'store-not-writable': 'The data folder cannot be written.',
  'store-in-use': 'The data folder is in use by another program.',
  'store-unusable': 'The database of the data folder cannot be read or written: the disk reports an error, or something is in its way.',
};

/** For whoever starts the store: what is known is explained, what is not stays as it is. */
export function explained(error: unknown): unknown {
  if (error instanceof StoreError) return error;
  const fault = faultOf(error);
  const detail = fault && details[fault];
  if (detail) return new StoreError(fault, detail, { cause: error });
  // Our own statements are right: what SQLite refuses otherwise was written by nobody who knows this schema.
  if (isSqlite(error)) return new StoreError('store-damaged', details['store-damaged']!, { cause: error });
  const trouble = fileTrouble(error);
  return trouble === null ? error : new StoreError('store-unusable', `The data folder cannot be used: ${trouble}.`, { cause: error });
}

/** For whoever asked something of a store that is open. */
export function refusalOf(error: unknown): unknown {
  const fault = faultOf(error);
  if (fault === null && (!isSqlite(error) || isDuplicate(error))) return error;
  return new AppError(fault === 'store-full' ? 'storage-full' : 'storage-failed', undefined, { cause: error });
}
