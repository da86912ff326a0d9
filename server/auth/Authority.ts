/** Makes and checks tokens (JWT, RFC 7519, HS256) and knows the API key. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { SignJWT, errors, jwtVerify } from 'jose';
import { AppError } from '../../client/src/protocol/errors.ts';
import type { Principal, UserPrincipal } from './authorise.ts';
import { parseScopes, SAMPLES_USER, type Scope } from './scopes.ts';

const ISSUER = 'gioconda';
const ALGORITHM = 'HS256';
/** Clocks of two servers that share a secret may differ. */
const CLOCK_TOLERANCE_SECONDS = 5;
/** Begins the user id of everybody who came by an invite; the application's own users cannot have such a name. */
export const GUEST_PREFIX = 'guest-';
/** Owner of what the API key creates; no token may carry this name. */
export const APPLICATION_USER = 'application';
/** A key of our making, or at least not the three parts of a token. */
const KEY_SHAPE = /^[^.]{16,}$/;

export interface AuthorityOptions {
  apiKey: string;
  tokenSecret: string;
  tokenTtlSeconds: number;
  inviteTtlSeconds: number;
}

export interface TokenRequest {
  userId: string;
  scopes: readonly Scope[];
  ttlSeconds?: number;
  now?: Date;
}

export interface MintedToken {
  token: string;
  expiresAt: Date;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export class Authority {
  readonly #apiKeyDigest: Buffer;
  readonly #secret: Uint8Array;
  readonly #options: AuthorityOptions;

  private constructor(options: AuthorityOptions) {
    this.#options = options;
    this.#apiKeyDigest = digest(options.apiKey);
    this.#secret = new TextEncoder().encode(options.tokenSecret);
  }

  static create(options: AuthorityOptions): Authority {
    return new Authority(options);
  }

  /** A token for one person. */
  async mintToken({ userId, scopes, ttlSeconds = this.#options.tokenTtlSeconds, now = new Date() }: TokenRequest): Promise<MintedToken> {
    const issuedAt = Math.floor(now.getTime() / 1000);
    const expiresAt = issuedAt + ttlSeconds;
    const token = await new SignJWT({ scope: scopes.join(' ') })
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
      .setIssuer(ISSUER)
      .setSubject(userId)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .setJti(randomBytes(9).toString('base64url'))
      .sign(this.#secret);
    return { token, expiresAt: new Date(expiresAt * 1000) };
  }

  /** An invite: whoever holds it can become a guest of the room. One made with an invite ends with that one. */
  async mintInvite(room: string, { inviter = null, now = new Date() }: { inviter?: Principal; now?: Date } = {}): Promise<MintedToken> {
    let ttlSeconds = this.#options.inviteTtlSeconds;
    const isGuestHimself = inviter?.kind === 'user' && !inviter.scopes.includes(`join:${room}`);
    if (isGuestHimself) ttlSeconds = Math.min(ttlSeconds, inviter.expiresAt - Math.floor(now.getTime() / 1000));
    return this.mintToken({ userId: `invite-${randomBytes(9).toString('base64url')}`, scopes: [`invite:${room}`], ttlSeconds, now });
  }

  /**
   * A new person, known by nothing but the token; or one who comes back with an earlier token, also with one that has expired, and so
   * keeps the avatars. @throws AppError `token-invalid`, `token-expired`
   */
  async mintGuest(
    room: string,
    { previous, returnWithinSeconds = 0 }: { previous?: string | undefined; returnWithinSeconds?: number } = {},
  ): Promise<MintedToken & { userId: string }> {
    const userId =
      previous === undefined
        ? `${GUEST_PREFIX}${randomBytes(12).toString('base64url')}`
        : (await this.#verify(previous, { now: new Date(), toleranceSeconds: returnWithinSeconds })).userId;
    // Only guests: the application decides for how long its own users may come.
    if (!userId.startsWith(GUEST_PREFIX)) throw new AppError('token-invalid', "The earlier token is not a guest's");
    return { userId, ...(await this.mintToken({ userId, scopes: ['enrol', `join:${room}`] })) };
  }

  /** @throws AppError `token-expired`, `token-invalid` */
  async verifyToken(token: string, now: Date = new Date()): Promise<UserPrincipal> {
    return this.#verify(token, { now, toleranceSeconds: CLOCK_TOLERANCE_SECONDS });
  }

  async #verify(token: string, { now, toleranceSeconds }: { now: Date; toleranceSeconds: number }): Promise<UserPrincipal> {
    try {
      const { payload } = await jwtVerify(token, this.#secret, {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        requiredClaims: ['sub', 'exp', 'scope'],
        clockTolerance: toleranceSeconds,
        currentDate: now,
      });
      if (typeof payload.scope !== 'string' || payload.sub === APPLICATION_USER || payload.sub === SAMPLES_USER)
        throw new AppError('token-invalid');
      return { kind: 'user', userId: payload.sub!, scopes: parseScopes(payload.scope), expiresAt: payload.exp! };
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw new AppError('token-expired', undefined, { cause: error });
      throw new AppError('token-invalid', undefined, { cause: error });
    }
  }

  isApiKey(candidate: string): boolean {
    // Digests have one length, so that the comparison's time tells nothing about the key.
    return timingSafeEqual(digest(candidate), this.#apiKeyDigest);
  }

  /** Whom an `Authorization` header speaks for; null without one. @throws AppError `token-invalid`, `token-expired` */
  async principalOf(authorization: string | undefined): Promise<Principal> {
    if (authorization === undefined) return null;
    const bearer = /^Bearer +([^\s]{1,4096})$/i.exec(authorization)?.[1];
    if (!bearer) throw new AppError('token-invalid', 'The Authorization header is not "Bearer TOKEN"');
    if (this.isApiKey(bearer)) return { kind: 'application', userId: APPLICATION_USER };
    if (KEY_SHAPE.test(bearer)) throw new AppError('api-key-invalid');
    return this.verifyToken(bearer);
  }
}
