/// <reference lib="dom" preserve="true" />
import { Call } from './call/Call.ts';
import type { CallOptions } from './call/call-types.ts';
import type { ServerLink } from './call/server-link.ts';
import { foreignOrigin, originRefused } from './http/origin.ts';
import { RestClient } from './http/RestClient.ts';
import type { RequestOptions } from './http/RestClient.ts';
import { serverOrigin } from './http/server-address.ts';
import { TokenSource } from './http/TokenSource.ts';
import type { TokenFunction } from './http/TokenSource.ts';
import {
  AppError,
  avatarListSchema,
  avatarSchema,
  clientConfigSchema,
  guestSchema,
  inviteSchema,
  modelListSchema,
  portraitCheckSchema,
  PROTOCOL_VERSION,
} from './protocol/index.ts';
import type { AvatarInfo, ClientConfig, Consent, GuestInfo, InviteInfo, ModelList, PortraitCheck } from './protocol/index.ts';
import { loadTracker, loadTrackerAssets } from './tracking/load-tracker.ts';
import type { WorkerTracker } from './tracking/WorkerTracker.ts';

export interface GiocondaOptions extends RequestOptions {
  /** The server's origin, e.g. `https://calls.example.org`. */
  url: string;
  /**
   * A participant's token, or a function that gets one. The function is asked once; what it gives is shared by all requests and calls and
   * kept until shortly before it expires, then the function is asked again.
   */
  token: string | TokenFunction;
  /** Other ways to the server than the usual ones: `FakeServer.link` of `@gioconda/client/testing`. */
  link?: ServerLink | undefined;
}

export interface EnrolOptions extends RequestOptions {
  /** One to eight pictures of one face, the best first. */
  portraits: Blob[];
  consent: Consent;
  name?: string;
  model?: string;
  /** Upload progress 0..1; the server's own work comes after 1. */
  onProgress?: (fraction: number) => void;
}

export interface GuestOptions extends RequestOptions {
  /** The server's origin. */
  url: string;
  /** The invite token of a link. */
  invite: string;
  /** An earlier token of this guest, also an expired one. */
  previous?: string | undefined;
}

export type JoinOptions = Omit<CallOptions, 'url' | 'token' | 'link'>;

/**
 * One server, one user: avatars, rooms and the face tracker. Every failure is an `AppError`; every request takes an `AbortSignal` (then
 * `aborted`) and has a time-out (`deadline`; 30 s, for enrolment 3 minutes).
 */
export class Gioconda {
  readonly url: string;
  readonly #tokens: TokenSource;
  readonly #rest: RestClient;
  readonly #link: ServerLink | undefined;

  private constructor({ url, token, link }: GiocondaOptions) {
    this.#link = link;
    this.url = serverOrigin(url);
    this.#tokens = new TokenSource(token);
    this.#rest = new RestClient({ url: this.url, token: this.#tokens, fetch: link?.fetch });
  }

  /**
   * Checks that the server is there, speaks this version and lets this page in.
   * @throws AppError `server-unreachable`, `protocol-version`, `origin-refused`, `bad-request` for an address that is none.
   */
  static async connect(options: GiocondaOptions): Promise<Gioconda> {
    const gioconda = new Gioconda(options);
    const { originAllowed } = await gioconda.config(options);
    const origin = foreignOrigin(gioconda.url);
    if (origin !== null && originAllowed === false) throw originRefused(origin);
    return gioconda;
  }

  /**
   * Turns an invite into a guest's personal token. With `previous`, an earlier token of theirs (also an expired one), they stay the
   * same user and keep their avatars. @throws AppError `token-invalid`, `token-expired`.
   */
  static async enterAsGuest({ url, invite, previous, ...options }: GuestOptions): Promise<GuestInfo> {
    return new RestClient({ url, token: invite }).post('/guests', previous ? { previous } : null, guestSchema, options);
  }

  /** What the server can do and allows; needs no token. @throws AppError `server-unreachable`, `protocol-version`. */
  async config({ signal, timeoutMs }: RequestOptions = {}): Promise<ClientConfig> {
    const config = await new RestClient({ url: this.url, token: null, fetch: this.#link?.fetch }).get(
      '/config/client',
      clientConfigSchema,
      {
        signal,
        timeoutMs,
      },
    );
    if (config.protocol !== PROTOCOL_VERSION)
      throw new AppError('protocol-version', `the server speaks version ${config.protocol}, this client ${PROTOCOL_VERSION}`);
    return config;
  }

  async models(options?: RequestOptions): Promise<ModelList['models']> {
    return (await this.#rest.get('/models', modelListSchema, options)).models;
  }

  /** The user's own avatars, none at first. */
  async avatars(options?: RequestOptions): Promise<AvatarInfo[]> {
    return (await this.#rest.get('/avatars', avatarListSchema, options)).avatars;
  }

  /** The picture of an avatar, as an image file. */
  async avatarPreview(avatarId: string, options?: RequestOptions): Promise<Blob> {
    return this.#rest.getBlob(`/avatars/${encodeURIComponent(avatarId)}/preview`, options);
  }

  /** Deletes portraits and generated weights on the server and revokes the consent. */
  async deleteAvatar(avatarId: string, options?: RequestOptions): Promise<void> {
    await this.#rest.delete(`/avatars/${encodeURIComponent(avatarId)}`, options);
  }

  /** Makes an avatar. @throws AppError `portrait-*` (a `PortraitRefusal` names which), `consent-missing`, `capacity`. */
  async enrol({ portraits, consent, name, model, onProgress, signal, timeoutMs }: EnrolOptions): Promise<AvatarInfo> {
    const form = new FormData();
    form.append('consent', JSON.stringify(consent));
    if (name) form.append('name', name);
    if (model) form.append('model', model);
    for (const [index, portrait] of portraits.entries())
      form.append('portraits', portrait, portrait instanceof File ? portrait.name : `portrait-${index + 1}.jpg`);
    return this.#rest.upload('/avatars', form, { schema: avatarSchema, onProgress, signal, timeoutMs });
  }

  /** Asks the server whether it would take this portrait; nothing is kept. */
  async checkPortrait(portrait: Blob, options?: RequestOptions): Promise<PortraitCheck> {
    const form = new FormData();
    form.append('portrait', portrait, 'portrait.jpg');
    return this.#rest.upload('/portraits/check', form, { schema: portraitCheckSchema, ...options });
  }

  /** A link that lets others into a room. */
  async invite(roomId: string, options?: RequestOptions): Promise<InviteInfo> {
    return this.#rest.post(`/rooms/${encodeURIComponent(roomId)}/invites`, {}, inviteSchema, options);
  }

  /** Enters a room. @throws AppError of the token, the room or the browser. */
  async join(options: JoinOptions): Promise<Call> {
    return Call.join({ ...options, url: this.url, token: this.#tokens, link: this.#link });
  }

  /** Loads the face tracker in a worker, wasm and models from this server. @throws AppError `tracker-failed`, `server-unreachable`. */
  async loadTracker(options?: RequestOptions): Promise<WorkerTracker> {
    const { fetch, createWorker } = this.#link ?? {};
    const assets = await loadTrackerAssets(this.url, { ...options, ...(fetch && { fetch }) });
    return loadTracker({ assets, ...(createWorker && { createWorker }), ...(options?.signal && { signal: options.signal }) });
  }
}
