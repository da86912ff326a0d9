/** A real HTTP server on loopback with a real store in a folder of its own, and a client that holds every answer against the OpenAPI document. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  AvatarInfo,
  ClientConfig,
  ConsentRecordInfo,
  CreatedRoom,
  GuestInfo,
  ModelList,
  PortraitCheck,
  PortraitWarning,
  Readiness,
  RevocationInfo,
  RoomInfo,
  TokenInfo,
  WireError,
} from '../../client/src/protocol/index.ts';
import { Authority } from '../../server/auth/Authority.ts';
import { Revocations } from '../../server/auth/Revocations.ts';
import { loadOrCreateKeys } from '../../server/auth/keys.ts';
import { parseConfig, type SettledConfig, settledConfig } from '../../server/config/index.ts';
import { Enrolment } from '../../server/enrolment/enrolment.ts';
import { type EnrolmentBackend, type EnrolmentResult } from '../../server/enrolment/ports.ts';
import { PortraitError } from '../../server/portraits/PortraitError.ts';
import type { PortraitLimits } from '../../server/portraits/limits.ts';
import { createHttpServer, type App } from '../../server/http/create-http-server.ts';
import type { HealthPart, RoomSummary, StaticAsset } from '../../server/http/ports.ts';
import { createLog, type Logger } from '../../server/base/log.ts';
import { Metrics } from '../../server/metrics.ts';
import { Store } from '../../server/store/Store.ts';
import { OpenApiContract } from './OpenApiContract.ts';

/** Enrolment without a network: refuses what does not begin like a PNG, derives everything else from the bytes. */
export class FakeBackend implements EnrolmentBackend {
  modelVersion = '1.0.0';
  enrolments = 0;
  /** Of the last enrolment. */
  limits: PortraitLimits | null = null;
  /** Awaited before each enrolment answers. */
  gate: Promise<unknown> = Promise.resolve();
  failure: Error | null = null;

  models(): { name: string; version: string; size: number }[] {
    return [
      { name: 'warp', version: this.modelVersion, size: 256 },
      { name: 'other', version: '7', size: 512 },
    ];
  }

  async prepareAndEnrol({
    portraits,
    limits,
    model,
  }: {
    portraits: Buffer[];
    limits: PortraitLimits;
    model: string;
  }): Promise<EnrolmentResult> {
    this.enrolments += 1;
    this.limits = limits;
    await this.gate;
    if (this.failure) throw this.failure;
    portraits.forEach((portrait, index) => this.#refuse(portrait, index));
    const seed = createHash('sha256').update(Buffer.concat(portraits)).update(model).update(this.modelVersion).digest();
    return {
      weights: Buffer.concat([Buffer.from('weights'), seed]),
      preview: portraits[0]!,
      normalised: portraits.map((portrait) => Buffer.concat([portrait, Buffer.from('normalised')])),
      warnings: this.#warnings(portraits),
    };
  }

  async checkPortrait(bytes: Buffer): Promise<{ warnings: PortraitWarning[] }> {
    this.#refuse(bytes, 0);
    return { warnings: this.#warnings([bytes]) };
  }

  #refuse(portrait: Buffer, index: number): void {
    if (portrait[0] !== 0x89) throw new PortraitError('portrait-not-an-image', index);
    if (portrait.includes('no face')) throw new PortraitError('portrait-no-face', index, `Portrait ${index + 1} shows no face`);
  }

  #warnings(portraits: readonly Buffer[]): PortraitWarning[] {
    return portraits.flatMap((portrait, index) =>
      portrait.includes('eyes closed') ? [{ portrait: index, code: 'eyes-closed', message: 'The eyes are closed.' }] : [],
    );
  }
}

export class FakeRooms {
  readonly open = new Map<string, RoomSummary>();
  summaries = (): RoomSummary[] => [...this.open.values()];
  summary = (id: string): RoomSummary | undefined => this.open.get(id);
  closeRoom = (id: string): boolean => this.open.delete(id);
  removeParticipant = (roomId: string, id: string): string | null => {
    const room = this.open.get(roomId);
    const index = room?.participants.findIndex((participant) => participant.id === id) ?? -1;
    return index < 0 ? null : (room!.participants.splice(index, 1)[0]?.userId ?? null);
  };
}

/** Begins like a PNG; `text` makes it this one and no other. */
export const fakePortrait = (text: string): Buffer => Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47]), Buffer.from(text)]);

export const consent = {
  subject: 'Lisa Gherardini',
  givenAt: '2026-01-02T03:04:05Z',
  statement: 'I agree that my portrait is animated in calls.',
};

/** The form that creates an avatar. */
export function avatarForm({ portraits, fields = {} }: { portraits: Buffer[]; fields?: Record<string, unknown> }): FormData {
  const form = new FormData();
  const all: Record<string, unknown> = { consent, ...fields };
  for (const [name, value] of Object.entries(all))
    if (value !== undefined) form.append(name, typeof value === 'string' ? value : JSON.stringify(value));
  portraits.forEach((portrait, index) =>
    form.append('portraits', new Blob([new Uint8Array(portrait)], { type: 'image/png' }), `portrait-${index}.png`),
  );
  return form;
}

