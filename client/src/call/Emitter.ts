/** A small typed event emitter. `on` returns its own unsubscribe. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  on<N extends keyof Events>(name: N, listener: (event: Events[N]) => void): () => void {
    let set = this.#listeners.get(name);
    if (!set) this.#listeners.set(name, (set = new Set()));
    set.add(listener as (event: never) => void);
    return () => void set.delete(listener as (event: never) => void);
  }

  /** Resolves with the next event of that name. */
  once<N extends keyof Events>(name: N): Promise<Events[N]> {
    return new Promise((resolve) => {
      const off = this.on(name, (event) => {
        off();
        resolve(event);
      });
    });
  }

  /** A listener that throws neither stops the others nor the SDK; its error is reported as uncaught. */
  emit<N extends keyof Events>(name: N, event: Events[N]): void {
    const current = Array.from(this.#listeners.get(name) ?? []);
    for (const listener of current) {
      try {
        (listener as (event: Events[N]) => void)(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
