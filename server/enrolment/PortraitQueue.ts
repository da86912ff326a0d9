/**
 * Portraits wait here for the one process that works on them. Owners take turns, each has few pieces waiting and so many seconds of work in
 * an hour; a deadline counts from when the work begins.
 */
import { AppError } from '../../client/src/protocol/index.ts';
import type { Config } from '../config/index.ts';
import { FairQueue } from '../limits/FairQueue.ts';
import { KeyedBuckets } from '../limits/KeyedBuckets.ts';
import { Shares } from '../limits/Shares.ts';
import { withDeadline } from './deadline.ts';

export interface PortraitQueueOptions {
  limits: Pick<Config['enrolment'], 'maxPending' | 'maxPendingPerOwner' | 'maxWaitMs' | 'workSecondsPerOwner' | 'timeoutMs'>;
  /** Aborted when the server ends. */
  closing: AbortSignal;
  metrics?: QueueMetrics;
}

export interface QueueMetrics {
  /** `limit` is a key of the configuration's `enrolment`. */
  limitReached(limit: string): void;
  /** How long a piece of work has waited for its turn. */
  enrolmentWaited(seconds: number): void;
  /** `read` is asked at each scrape. */
  watchEnrolments(read: () => number): void;
}

type Work<T> = (signal: AbortSignal) => Promise<T>;

const HOUR_S = 3600;
/** The API key's own: it works for many, and its operator limits it. */
const APPLICATION = 'application';

export class PortraitQueue {
  readonly #options: PortraitQueueOptions;
  readonly #queue = new FairQueue();
  readonly #pending = new Shares();
  readonly #seconds: KeyedBuckets;

  constructor(options: PortraitQueueOptions) {
    this.#options = options;
    const { workSecondsPerOwner: capacity } = options.limits;
    this.#seconds = new KeyedBuckets({ capacity, perSecond: capacity / HOUR_S });
    options.metrics?.watchEnrolments(() => this.#pending.held('all'));
  }

  /**
   * What an owner asks for.
   * @throws AppError `enrolment-limit` (this owner's share is used up), `enrolment-busy` (everybody's is, or the wait was too long), `deadline`,
   * the reason of `closing`, and what `work` throws
   */
  async run<T>(owner: string, work: Work<T>): Promise<T> {
    this.#checkLimits(owner);
    const shares = ['all', `owner ${owner}`];
    for (const share of shares) this.#pending.add(share, 1);
    try {
      return await this.#inTurn(owner, (signal) => this.#timed(owner, signal, work));
    } finally {
      for (const share of shares) this.#pending.remove(share, 1);
    }
  }

  /** What the server needs by itself, in the turn of the one for whom: not counted, never refused. */
  runForServer<T>(owner: string, work: Work<T>): Promise<T> {
    return this.#inTurn(owner, work);
  }

  #checkLimits(owner: string): void {
    const { maxPending, maxPendingPerOwner, workSecondsPerOwner } = this.#options.limits;
    if (owner !== APPLICATION) {
      if (!this.#pending.fits(`owner ${owner}`, 1, maxPendingPerOwner))
        this.#refuse('enrolment-limit', 'maxPendingPerOwner', `Of one user ${maxPendingPerOwner} may be waiting or worked on`);
      if (this.#seconds.left(owner) <= 0)
        this.#refuse(
          'enrolment-limit',
          'workSecondsPerOwner',
          `One user's portraits may take ${workSecondsPerOwner} seconds of work an hour`,
        );
    }
    if (!this.#pending.fits('all', 1, maxPending)) this.#refuse('enrolment-busy', 'maxPending', `${maxPending} are waiting or worked on`);
  }

  #refuse(code: 'enrolment-limit' | 'enrolment-busy', limit: string, detail: string): never {
    this.#options.metrics?.limitReached(limit);
    throw new AppError(code, detail);
  }

  async #inTurn<T>(owner: string, work: Work<T>): Promise<T> {
    const { limits, closing, metrics } = this.#options;
    const waiting = new AbortController();
    const tooLong = (): void => {
      metrics?.limitReached('maxWaitMs');
      waiting.abort(new AppError('enrolment-busy', `They have waited for ${limits.maxWaitMs / 1000} seconds`));
    };
    const timer = setTimeout(tooLong, limits.maxWaitMs);
    const queuedMs = performance.now();
    const begin = (): Promise<T> => {
      clearTimeout(timer);
      metrics?.enrolmentWaited((performance.now() - queuedMs) / 1000);
      return withDeadline(work, { timeoutMs: limits.timeoutMs, closing });
    };
    return this.#queue.run(owner, begin, AbortSignal.any([waiting.signal, closing])).finally(() => clearTimeout(timer));
  }

  /** Work that failed or was given up has cost its time all the same. */
  async #timed<T>(owner: string, signal: AbortSignal, work: Work<T>): Promise<T> {
    const startedMs = performance.now();
    const spent = (): void => this.#seconds.spend(owner, (performance.now() - startedMs) / 1000);
    try {
      return await work(signal);
    } finally {
      spent();
    }
  }
}
