/**
 * Why a part of the set-up cannot be had. Not an AppError: it never crosses the wire, and it carries the command that
 * mends it, for the terminal.
 */
export class SetupError extends Error {
  readonly mend: string | undefined;

  constructor(message: string, options: { mend?: string; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'SetupError';
    this.mend = options.mend;
  }
}
