/** A small typed emitter: `on()` returns its own unsubscribe, so that every subscription has an owner. */
export class Emitter<Events extends Record<string, unknown>> {
  readonly #listeners = new Map<keyof Events, Set<(payload: never) => void>>();

  on<N extends keyof Events>(name: N, listener: (payload: Events[N]) => void): () => void {
    let set = this.#listeners.get(name);
    if (!set) this.#listeners.set(name, (set = new Set()));
    set.add(listener);
    return () => void set.delete(listener);
  }

  emit<N extends keyof Events>(name: N, payload: Events[N]): void {
    // A copy: a listener may unsubscribe itself or others while it runs.
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (payload: Events[N]) => void)(payload);
      } catch (error) {
        // One listener's fault is not the others', nor the emitter's, who may be a frame handler.
        process.emitWarning(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  removeAll(): void {
    this.#listeners.clear();
  }
}
