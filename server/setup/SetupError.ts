/**
 * Why a part of the set-up cannot be had. Not an AppError: it never crosses the wire, and it carries the command that
 * fixes it, for the terminal.
 */
export class SetupError extends Error {
  readonly fix: string | undefined;

  constructor(message: string, options: { fix?: string; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'SetupError';
    this.fix = options.fix;
  }
}
