/// <reference lib="dom" preserve="true" />
import { AppError } from '../protocol/index.ts';

export interface AttemptOptions {
  /** Gives the work up: it then fails with `aborted`. */
  signal?: AbortSignal | undefined;
  /** Fails with `deadline` when it took longer. 0: no limit. */
  timeoutMs?: number | undefined;
}

/** Work that may be given up or may take too long. Whatever it fails with is an AppError; what it leaves behind is ended by `signal`. */
export class Attempt {
  readonly #controller = new AbortController();
  readonly #options: AttemptOptions;
  readonly #failed: Promise<never>;
  #fail: (error: AppError) => void = () => undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.#failed = new Promise((_resolve, reject) => (this.#fail = reject));
    this.#failed.catch(() => undefined);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** @throws AppError `aborted`, `deadline`, or what `work` throws. */
  async run<T>(work: (attempt: Attempt) => Promise<T>): Promise<T> {
    const { signal } = this.#options;
    if (signal?.aborted) throw aborted(signal);
    const give = (): void => this.#end(aborted(signal!)); // listens only where there is one
    signal?.addEventListener('abort', give);
    this.progressed();
    try {
      // A race, for not everything that is waited for listens to a signal: the app's token function need not.
      return await Promise.race([work(this), this.#failed]);
    } catch (thrown) {
      throw AppError.from(thrown);
    } finally {
      clearTimeout(this.#timer);
      signal?.removeEventListener('abort', give);
    }
  }

  /** Something happened: the time starts anew. */
  progressed(): void {
    const { timeoutMs = 0 } = this.#options;
    clearTimeout(this.#timer);
    if (timeoutMs > 0 && !this.signal.aborted)
      this.#timer = setTimeout(() => this.#end(new AppError('deadline', `No answer within ${timeoutMs / 1000} s`)), timeoutMs);
  }

  #end(error: AppError): void {
    this.#fail(error);
    this.#controller.abort(error);
  }
}

const aborted = (signal: AbortSignal): AppError => new AppError('aborted', undefined, { cause: signal.reason });
