/** Access rights without a server: revocations that are kept in memory, and tokens' holders as they come out of a check. */
import type { UserPrincipal } from '../../server/auth/authorise.ts';
import { Revocations, type Revocation, type RevocationsOptions, type RevocationStore } from '../../server/auth/Revocations.ts';

export class MemoryRevocationStore implements RevocationStore {
  operatedMs = 0;
  readonly rows = new Map<string, Revocation>();
  expiryMs = 0;
  /** Thrown by every write. */
  failure: Error | null = null;

  revocations = (): Revocation[] => [...this.rows.values()];
  putRevocation = (revocation: Revocation): void => this.#write(() => void this.rows.set(revocation.id, revocation));
  removeRevocation = (id: string): void => this.#write(() => void this.rows.delete(id));
  latestExpiryMs = (): number => this.expiryMs;
  noteExpiry = (expiryMs: number): void => this.#write(() => void (this.expiryMs = Math.max(this.expiryMs, expiryMs)));

  #write(work: () => void): void {
    if (this.failure) throw this.failure;
    work();
  }
}

export function revocationsInMemory(options: Partial<RevocationsOptions> = {}): Revocations {
  return Revocations.create({ store: new MemoryRevocationStore(), longestTtlSeconds: 3600, returnWithinSeconds: 0, ...options });
}

export function userWith(changes: Partial<UserPrincipal>): UserPrincipal {
  const { expiresAt = 0 } = changes;
  return { kind: 'user', userId: 'ann', scopes: [], expiresAt, endsAt: expiresAt, via: [], after: [], barredRooms: [], ...changes };
}
