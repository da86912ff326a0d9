/**
 * Deletes guests' avatars that nobody has used for long: their owners cannot come back to do it themselves. Days are days of operation,
 * as the store counts them: a clock that was set wrong deletes nothing.
 */
import { GUEST_PREFIX } from '../auth/claims.ts';

export interface RetentionOptions {
  store: { unusedFor(days: number, ownerPrefix: string): string[] };
  days: number;
  remove: (avatarId: string) => Promise<unknown>;
  /** Told of a sweep that failed; the next one tries again. */
  failed?: (error: unknown) => void;
  intervalMs?: number;
}

const HOUR_MS = 3600 * 1000;

export class RetentionTimer {
  readonly #options: RetentionOptions;
  readonly #timer: NodeJS.Timeout;

  private constructor(options: RetentionOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#sweepSafely(), options.intervalMs ?? HOUR_MS);
    this.#timer.unref();
  }

  /** Sweeps once now, and then every hour. */
  static create(options: RetentionOptions): RetentionTimer {
    const timer = new RetentionTimer(options);
    timer.#sweepSafely();
    return timer;
  }

  /** @returns how many were deleted; what fails is left for the next time. */
  async sweep(): Promise<number> {
    const { store, days, remove } = this.#options;
    const results = await Promise.allSettled(store.unusedFor(days, GUEST_PREFIX).map(remove));
    return results.filter(({ status }) => status === 'fulfilled').length;
  }

  #sweepSafely(): void {
    this.sweep().catch((error: unknown) => this.#options.failed?.(error));
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
