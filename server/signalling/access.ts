/** What signalling needs to know about rights; `main.ts` answers with tokens and the store. */

/** Who is at the other end of a socket. */
export interface Caller {
  /** The token's subject. */
  readonly userId: string;
  /** Rooms that the token names; an invite alone names none. */
  readonly rooms: readonly string[];
  /** When the token expires, ms since the Unix epoch. */
  readonly expiresMs: number;
  /** For who came by an invite: when that ends. No later token of theirs lasts longer. */
  readonly accessEndsMs: number | null;
  readonly inviteId: string | null;
  /** Whether this access was taken back; with `room`, as far as it is to that room. */
  isRevoked(room?: string): boolean;
  mayUseAvatar(avatarId: string): boolean;
}

export interface Access {
  /** @throws AppError `token-missing`, `token-invalid`, `token-expired`, `access-revoked`. */
  identify(token: string): Promise<Caller>;
  iceServers(caller: Caller): { urls: string[]; username?: string; credential?: string }[];
  readonly defaultModel: string;
  readonly models: readonly string[];
}
