/** What a token can allow. A scope is a word, or a word and what it is about: `join:studio`. */
import { z } from 'zod';

/** Safe in an address, a file name and a scope. */
export const roomIdSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, - or _');
export const avatarIdSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, - or _');
/** Owner of the sample avatars, which everybody may use; no token may carry this name. */
export const SAMPLES_USER = 'samples';
export const userIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_.@:|-]{1,128}$/, 'must be 1 to 128 letters, digits or any of _.@:|-')
  .refine((id) => id !== SAMPLES_USER, `"${SAMPLES_USER}" is the name of the server's own avatars`);

/**
 * `enrol`: create and delete avatars of one's own. `avatar:ID`: use that avatar, whoever owns it.
 * `join:ROOM`: enter that room. `invite:ROOM`: bring guests into that room, and nothing else. `moderate:ROOM`: see who is in that room,
 * put people out of it, and end its invites.
 */
export const scopeSchema = z
  .string()
  .regex(
    /^(enrol|(avatar|join|invite|moderate):[A-Za-z0-9_-]{1,64})$/,
    'must be enrol, avatar:ID, join:ROOM, invite:ROOM or moderate:ROOM',
  );

export type Scope = 'enrol' | `avatar:${string}` | `join:${string}` | `invite:${string}` | `moderate:${string}`;

/** The scopes of a token's `scope` claim; words that this version does not know allow nothing and are dropped. */
export function parseScopes(claim: string): Scope[] {
  return claim.split(' ').filter((word): word is Scope => scopeSchema.safeParse(word).success);
}

const ROOM_SCOPE = /^(?:join|invite|moderate):(.*)$/;

/** The room that a scope is about; null where it is about none. */
export const roomOfScope = (scope: Scope): string | null => ROOM_SCOPE.exec(scope)?.[1] ?? null;
