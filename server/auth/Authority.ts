/** Makes and checks tokens (JWT, RFC 7519, HS256) and knows the API key. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { SignJWT, errors, jwtVerify } from 'jose';
import { AppError } from '../../client/src/protocol/errors.ts';
import type { Principal, UserPrincipal } from './authorise.ts';
import { GUEST_PREFIX, INVITE_PREFIX, MAX_VIA, isInvited, readClaims, type Claims } from './claims.ts';
import type { Revocations } from './Revocations.ts';
import { roomOfScope, SAMPLES_USER, type Scope } from './scopes.ts';

const ISSUER = 'gioconda';
const ALGORITHM = 'HS256';
/** Clocks of two servers that share a secret may differ. */
const CLOCK_TOLERANCE_SECONDS = 5;
/** Owner of what the API key creates; no token may carry this name. */
export const APPLICATION_USER = 'application';
/** A key of our making, or at least not the three parts of a token. */
const KEY_SHAPE = /^[^.]{16,}$/;

export interface AuthorityOptions {
  apiKey: string;
  tokenSecret: string;
  tokenTtlSeconds: number;
  inviteTtlSeconds: number;
  revocations: Revocations;
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

/** An invite, with the name by which it can be revoked. */
export interface MintedInvite extends MintedToken {
  inviteId: string;
}

export interface MintedGuest extends MintedToken {
  userId: string;
  /** When the invite ends, and with it every later token of this guest. */
  accessEndsAt: Date;
}

/** Seconds since the Unix epoch. */
interface Grant extends Omit<Claims, 'expiresAt' | 'endsAt'> {
  expiresAt: number;
  endsAt?: number;
  now: Date;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const randomName = (prefix: string, bytes: number): string => prefix + randomBytes(bytes).toString('base64url');
const secondsOf = (date: Date): number => Math.floor(date.getTime() / 1000);

/** The rooms that scopes are about. */
export const roomsOf = (scopes: readonly Scope[]): string[] => [...new Set(scopes.flatMap((scope) => roomOfScope(scope) ?? []))];

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

