/// <reference lib="dom" preserve="true" />
/// <reference lib="dom.iterable" preserve="true" />
import type { components } from './api.ts';
import { ApiError } from './ApiError.ts';
import { ask, send } from './request.ts';
import type { AnswerOf, Connection } from './request.ts';

export type Avatar = components['schemas']['Avatar'];
export type Room = components['schemas']['Room'];
export type Consent = components['schemas']['ConsentInput'];
export type ConsentRecord = components['schemas']['ConsentRecord'];
export type Revocation = components['schemas']['Revocation'];
export type Token = AnswerOf<'/api/v1/tokens', 'post'>;
export type Invite = AnswerOf<'/api/v1/rooms/{room}/invites', 'post'>;
export type CreatedRoom = AnswerOf<'/api/v1/rooms', 'post'>;
export type RoomSummary = AnswerOf<'/api/v1/rooms', 'get'>['rooms'][number];

/** What a token allows: its person's own avatars, one avatar, a room to enter, to bring guests into, or to keep in order. */
export type Scope = 'enrol' | `avatar:${string}` | `join:${string}` | `invite:${string}` | `moderate:${string}`;

export interface ServerApiOptions {
  /** The Gioconda server's origin, e.g. `https://calls.example.org`. */
  url: string;
  /** `auth.apiKey` of that server, or the key that it shows at its first start. It may do everything: it stays on your server. */
  apiKey: string;
  /** Of each request, 30 s by default; creating an avatar has three minutes. */
  timeoutMs?: number;
}

export interface RequestOptions {
  /** Gives the request up: it then fails with `aborted`. */
  signal?: AbortSignal | undefined;
}

export interface TokenRequest {
  /** Your name for the person, 1 to 128 letters, digits or any of `_.@:|-`. The same name has the same avatars again. */
  userId: string;
  scopes: Scope[];
  /** The server has a default (12 hours) and a maximum (30 days). */
  ttlSeconds?: number;
}

export interface AvatarRequest {
  /** Whose the avatar is: the `userId` of their tokens. */
  owner: string;
  /** One to eight pictures of one face, the best first: bytes of a JPEG, PNG, WebP, AVIF or GIF file. */
  portraits: (Blob | Uint8Array)[];
  consent: Consent;
  name?: string;
  model?: string;
}

const TIMEOUT_MS = 30_000;
const ENROLMENT_TIMEOUT_MS = 180_000;

/**
 * What an application's own server asks of a Gioconda server, with the API key: tokens for its people, their avatars, rooms, invites, and
 * taking access back. Every failure is an `ApiError`.
 *
 * @example
 * const gioconda = new ServerApi({ url: 'https://calls.example.org', apiKey: process.env.GIOCONDA_AUTH_API_KEY! });
 * const { token } = await gioconda.createToken({ userId: 'ann', scopes: ['enrol', 'join:studio'] });
 */
export class ServerApi {
  readonly #connection: Connection;

  /** @throws ApiError `bad-request` for an address that is none, or without a key. */
  constructor({ url, apiKey, timeoutMs = TIMEOUT_MS }: ServerApiOptions) {
    const origin = originOf(url);
    if (!apiKey) throw misuse('apiKey: it is empty');
    this.#connection = { origin, apiKey, timeoutMs };
  }

