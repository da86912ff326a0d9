/**
 * Why a video file cannot be read or written. Not an AppError: it never crosses the wire, and like `SetupError` it carries
 * what to do about it, for the person at the terminal.
 */
export type ClipReason = 'missing' | 'empty' | 'unreadable' | 'no-video' | 'no-face' | 'conflict' | 'not-writable' | 'disk-full';

export class ClipError extends Error {
  readonly reason: ClipReason;
  readonly mend: string | undefined;

  constructor(reason: ClipReason, message: string, options: { mend?: string; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'ClipError';
    this.reason = reason;
    this.mend = options.mend;
  }
}