  /** A token for one person, from the application. */
  async mintToken({ userId, scopes, ttlSeconds = this.#options.tokenTtlSeconds, now = new Date() }: TokenRequest): Promise<MintedToken> {
    const after = this.#options.revocations.passed({ subjects: [userId], rooms: roomsOf(scopes) });
    return this.#sign({ userId, scopes: [...scopes], via: [], after, expiresAt: secondsOf(now) + ttlSeconds, now });
  }

  /**
   * An invite: whoever holds it can become a guest of the room. One that is made with a token ends with the access that the token stands
   * for, and by the same revocations. @throws AppError `forbidden` for one that was passed on too often
   */
  async mintInvite(room: string, { inviter = null, now = new Date() }: { inviter?: Principal; now?: Date } = {}): Promise<MintedInvite> {
    const inviteId = randomName(INVITE_PREFIX, 9);
    const user = inviter?.kind === 'user' ? inviter : null;
    const via = user ? [...user.via, user.userId] : [];
    if (via.length > MAX_VIA) throw new AppError('forbidden', 'This invitation was passed on too often');
    const latest = secondsOf(now) + this.#options.inviteTtlSeconds;
    const expiresAt = user ? Math.min(latest, user.endsAt) : latest;
    // What was revoked between the check of the inviter's token and now must end this one as well: so it passes what that one had passed.
    const passed = user && isInvited(user) ? [] : this.#options.revocations.passed({ subjects: [], rooms: [room] });
    const after = [...new Set([...(user?.after ?? []), ...passed])];
    return { inviteId, ...(await this.#sign({ userId: inviteId, scopes: [`invite:${room}`], via, after, expiresAt, now })) };
  }

  /**
   * A new person, known by nothing but the token; or one who comes back with an earlier token, also with one that has expired, and so
   * keeps the avatars. Neither this token nor a later one lasts longer than the invite.
   * @throws AppError `token-invalid`, `token-expired`, `access-revoked`
   */
  async mintGuest(
    room: string,
    {
      invite,
      previous,
      returnWithinSeconds = 0,
      now = new Date(),
    }: { invite: UserPrincipal; previous?: string | undefined; returnWithinSeconds?: number; now?: Date },
  ): Promise<MintedGuest> {
    const userId =
      previous === undefined ? randomName(GUEST_PREFIX, 12) : await this.#guestOf(previous, { room, returnWithinSeconds, now });
    const { endsAt, after } = invite;
    const grant: Grant = {
      userId,
      scopes: ['enrol', `join:${room}`],
      via: [...invite.via, invite.userId],
      after,
      expiresAt: Math.min(secondsOf(now) + this.#options.tokenTtlSeconds, endsAt),
      endsAt,
      now,
    };
    return { userId, accessEndsAt: new Date(endsAt * 1000), ...(await this.#sign(grant)) };
  }

  /** Who has come back. By which invite they came then does not matter: it may have been revoked since. */
  async #guestOf(
    previous: string,
    { room, returnWithinSeconds, now }: { room: string; returnWithinSeconds: number; now: Date },
  ): Promise<string> {
    const { userId, after } = await this.#verify(previous, { now, toleranceSeconds: returnWithinSeconds });
    // Only guests: the application decides for how long its own users may come.
    if (!userId.startsWith(GUEST_PREFIX)) throw new AppError('token-invalid', "The earlier token is not a guest's");
    if (this.#options.revocations.bars({ userId, via: [], after }, room)) throw new AppError('access-revoked');
    return userId;
  }

  async #sign({ userId, scopes, via, after, expiresAt, endsAt, now }: Grant): Promise<MintedToken> {
    this.#options.revocations.noteExpiry((endsAt ?? expiresAt) * 1000);
    const claims = {
      scope: scopes.join(' '),
      ...(via.length > 0 && { via }),
      ...(after.length > 0 && { after }),
      ...(endsAt !== undefined && { end: endsAt }),
    };
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
      .setIssuer(ISSUER)
      .setSubject(userId)
      .setIssuedAt(secondsOf(now))
      .setExpirationTime(expiresAt)
      .setJti(randomBytes(9).toString('base64url'))
      .sign(this.#secret);
    return { token, expiresAt: new Date(expiresAt * 1000) };
  }

  /** @throws AppError `token-expired`, `token-invalid`, `access-revoked` */
  async verifyToken(token: string, now: Date = new Date()): Promise<UserPrincipal> {
    return this.#admitted(await this.#verify(token, { now, toleranceSeconds: CLOCK_TOLERANCE_SECONDS }));
  }

  /** Rights to rooms that are closed to the token fall away; who came by an invite has no others. */
  #admitted(claims: Claims): UserPrincipal {
    const { revocations } = this.#options;
    if (this.isRevoked(claims)) throw new AppError('access-revoked');
    const barredRooms = roomsOf(claims.scopes).filter((room) => this.isRevoked(claims, room));
    const scopes = claims.scopes.filter((scope) => {
      const room = roomOfScope(scope);
      if (room === null) return true;
      // An invite that the application gave to one of its users is one of the room's invites.
      return !barredRooms.includes(room) && !(scope.startsWith('invite:') && revocations.bars(claims, room, { invited: true }));
    });
    return { kind: 'user', ...claims, scopes, barredRooms };
  }

  /** Whether this access was taken back since; with `room`, as far as it is to that room. Who came by an invite has no other. */
  isRevoked(claims: Pick<Claims, 'userId' | 'scopes' | 'via' | 'after'>, room: string | null = null): boolean {
    const { revocations } = this.#options;
    const invited = isInvited(claims);
    if (room !== null || !invited) return revocations.bars(claims, room, { invited });
    return revocations.bars(claims) || roomsOf(claims.scopes).some((one) => revocations.bars(claims, one, { invited }));
  }

  /** Signature and times. Asks for no revocation. */
  async #verify(token: string, { now, toleranceSeconds }: { now: Date; toleranceSeconds: number }): Promise<Claims> {
    try {
      const { payload } = await jwtVerify(token, this.#secret, {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        requiredClaims: ['sub', 'exp', 'scope'],
        clockTolerance: toleranceSeconds,
        currentDate: now,
      });
      const isReserved = payload.sub === APPLICATION_USER || payload.sub === SAMPLES_USER;
      const claims = isReserved ? null : readClaims(payload);
      if (!claims) throw new AppError('token-invalid');
      return claims;
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw new AppError('token-expired', undefined, { cause: error });
      throw new AppError('token-invalid', undefined, { cause: error });
    }
  }

  isApiKey(candidate: string): boolean {
    // Digests have one length, so that the comparison's time tells nothing about the key.
    return timingSafeEqual(digest(candidate), this.#apiKeyDigest);
  }

  /** Whom an `Authorization` header speaks for; null without one. @throws AppError `token-invalid`, `token-expired`, `access-revoked` */
  async principalOf(authorization: string | undefined): Promise<Principal> {
    if (authorization === undefined) return null;
    const bearer = /^Bearer +([^\s]{1,4096})$/i.exec(authorization)?.[1];
    if (!bearer) throw new AppError('token-invalid', 'The Authorization header is not "Bearer TOKEN"');
    if (this.isApiKey(bearer)) return { kind: 'application', userId: APPLICATION_USER };
    if (KEY_SHAPE.test(bearer)) throw new AppError('api-key-invalid');
    return this.verifyToken(bearer);
  }
}
