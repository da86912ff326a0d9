import type { TokenSource } from '../http/TokenSource.ts';
import { AppError } from '../protocol/index.ts';
import type { AnswerOf, EventOf } from '../protocol/index.ts';
import { Emitter } from './Emitter.ts';

export interface TokenRenewalOptions {
  tokens: Pick<TokenSource, 'renew' | 'renewable'>;
  renew: (token: string) => Promise<AnswerOf<'renew-token'>>;
  /** The server's clock. */
  nowMs: () => number;
}

export interface TokenRenewalEvents {
  renewed: { expiresAtMs: number };
  /** Nothing newer is to be had, `error` null; or not yet, and it is tried again until then. */
  ending: { endsAtMs: number; error: AppError | null };
}

const RETRY_MS = 5000;

/** Gets a newer token when the server says that the one of this connection is about to expire, and shows it, while the call goes on. */
export class TokenRenewal extends Emitter<TokenRenewalEvents> {
  readonly #options: TokenRenewalOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #round = 0;

  constructor(options: TokenRenewalOptions) {
    super();
    this.#options = options;
  }

  handleExpiring({ expiresAtMs, accessEndsAtMs }: EventOf<'token-expiring'>): void {
    this.stop();
    const isLast = accessEndsAtMs !== undefined && accessEndsAtMs <= expiresAtMs;
    if (isLast || !this.#options.tokens.renewable) this.emit('ending', { endsAtMs: expiresAtMs, error: null });
    else void this.#renew(expiresAtMs);
  }

  /** The connection is gone: the next one shows a token of its own. */
  stop(): void {
    this.#round++;
    clearTimeout(this.#timer);
  }

  close(): void {
    this.stop();
    this.clear();
  }

  async #renew(expiresAtMs: number): Promise<void> {
    const round = this.#round;
    const error = await this.#attempt(expiresAtMs, () => round === this.#round).catch((thrown: unknown) => AppError.from(thrown));
    if (round !== this.#round || error === null) return;
    this.emit('ending', { endsAtMs: expiresAtMs, error });
    if (this.#options.nowMs() < expiresAtMs) this.#timer = setTimeout(() => void this.#renew(expiresAtMs), RETRY_MS);
  }

  /** Null when it went well. */
  async #attempt(expiresAtMs: number, isCurrent: () => boolean): Promise<AppError | null> {
    const token = await this.#options.tokens.renew();
    if (!isCurrent()) return null;
    const renewed = await this.#options.renew(token);
    if (renewed.expiresAtMs <= expiresAtMs)
      return new AppError('token-expired', 'The token that was given for the renewal lasts no longer');
    if (isCurrent()) this.emit('renewed', renewed);
    return null;
  }
}
