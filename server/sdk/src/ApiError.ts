import type { components } from './api.ts';

/** A code of the table in docs/protocol.md. */
export type ErrorCode = components['schemas']['Error']['error']['code'];

/** Every failure of a request: the server's refusal, or that it could not be asked (`server-unreachable`, `deadline`, `aborted`). */
export class ApiError extends Error {
  /** For programs; never changes its meaning. */
  readonly code: ErrorCode;
  /** HTTP status; 0 where there was no answer. */
  readonly status: number;
  /** Whether the same request can succeed later. */
  readonly retryable: boolean;
  /** Which of the portraits is meant, counted from 0. */
  readonly portrait: number | undefined;

  constructor(
    { code, message, retryable, portrait }: { code: ErrorCode; message: string; retryable: boolean; portrait?: number | undefined },
    options: { status?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'ApiError';
    this.code = code;
    this.status = options.status ?? 0;
    this.retryable = retryable;
    this.portrait = portrait;
  }
}
