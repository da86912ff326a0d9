/**
 * Why a file cannot be read or written, for the person at the terminal. Not an AppError: it never crosses the wire. The message is one
 * line: what is wrong, then what to do.
 */
export type FileProblem =
  | 'missing'
  | 'empty'
  | 'unreadable'
  | 'no-video'
  | 'no-face'
  | 'conflict'
  | 'unknown-ending'
  | 'not-writable'
  | 'disk-full';

export class FileError extends Error {
  readonly reason: FileProblem;

  constructor(reason: FileProblem, message: string, options: { fix?: string; cause?: unknown } = {}) {
    const { fix, ...rest } = options;
    super(fix ? `${message} ${fix}` : message, rest);
    this.name = 'FileError';
    this.reason = reason;
  }
}

/** The error for a path that could not be opened for reading. */
export function unreadable(path: string, cause: unknown): FileError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new FileError('missing', `There is no file ${path}.`, { fix: 'Check the path.', cause });
  if (code === 'EISDIR') return new FileError('unreadable', `${path} is a folder.`, { fix: 'Name a file.', cause });
  return new FileError('unreadable', `${path} cannot be read: ${message}.`, { fix: 'Check its permissions.', cause });
}
