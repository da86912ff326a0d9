/** Work that is done one piece at a time, and whose users take turns: one with a hundred pieces delays each other user by one piece. */

interface Piece {
  start(): Promise<unknown>;
  /** Ends the wait, if it has not been started. */
  giveUp(reason: unknown): void;
}

export class FairQueue {
  /** What waits, by user; the first user is next, and goes behind all others afterwards. */
  readonly #waiting = new Map<string, Piece[]>();
  #working = false;

  /** Pieces that wait for their turn. */
  get waiting(): number {
    let count = 0;
    for (const pieces of this.#waiting.values()) count += pieces.length;
    return count;
  }

  /** Resolves and rejects as `work` does. A `signal` that is aborted before the turn comes rejects with its reason. */
  run<T>(user: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const onAbort = (): void => piece.giveUp(signal?.reason);
    const piece: Piece = {
      start: () => {
        signal?.removeEventListener('abort', onAbort);
        return settled(work).then(resolve, reject);
      },
      giveUp: (reason) => {
        this.#remove(user, piece);
        reject(reason);
      },
    };
    if (signal?.aborted) return Promise.reject(signal.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiting.set(user, [...(this.#waiting.get(user) ?? []), piece]);
    void this.#next();
    return promise;
  }

  async #next(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    for (let [first] = this.#waiting; first; [first] = this.#waiting) {
      const [user, [piece]] = first;
      this.#remove(user, piece!);
      await piece!.start();
      this.#moveBehind(user);
    }
    this.#working = false;
  }

  #moveBehind(user: string): void {
    const pieces = this.#waiting.get(user);
    if (!pieces) return;
    this.#waiting.delete(user);
    this.#waiting.set(user, pieces);
  }

  #remove(user: string, piece: Piece): void {
    const others = (this.#waiting.get(user) ?? []).filter((other) => other !== piece);
    if (others.length > 0) this.#waiting.set(user, others);
    else this.#waiting.delete(user);
  }
}

/** What throws at once rejects like what throws later. */
async function settled<T>(work: () => Promise<T>): Promise<T> {
  return work();
}
