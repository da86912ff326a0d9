/// <reference lib="dom" preserve="true" />
/** The HTTP API of the fake server, in memory. */
import { AppError, consentSchema, PROTOCOL_VERSION } from '../protocol/index.ts';
import type { AvatarInfo, ClientConfig } from '../protocol/index.ts';

interface Call {
  path: string;
  parts: string[];
  form: FormData | null;
}

type Handler = (call: Call) => Response | Promise<Response>;

const json = (body: unknown, status = 200): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });

/** One pixel. */
const PREVIEW = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const LATER_MS = 3_600_000;

const config: ClientConfig = {
  version: 'fake',
  protocol: PROTOCOL_VERSION,
  originAllowed: true,
  tracker: '/assets/tracker.json',
  model: 'warp',
  limits: {
    maxPortraits: 8,
    maxPortraitBytes: 20_000_000,
    maxUploadBytes: 64_000_000,
    maxPortraitPixels: 50_000_000,
    maxParticipants: 16,
    maxDisplayNameLength: 64,
  },
  video: { size: 256, framesPerSecond: 30, codec: 'vp8' },
};

export class FakeRest {
  readonly avatars: AvatarInfo[];
  #nextId = 1;

  constructor(avatars: AvatarInfo[]) {
    this.avatars = avatars;
  }

  /** `name`: method and path pattern, as in the API's page: `GET /avatars/{avatar}`. */
  async answer(method: string, url: string, body: unknown, before: (name: string) => AppError | null): Promise<Response> {
    const path = new URL(url).pathname.replace(/^\/api\/v1/, '');
    for (const [name, handler] of Object.entries(this.#routes)) {
      const [wanted, pattern = ''] = name.split(' ');
      const match = new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, '([^/]+)')}$`).exec(path);
      if (wanted !== method || !match) continue;
      try {
        const refusal = before(name);
        if (refusal) throw refusal;
        return await handler({ path, parts: match.slice(1).map(decodeURIComponent), form: body instanceof FormData ? body : null });
      } catch (thrown) {
        const error = AppError.from(thrown);
        return json({ error: error.toWire() }, error.status);
      }
    }
    return json({ error: new AppError('not-found').toWire() }, 404);
  }

  readonly #routes: Record<string, Handler> = {
    'GET /config/client': () => json(config),
    'GET /models': () => json({ models: [{ name: 'warp', version: 'fake', size: 256, default: true }] }),
    'GET /avatars': () => json({ avatars: this.avatars }),
    'POST /avatars': ({ form }) => json(this.#enrol(form), 201),
    'GET /avatars/{avatar}': ({ parts }) => json(this.#avatar(parts[0]!)),
    'DELETE /avatars/{avatar}': ({ parts }) => {
      this.avatars.splice(this.avatars.indexOf(this.#avatar(parts[0]!)), 1);
      return new Response(null, { status: 204 });
    },
    'GET /avatars/{avatar}/preview': ({ parts }) => {
      this.#avatar(parts[0]!);
      return new Response(
        Uint8Array.from(atob(PREVIEW), (letter) => letter.charCodeAt(0)),
        { headers: { 'content-type': 'image/png' } },
      );
    },
    'POST /portraits/check': () => json({ ok: true, problem: null, warnings: [] }),
    'POST /rooms/{room}/invites': ({ parts }) => json(this.#invite(parts[0]!), 201),
    'GET /assets/tracker.json': () => json({ workerUrl: '/fake', wasmLoaderUrl: '/fake', wasmBinaryUrl: '/fake', modelUrl: '/fake' }),
  };

  #avatar(id: string): AvatarInfo {
    const found = this.avatars.find((avatar) => avatar.id === id);
    if (!found) throw new AppError('avatar-not-found');
    return found;
  }

  #enrol(form: FormData | null): AvatarInfo {
    const portraits = form?.getAll('portraits') ?? [];
    if (portraits.length === 0 || portraits.length > 8) throw new AppError('portrait-count');
    const consent = form?.get('consent');
    if (typeof consent !== 'string' || !consentSchema.safeParse(JSON.parse(consent)).success) throw new AppError('consent-missing');
    const name = form?.get('name');
    const avatar = fakeAvatar({ id: `avatar-${this.#nextId++}`, portraits: portraits.length, ...(typeof name === 'string' && { name }) });
    this.avatars.push(avatar);
    return avatar;
  }

  #invite(room: string): object {
    const [invite, expiresAt] = [`invite-${this.#nextId++}`, new Date(Date.now() + LATER_MS).toISOString()];
    const path = `/#room=${room}&invite=${invite}`;
    return { invite, inviteId: invite, path, url: `https://gioconda.test${path}`, expiresAt };
  }
}

/** An avatar as the server lists it. */
export function fakeAvatar(change: Partial<AvatarInfo> = {}): AvatarInfo {
  return {
    id: 'avatar',
    name: 'Avatar',
    model: 'warp',
    createdAt: '2026-01-01T00:00:00.000Z',
    portraits: 1,
    sample: false,
    warnings: [],
    ...change,
  };
}