export interface RunningHttp {
  app: App;
  url: string;
  apiKey: string;
  authority: Authority;
  backend: FakeBackend;
  rooms: FakeRooms;
  store: Store;
  enrolment: Enrolment;
  dataDir: string;
  config: SettledConfig;
  contract: OpenApiContract;
  health: { parts: HealthPart[] | Error };
  /** `path` without its `/api/v1` is meant below it. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  tokenFor(userId: string, ...scopes: string[]): Promise<string>;
  close(options?: { keepData?: boolean }): Promise<void>;
}

export interface CallOptions {
  token?: string;
  json?: unknown;
  form?: FormData;
  headers?: Record<string, string>;
}

export interface Answer {
  status: number;
  headers: Headers;
  bytes: Buffer;
  /** Parsed JSON; empty where there is none. What is in it, the contract has checked. */
  body: AnswerBody;
}

type Bodies = AvatarInfo &
  ClientConfig &
  ConsentRecordInfo &
  CreatedRoom &
  GuestInfo &
  ModelList &
  Omit<PortraitCheck, 'problem'> &
  Readiness &
  RevocationInfo &
  RoomInfo &
  TokenInfo;
export type AnswerBody = Partial<Bodies> & {
  error?: WireError & { portrait?: number };
  problem?: (WireError & { portrait?: number }) | null;
  avatars?: AvatarInfo[];
  rooms?: Omit<RoomInfo, 'participants'>[];
  revocations?: RevocationInfo[];
};

export interface StartOptions {
  log?: Logger;
  config?: Record<string, unknown>;
  dataDir?: string;
  assets?: Map<string, StaticAsset>;
}

export async function startHttp({ config: overrides = {}, dataDir, assets = new Map(), log }: StartOptions = {}): Promise<RunningHttp> {
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), 'gioconda-http-')));
  const parsed = parseConfig({ dataDir: folder, logLevel: 'silent', synthesis: { model: 'warp' }, ...overrides });
  const config = settledConfig(parsed, { model: parsed.synthesis.model, size: 256 });
  const keys = loadOrCreateKeys(config);
  const store = await Store.create(config);
  const revocations = Revocations.create({ store, longestTtlSeconds: config.auth.maxTokenTtlSeconds, returnWithinSeconds: 0 });
  const authority = Authority.create({ ...config.auth, apiKey: keys.apiKey, tokenSecret: keys.tokenSecret, revocations });
  const backend = new FakeBackend();
  const metrics = Metrics.create({ processDefaults: false });
  metrics.watchAvatars(() => ({ rendered: 0, idle: 0, sharing: { costs: new Map(), fits: new Map(), lowest: null, median: null } }));
  const enrolment = Enrolment.create({ store, backend, limits: config.enrolment, defaultModel: config.synthesis.model, metrics });
  const rooms = new FakeRooms();
  const health: { parts: HealthPart[] | Error } = { parts: [{ name: 'store', ok: true }] };
  const app = await createHttpServer({
    config,
    auth: authority,
    revocations,
    enrolment,
    rooms,
    metrics,
    assets,
    log: log ?? createLog(config),
    health: () => {
      if (health.parts instanceof Error) throw health.parts;
      return health.parts;
    },
  });
  const url = await app.listen({ host: config.host, port: 0 });
  const contract = OpenApiContract.create(app.swagger() as never);

  const call = async (method: string, path: string, { token, json, form, headers = {} }: CallOptions = {}): Promise<Answer> => {
    const full = /^\/(api|healthz|readyz|metrics|assets|$)/.test(path) ? path : `/api/v1${path}`;
    const body = form ?? (json === undefined ? null : JSON.stringify(json));
    const response = await fetch(url + full, {
      method,
      body,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
    const answer = {
      status: response.status,
      headers: response.headers,
      bytes,
      body: isJson ? (JSON.parse(bytes.toString()) as AnswerBody) : {},
    };
    contract.check({ method, path: full, status: answer.status, contentType: response.headers.get('content-type'), body: answer.body });
    return answer;
  };
  const close = async ({ keepData = false } = {}): Promise<void> => {
    await app.close();
    revocations.close();
    await enrolment.close();
    await store.close();
    if (!keepData) await rm(folder, { recursive: true, force: true });
  };
  const tokenFor = async (userId: string, ...scopes: string[]): Promise<string> =>
    (await authority.mintToken({ userId, scopes: scopes as never })).token;
  return {
    app,
    url,
    apiKey: keys.apiKey,
    authority,
    backend,
    rooms,
    store,
    enrolment,
    dataDir: folder,
    config,
    contract,
    health,
    call,
    tokenFor,
    close,
  };
}
