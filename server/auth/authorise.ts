/** Who may do what, beyond what a route takes by itself (`RouteAccess`): one pure function over one table, so that the table can be tested as such. */
import { SAMPLES_USER, type Scope } from './scopes.ts';

/** Whoever holds the API key: the application's own server. */
export interface ApplicationPrincipal {
  kind: 'application';
  /** Owner of what the application creates without naming a user. */
  userId: 'application';
}

/** Whoever holds a token. */
export interface UserPrincipal {
  kind: 'user';
  userId: string;
  scopes: readonly Scope[];
  /** Seconds since the Unix epoch. */
  expiresAt: number;
  /** Nothing that is made with the token, renewals included, lasts longer: seconds since the Unix epoch. */
  endsAt: number;
  /** Users, invites and guests that the token came by, the first inviter first. */
  via: readonly string[];
  /** Revocations that it was made after. */
  after: readonly string[];
  /** Rooms that the token names, but may not be used for any more. */
  barredRooms: readonly string[];
}

/** Null: nobody in particular. */
export type Principal = ApplicationPrincipal | UserPrincipal | null;

interface AvatarRef {
  id: string;
  owner: string;
}

export type Action =
  | { do: 'create-avatar' | 'check-portrait' | 'list-avatars' | 'list-models' }
  | { do: 'use-avatar' | 'read-avatar' | 'delete-avatar' | 'read-consent'; avatar: AvatarRef }
  | { do: 'join-room' | 'read-room' | 'invite' | 'enter-as-guest' | 'moderate'; room: string }
  | { do: 'enrol-for-others' };

function userMay(user: UserPrincipal, action: Action): boolean {
  const has = (scope: Scope): boolean => user.scopes.includes(scope);
  switch (action.do) {
    case 'create-avatar':
    case 'check-portrait':
    case 'list-avatars':
      return has('enrol');
    case 'list-models':
      return user.scopes.length > 0;
    // An avatar is used by its owner, or by whom the application gave a scope for it; a sample by everybody.
    case 'use-avatar':
    case 'read-avatar':
      return has(`avatar:${action.avatar.id}`) || owns(user, action.avatar) || action.avatar.owner === SAMPLES_USER;
    case 'delete-avatar':
      return has('enrol') && owns(user, action.avatar);
    case 'read-consent':
      return owns(user, action.avatar) || action.avatar.owner === SAMPLES_USER;
    case 'join-room':
      return has(`join:${action.room}`);
    case 'read-room':
      return has(`join:${action.room}`) || has(`moderate:${action.room}`);
    case 'moderate':
      return has(`moderate:${action.room}`);
    case 'invite':
      return has(`join:${action.room}`) || has(`invite:${action.room}`);
    case 'enter-as-guest':
      return has(`invite:${action.room}`);
    case 'enrol-for-others':
      return false;
  }
}

function owns(user: UserPrincipal, avatar: AvatarRef): boolean {
  return user.userId === avatar.owner;
}

/** Pure: no clock, no store. An expired token never becomes a principal. */
export function authorise(principal: Principal, action: Action): boolean {
  if (!principal) return false;
  // The API key stands for no person: it makes tokens, it does not sit in a room.
  if (principal.kind === 'application') return action.do !== 'join-room' && action.do !== 'enter-as-guest';
  return userMay(principal, action);
}
