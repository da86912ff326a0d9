/** A value that others watch: what React's `useSyncExternalStore` and custom elements need, and nothing else. */
export class Store<View> {
  readonly #listeners = new Set<() => void>();
  #view: View;

  constructor(view: View) {
    this.#view = view;
  }

  /** The same object until something changes. */
  get view(): View {
    return this.#view;
  }

  /** Returns the function that ends it. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  protected change(change: Partial<View>): void {
    this.#view = { ...this.#view, ...change };
    for (const listener of Array.from(this.#listeners)) listener();
  }
}
