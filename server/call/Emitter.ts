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
    for (const listener of [...(this.#listeners.get(name) ?? [])]) (listener as (payload: Events[N]) => void)(payload);
  }

  removeAll(): void {
    this.#listeners.clear();
  }
}
