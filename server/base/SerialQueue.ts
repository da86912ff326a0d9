/** Pieces of work that must not overlap: each starts when the one before has ended, well or badly. */
export class SerialQueue {
  #tail: Promise<unknown> = Promise.resolve();

  /** Resolves and rejects as `work` does; a failure is the caller's and does not stop the queue. */
  run<T>(work: () => Promise<T> | T): Promise<T> {
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => undefined);
    return done;
  }

  /** Resolves when everything that has been queued so far has ended. */
  async idle(): Promise<void> {
    await this.#tail;
  }
}
