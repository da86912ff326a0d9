/** One token bucket per key (an address, a user), in bounded memory. */
import { TokenBucket, type BucketOptions } from './TokenBucket.ts';

const MAX_KEYS = 10_000;

export class KeyedBuckets {
  readonly #options: BucketOptions;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(options: BucketOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one for `key` if there is one. @returns whether there was */
  take(key: string, nowMs = performance.now()): boolean {
    return this.#bucket(key, nowMs).take(1, nowMs);
  }

  /** Takes `amount` for `key`, whatever is left. */
  spend(key: string, amount: number, nowMs = performance.now()): void {
    this.#bucket(key, nowMs).spend(amount, nowMs);
  }

  /** What `key` could take at once; below zero while it has spent more than there was. */
  left(key: string, nowMs = performance.now()): number {
    return this.#buckets.get(key)?.left(nowMs) ?? this.#options.capacity;
  }

  /** The key begins anew, without debts. */
  forget(key: string): void {
    this.#buckets.delete(key);
  }

  #bucket(key: string, nowMs: number): TokenBucket {
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      if (this.#buckets.size >= MAX_KEYS) this.#makeRoom(nowMs);
      bucket = new TokenBucket(this.#options, nowMs);
      this.#buckets.set(key, bucket);
    }
    return bucket;
  }

  /** Full buckets say nothing; if all are in use, the oldest key is forgotten rather than everybody refused. */
  #makeRoom(nowMs: number): void {
    for (const [key, bucket] of this.#buckets) if (bucket.full(nowMs)) this.#buckets.delete(key);
    const oldest = this.#buckets.keys().next();
    if (this.#buckets.size >= MAX_KEYS && !oldest.done) this.#buckets.delete(oldest.value);
  }
}