  /** A token for one person: give it to their browser, never the API key. */
  createToken(body: TokenRequest, options?: RequestOptions): Promise<Token> {
    return ask(this.#with(options), 'post', '/api/v1/tokens', { json: body });
  }

  /** Takes back all tokens that a user has; their calls end at once, and new tokens work. */
  revokeTokens(userId: string, options?: RequestOptions): Promise<Revocation> {
    const params = { path: { user: userId } };
    return ask(this.#with(options), 'delete', '/api/v1/users/{user}/tokens', params);
  }

  /** Makes an avatar; the one that is there already when the same owner sends the same portraits again. @throws ApiError `portrait-*` */
  createAvatar({ owner, portraits, consent, name, model }: AvatarRequest, options?: RequestOptions): Promise<Avatar> {
    const form = new FormData();
    form.append('owner', owner);
    form.append('consent', JSON.stringify(consent));
    if (name !== undefined) form.append('name', name);
    if (model !== undefined) form.append('model', model);
    for (const [index, portrait] of portraits.entries())
      form.append('portraits', portrait instanceof Blob ? portrait : new Blob([Uint8Array.from(portrait)]), `portrait-${index + 1}`);
    const connection = this.#with(options);
    const timeoutMs = Math.max(connection.timeoutMs, ENROLMENT_TIMEOUT_MS);
    return ask({ ...connection, timeoutMs }, 'post', '/api/v1/avatars', { form });
  }

  /** The avatars of one user, with the server's samples. */
  async listAvatars(owner: string, options?: RequestOptions): Promise<Avatar[]> {
    const params = { query: { owner } };
    return (await ask(this.#with(options), 'get', '/api/v1/avatars', params)).avatars;
  }

  getAvatar(avatarId: string, options?: RequestOptions): Promise<Avatar> {
    const params = { path: { avatar: avatarId } };
    return ask(this.#with(options), 'get', '/api/v1/avatars/{avatar}', params);
  }

  /** The avatar's picture: PNG or JPEG. */
  async getAvatarPreview(avatarId: string, options?: RequestOptions): Promise<Blob> {
    const params = { path: { avatar: avatarId } };
    return (await send(this.#with(options), 'get', '/api/v1/avatars/{avatar}/preview', params)).blob();
  }

  /** Who agreed to what and when; also after it was taken back. */
  getConsent(avatarId: string, options?: RequestOptions): Promise<ConsentRecord> {
    const params = { path: { avatar: avatarId } };
    return ask(this.#with(options), 'get', '/api/v1/avatars/{avatar}/consent', params);
  }

  /** Deletes portraits and generated weights, takes the avatar out of calls, and marks the consent as taken back. */
  async deleteAvatar(avatarId: string, options?: RequestOptions): Promise<void> {
    const params = { path: { avatar: avatarId } };
    await send(this.#with(options), 'delete', '/api/v1/avatars/{avatar}', params);
  }

  /** All open rooms. */
  async listRooms(options?: RequestOptions): Promise<RoomSummary[]> {
    return (await ask(this.#with(options), 'get', '/api/v1/rooms')).rooms;
  }

  /** Names a room and makes a link into it; the room itself comes with its first participant. */
  createRoom(id?: string, options?: RequestOptions): Promise<CreatedRoom> {
    const body = id === undefined ? {} : { id };
    return ask(this.#with(options), 'post', '/api/v1/rooms', { json: body });
  }

  /** Who is in the room. */
  getRoom(roomId: string, options?: RequestOptions): Promise<Room> {
    const params = { path: { room: roomId } };
    return ask(this.#with(options), 'get', '/api/v1/rooms/{room}', params);
  }

  /** Ends the room for everybody in it. */
  async closeRoom(roomId: string, options?: RequestOptions): Promise<void> {
    const params = { path: { room: roomId } };
    await send(this.#with(options), 'delete', '/api/v1/rooms/{room}', params);
  }

  /** A link into the room for people without an account of yours. */
  createInvite(roomId: string, options?: RequestOptions): Promise<Invite> {
    const params = { path: { room: roomId } };
    return ask(this.#with(options), 'post', '/api/v1/rooms/{room}/invites', params);
  }

  /** Ends one invite, and with it everybody who came by it. */
  revokeInvite(roomId: string, inviteId: string, options?: RequestOptions): Promise<Revocation> {
    const params = { path: { room: roomId, invite: inviteId } };
    return ask(this.#with(options), 'delete', '/api/v1/rooms/{room}/invites/{invite}', params);
  }

  /** Puts somebody out of the room; they stay out. `participantId` as in `getRoom`. */
  removeParticipant(roomId: string, participantId: string, options?: RequestOptions): Promise<Revocation> {
    const params = { path: { room: roomId, participant: participantId } };
    return ask(this.#with(options), 'delete', '/api/v1/rooms/{room}/participants/{participant}', params);
  }

  #with({ signal }: RequestOptions = {}): Connection {
    return { ...this.#connection, signal };
  }
}

function originOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed?.protocol === 'http:' || parsed?.protocol === 'https:') return parsed.origin;
  throw misuse(`url: ${JSON.stringify(url)} is no address of a server such as "https://calls.example.org"`);
}

const misuse = (message: string): ApiError => new ApiError({ code: 'bad-request', message: `${message}.`, retryable: false });
