/** Counts what each key (a user, an address, everybody together) holds of something, and refuses more than its share. */
export class Shares {
  readonly #held = new Map<string, number>();

  held(key: string): number {
    return this.#held.get(key) ?? 0;
  }

  /** @returns whether `amount` more would stay within `most` */
  fits(key: string, amount: number, most: number): boolean {
    return this.held(key) + amount <= most;
  }

  add(key: string, amount: number): void {
    this.#held.set(key, this.held(key) + amount);
  }

  /** A key that holds nothing is forgotten. */
  remove(key: string, amount: number): void {
    const left = this.held(key) - amount;
    if (left > 0) this.#held.set(key, left);
    else this.#held.delete(key);
  }
}
