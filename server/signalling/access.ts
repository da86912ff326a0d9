/** What signalling needs to know about rights; `main.ts` answers with tokens and the store. */

/** Who is at the other end of a socket. */
export interface Caller {
  /** The token's subject. */
  readonly userId: string;
  /** Rooms that the token names; an invite alone names none. */
  readonly rooms: readonly string[];
  mayUseAvatar(avatarId: string): boolean;
}

export interface Access {
  /** @throws AppError `token-missing`, `token-invalid`, `token-expired`. */
  identify(token: string): Promise<Caller>;
  iceServers(userId: string): { urls: string[]; username?: string; credential?: string }[];
  readonly defaultModel: string;
  readonly models: readonly string[];
}
