/** A refusal that is about one of several portraits. */
import { AppError, type ErrorCode } from '../../client/src/protocol/index.ts';

export class PortraitError extends AppError {
  /** Counted from 0, in the order they were sent. */
  readonly portrait: number;

  constructor(code: ErrorCode, portrait: number, detail?: string, options?: { cause?: unknown }) {
    super(code, detail, options);
    this.name = 'PortraitError';
    this.portrait = portrait;
  }
}

/** The index that an error carries, also one that came from another process and lost its class. */
export function portraitOf(error: unknown): number | undefined {
  const index = (error as { portrait?: unknown } | null)?.portrait;
  return Number.isInteger(index) ? (index as number) : undefined;
}
