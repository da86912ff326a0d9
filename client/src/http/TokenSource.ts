import { AppError } from '../protocol/index.ts';

/** Gets a token for the user from the application, usually from its own server. */
export type TokenFunction = () => Promise<string> | string;

/** Renewed so long before it expires; short-lived ones when a tenth of their life is left. */
const MARGIN_MS = 60_000;
/** Tokens whose expiry cannot be read, or has passed by this machine's clock (which may be wrong), are kept for so long. */
const LEAST_KEPT_MS = 10_000;

/** One token for all who need one: asked for once, kept until shortly before it expires, asked for again after that. */
export class TokenSource {
  readonly #token: string | TokenFunction;
  readonly #now: () => number;
  #kept: { token: string; untilMs: number } | null = null;
  #asked: Promise<string> | null = null;

  constructor(token: string | TokenFunction, now: () => number = Date.now) {
    this.#token = token;
    this.#now = now;
  }

  /** The same source where it is one already, so that everybody shares one. */
  static of(token: string | TokenFunction | TokenSource): TokenSource {
    return token instanceof TokenSource ? token : new TokenSource(token);
  }

  /** Whether `renew` can give another one than before. */
  get renewable(): boolean {
    return typeof this.#token === 'function';
  }

  /** @throws AppError `token-unavailable`, or the application's own AppError. */
  async get(): Promise<string> {
    if (typeof this.#token === 'string') return this.#token;
    if (this.#kept && this.#now() < this.#kept.untilMs) return this.#kept.token;
    return this.renew();
  }

  /** Asks the application again, e.g. because the server refused the token or the session is about to end. Those who ask at once share one call. */
  async renew(): Promise<string> {
    if (typeof this.#token === 'string') return this.#token;
    this.#asked ??= this.#ask(this.#token).finally(() => (this.#asked = null));
    return this.#asked;
  }

  /** After the server has refused `token`: what comes next is asked for, unless somebody else has done so already. */
  async replace(token: string): Promise<string> {
    return this.#kept && this.#kept.token !== token && this.#now() < this.#kept.untilMs ? this.#kept.token : this.renew();
  }

  async #ask(getToken: TokenFunction): Promise<string> {
    this.#kept = null;
    let token: unknown;
    try {
      token = await getToken();
    } catch (cause) {
      // The application's words may hold anything: they stay in `cause`.
      throw cause instanceof AppError ? cause : new AppError('token-unavailable', 'The token function failed', { cause });
    }
    if (typeof token !== 'string' || token === '')
      throw new AppError(
        'token-unavailable',
        `The token function gave ${token === '' ? 'an empty text' : typeof token} instead of a token`,
      );
    this.#kept = { token, untilMs: keptUntil(token, this.#now()) };
    return token;
  }
}

/** Until when a token that has come just now is used, ms since the Unix epoch on this machine's clock. */
export function keptUntil(token: string, nowMs: number): number {
  const { exp, iat } = claimsOf(token);
  if (exp === undefined) return nowMs + LEAST_KEPT_MS;
  const lifeMs = (exp - (iat ?? nowMs / 1000)) * 1000;
  const untilMs = exp * 1000 - Math.min(MARGIN_MS, lifeMs / 10);
  return untilMs > nowMs ? untilMs : nowMs + LEAST_KEPT_MS;
}

/** Seconds since the Unix epoch. Read without any trust: only to know when to ask again. */
function claimsOf(token: string): { exp?: number; iat?: number } {
  try {
    const payload = token.split('.')[1] ?? '';
    const claims = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as { exp?: unknown; iat?: unknown };
    return { ...(typeof claims.exp === 'number' && { exp: claims.exp }), ...(typeof claims.iat === 'number' && { iat: claims.iat }) };
  } catch {
    // No JWT: then nothing is known of its life.
    return {};
  }
}
