/** Bounds what waits for all connections of one user, and for all from one address: each alone may be within its own limit. */
import type { Config } from '../config/index.ts';
import type { SocketGuard } from './SocketGuard.ts';

type Limit = 'unsentBytesPerUser' | 'unsentBytesPerAddress';
type Guard = Pick<SocketGuard, 'unsentBytes' | 'end'>;

export interface UnsentWatchOptions {
  limits: Pick<Config['limits'], Limit>;
  onLimit: (limit: Limit) => void;
}

interface Holder {
  address: string;
  userId: string | null;
}

/** Between two looks each connection is held to its own limit. */
const INTERVAL_MS = 1000;

export class UnsentWatch {
  readonly #options: UnsentWatchOptions;
  readonly #holders = new Map<Guard, Holder>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: UnsentWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.check(), INTERVAL_MS).unref();
  }

  /** @returns how to forget it */
  add(guard: Guard, { address }: { address: string }): () => void {
    this.#holders.set(guard, { address, userId: null });
    return () => void this.#holders.delete(guard);
  }

  /** Its token was good. */
  belongsTo(guard: Guard | undefined, userId: string): void {
    const holder = guard && this.#holders.get(guard);
    if (holder) holder.userId = userId;
  }

  check(): void {
    const { unsentBytesPerUser, unsentBytesPerAddress } = this.#options.limits;
    this.#hold('unsentBytesPerUser', unsentBytesPerUser, ({ userId }) => userId);
    this.#hold('unsentBytesPerAddress', unsentBytesPerAddress, ({ address }) => address);
  }

  /** Those with most waiting are ended until the rest fits. */
  #hold(limit: Limit, most: number, keyOf: (holder: Holder) => string | null): void {
    const groups = Map.groupBy(this.#holders.keys(), (guard) => keyOf(this.#holders.get(guard)!));
    for (const [key, guards] of groups) {
      if (key === null) continue;
      let sum = guards.reduce((total, { unsentBytes }) => total + unsentBytes, 0);
      for (const guard of guards.toSorted((a, b) => b.unsentBytes - a.unsentBytes)) {
        if (sum <= most) break;
        sum -= guard.unsentBytes;
        this.#options.onLimit(limit);
        this.#holders.delete(guard);
        guard.end('connection-too-slow');
      }
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
