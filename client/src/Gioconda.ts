/// <reference lib="dom" />
import { z } from 'zod';
import { Call } from './call/Call.ts';
import type { CallOptions } from './call/call-types.ts';
import { RestClient } from './http/RestClient.ts';
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

export interface GiocondaOptions {
  /** The server's origin, e.g. `https://calls.example.org`. */
  url: string;
  /** A participant's token, or a function that gets one; the latter is asked again when a token has expired. */
  token: string | (() => Promise<string> | string);
}

export interface EnrolOptions {
  /** One to eight pictures of one face, the best first. */
  portraits: Blob[];
  consent: Consent;
  name?: string;
  model?: string;
  /** Upload progress 0..1; the server's own work comes after 1. */
  onProgress?: (fraction: number) => void;
}

export type JoinOptions = Omit<CallOptions, 'url' | 'getToken'>;

/** One server, one user: avatars, rooms and the face tracker. */
export class Gioconda {
  readonly url: string;
  readonly #getToken: () => Promise<string> | string;
  readonly #rest: RestClient;

  private constructor({ url, token }: GiocondaOptions) {
    this.url = new URL(url).origin;
    this.#getToken = typeof token === 'function' ? token : () => token;
    this.#rest = new RestClient({ url: this.url, getToken: this.#getToken });
  }

  /** Checks that the server is there and speaks this version. @throws AppError `server-unreachable`, `protocol-version`. */
  static async connect(options: GiocondaOptions): Promise<Gioconda> {
    const gioconda = new Gioconda(options);
    await gioconda.config();
    return gioconda;
  }

  /**
   * Turns an invite into a guest's personal token. With `previous`, an earlier token of theirs (also an expired one), they stay the
   * same user and keep their avatars. @throws AppError `token-invalid`, `token-expired`.
   */
  static async enterAsGuest({ url, invite, previous }: { url: string; invite: string; previous?: string | undefined }): Promise<GuestInfo> {
    return new RestClient({ url, getToken: () => invite }).post('/guests', previous ? { previous } : null, guestSchema);
  }

  async config(): Promise<ClientConfig> {
    const schema = clientConfigSchema.loose() as unknown as z.ZodType<ClientConfig>;
    const config = await this.#rest.get('/config/client', schema).catch((error: unknown) => {
      if (error instanceof z.ZodError) throw new AppError('protocol-version', undefined, { cause: error });
      throw error;
    });
    if (config.protocol !== PROTOCOL_VERSION)
      throw new AppError('protocol-version', `the server speaks version ${config.protocol}, this client ${PROTOCOL_VERSION}`);
    return config;
  }

  async models(): Promise<ModelList['models']> {
    return (await this.#rest.get('/models', modelListSchema)).models;
  }

  async avatars(): Promise<AvatarInfo[]> {
    return (await this.#rest.get('/avatars', avatarListSchema)).avatars;
  }

  /** The picture of an avatar, as an image file. */
  async avatarPreview(avatarId: string): Promise<Blob> {
    return this.#rest.getBlob(`/avatars/${encodeURIComponent(avatarId)}/preview`);
  }

  /** Deletes portraits and generated weights on the server and revokes the consent. */
  async deleteAvatar(avatarId: string): Promise<void> {
    await this.#rest.delete(`/avatars/${encodeURIComponent(avatarId)}`);
  }

  /** Makes an avatar. @throws AppError `portrait-*` (a `PortraitRefusal` names which), `consent-missing`, `capacity`. */
  async enrol({ portraits, consent, name, model, onProgress }: EnrolOptions): Promise<AvatarInfo> {
    const form = new FormData();
    form.append('consent', JSON.stringify(consent));
    if (name) form.append('name', name);
    if (model) form.append('model', model);
    for (const [index, portrait] of portraits.entries())
      form.append('portraits', portrait, portrait instanceof File ? portrait.name : `portrait-${index + 1}.jpg`);
    return this.#rest.upload('/avatars', form, { schema: avatarSchema, onProgress });
  }

  /** Asks the server whether it would take this portrait; nothing is kept. */
  async checkPortrait(portrait: Blob): Promise<PortraitCheck> {
    const form = new FormData();
    form.append('portrait', portrait, 'portrait.jpg');
    return this.#rest.post('/portraits/check', form, portraitCheckSchema);
  }

  /** A link that lets others into a room. */
  async invite(roomId: string): Promise<InviteInfo> {
    return this.#rest.post(`/rooms/${encodeURIComponent(roomId)}/invites`, {}, inviteSchema);
  }

  /** Enters a room. @throws AppError of the token, the room or the browser. */
  async join(options: JoinOptions): Promise<Call> {
    return Call.join({ ...options, url: this.url, getToken: this.#getToken });
  }

  /** Loads the face tracker in a worker, wasm and models from this server. @throws AppError `tracker-failed`. */
  async loadTracker(): Promise<WorkerTracker> {
    return loadTracker({ assets: await loadTrackerAssets(this.url) });
  }
}
