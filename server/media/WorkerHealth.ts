/** Asks a media worker something now and then: one whose channel is broken, that hangs or is stopped, gives no answer. */

export interface WorkerHealthOptions {
  /** A real request through the worker's channel. */
  ask: () => Promise<unknown>;
  /** No answer for so long counts as a failure, ms. */
  timeoutMs: number;
  /** Called once, with the reason. */
  onFailed: (reason: Error) => void;
}

const INTERVAL_MS = 1000;

export class WorkerHealth {
  readonly #options: WorkerHealthOptions;
  #timer: NodeJS.Timeout | undefined;
  #ok = true;
  #closed = false;

  constructor(options: WorkerHealthOptions) {
    this.#options = options;
    this.#later();
  }

  get ok(): boolean {
    return this.#ok;
  }

  #later(): void {
    this.#timer = setTimeout(() => this.#check(), INTERVAL_MS);
    this.#timer.unref();
  }

  #check(): void {
    const { ask, timeoutMs } = this.#options;
    this.#timer = setTimeout(() => this.#fail(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    this.#timer.unref();
    Promise.resolve()
      .then(ask)
      .then(
        () => this.#answered(),
        (error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error))),
      );
  }

  #answered(): void {
    clearTimeout(this.#timer);
    if (!this.#closed && this.#ok) this.#later();
  }

  #fail(reason: Error): void {
    clearTimeout(this.#timer);
    if (this.#closed || !this.#ok) return;
    this.#ok = false;
    this.#options.onFailed(reason);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }
}
