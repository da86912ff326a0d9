/** What our tokens say beside the registered claims (RFC 7519), and how it is read. */
import { z } from 'zod';
import { parseScopes, type Scope } from './scopes.ts';

/** Begins the user id of everybody who came by an invite; the application's own users cannot have such a name. */
export const GUEST_PREFIX = 'guest-';
/** Begins the name of every invite, which no user can have either. */
export const INVITE_PREFIX = 'invite-';

/** An invite that was passed on so often is passed on no further. */
export const MAX_VIA = 40;

const names = z.array(z.string().max(128)).max(256).default([]);

const claimsSchema = z.object({
  sub: z.string(),
  exp: z.number(),
  scope: z.string(),
  /** Users, invites and guests that this came by, the first inviter first. */
  via: names,
  /** Revocations that this was made after. */
  after: names,
  /** Nothing that comes of this lasts longer: seconds since the Unix epoch. */
  end: z.number().optional(),
});

export interface Claims {
  userId: string;
  scopes: readonly Scope[];
  expiresAt: number;
  endsAt: number;
  via: readonly string[];
  after: readonly string[];
}

/** Null for what no token of ours says. */
export function readClaims(payload: unknown): Claims | null {
  const parsed = claimsSchema.safeParse(payload);
  if (!parsed.success) return null;
  const { sub, exp, scope, via, after, end } = parsed.data;
  // Tokens of earlier versions have no end of their own: nothing that is made with them lasts longer than they do.
  return { userId: sub, scopes: parseScopes(scope), expiresAt: exp, endsAt: Math.max(exp, end ?? exp), via, after };
}

/** Whether it came by an invite, or is one. */
export const isInvited = ({ userId, via }: Pick<Claims, 'userId' | 'via'>): boolean =>
  via.length > 0 || userId.startsWith(INVITE_PREFIX) || userId.startsWith(GUEST_PREFIX);
