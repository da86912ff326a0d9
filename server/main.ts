/** The composition root: every part is made here, wired here, and ended here in reverse order. */
import { isIP, isIPv6, type AddressInfo } from 'node:net';
import { lookup } from 'node:dns/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { AppError, type InviteInfo } from '../client/src/protocol/index.ts';
import { Authority, roomsOf } from './auth/Authority.ts';
import { authorise } from './auth/authorise.ts';
import { INVITE_PREFIX, isInvited } from './auth/claims.ts';
import { iceServersFor } from './auth/ice-servers.ts';
import { DamagedKey, loadOrCreateKeys, type Keys } from './auth/keys.ts';
import { Revocations } from './auth/Revocations.ts';
import { Rooms } from './call/Rooms.ts';
import { ConfigError, settledConfig, type Config, type SettledConfig } from './config/index.ts';
import { Enrolment } from './enrolment/enrolment.ts';
import { ensureSamples } from './enrolment/sample-avatars.ts';
import type { ModelInfo } from './enrolment/ports.ts';
import { addressReader } from './http/client-address.ts';
import { createHttpServer, type App } from './http/create-http-server.ts';
import { createInvite } from './http/invites.ts';
import { pageAssets } from './http/page-assets.ts';
import type { HealthPart } from './http/ports.ts';
import { createLog } from './base/log.ts';
import { MediaWorkers } from './media/MediaWorkers.ts';
import { Metrics } from './metrics.ts';
import type { Access } from './signalling/access.ts';
import { SignallingServer } from './signalling/SignallingServer.ts';
import { samplesFolder, trackerModelPath } from './base/paths.ts';
import { Store } from './store/Store.ts';
import { explained } from './store/StoreError.ts';
import { availableModels } from './synthesis/model/available-models.ts';
import { landmarkFolder } from './landmarker/landmark-models.ts';
import { requireCacheFolder } from './setup/cache-folder.ts';
import { knownSpeeds, settleModel } from './setup/model-choice.ts';
import { EnrolmentWorker } from './synthesis/process/EnrolmentWorker.ts';
import { SynthesisPool } from './synthesis/process/SynthesisPool.ts';

export interface ServerOptions {
  config: Config;
  log?: Logger;
  /** A recording that live avatars show instead of themselves. Load tests measure everything else with it; no setting chooses it. */
  replay?: string;
}

/** The room that the link printed in development mode leads to. */
const DEVELOPMENT_ROOM = 'studio';

const REPLAYED_FRAME_MS = 0.5;

interface Parts {
  config: SettledConfig;
  keys: Keys;
  url: string;
  pool: SynthesisPool;
  media: MediaWorkers;
  metrics: Metrics;
  authority: Authority;
  closing: (() => unknown)[];
}

export class GiocondaServer {
  /** As given, with a model's name, a size and a bit rate in the places of `auto` and of none. */
  readonly config: SettledConfig;
  readonly keys: Keys;
  readonly url: string;
  readonly pool: SynthesisPool;
  readonly media: MediaWorkers;
  readonly #metrics: Metrics;
  readonly #authority: Authority;
  readonly #closing: (() => unknown)[];
  #closed: Promise<void> | null = null;

  /** Starts everything and listens. What was started is ended again if a later part fails. */
  static async create(options: ServerOptions): Promise<GiocondaServer> {
    const closing: (() => unknown)[] = [];
    try {
      return await start(options, closing);
    } catch (error) {
      await closeAll(closing);
      throw error;
    }
  }

  /** @internal */
  constructor(parts: Parts) {
    this.config = parts.config;
    this.#metrics = parts.metrics;
    this.keys = parts.keys;
    this.url = parts.url;
    this.pool = parts.pool;
    this.media = parts.media;
    this.#authority = parts.authority;
    this.#closing = parts.closing;
  }

  /** What all avatars have sent so far. */
  get sent(): { readonly frames: number; readonly bytes: number } {
    return this.#metrics.sent;
  }

  /** An invite with which anybody can enter the room as a guest. */
  invite(room = DEVELOPMENT_ROOM): Promise<InviteInfo> {
    return createInvite(this.#authority, { room, baseUrl: this.url });
  }

  /** The same as a link to the page. */
  async inviteLink(room?: string): Promise<string> {
    return (await this.invite(room)).url;
  }

  /** Ends calls, processes and files; a second call waits for the first. */
  close(): Promise<void> {
    this.#closed ??= closeAll(this.#closing);
    return this.#closed;
  }
}

async function start(
  { config: given, log = createLog(given), replay }: ServerOptions,
  closing: (() => unknown)[],
): Promise<GiocondaServer> {
  const owned = <T>(part: T, close: (part: T) => unknown): T => {
    closing.unshift(() => close(part));
    return part;
  };
  // First, while the machine has nothing else to do: it may have to be measured.
  const config = await withModel(given, log);
  const listenAddress = await addressOfName(config.host, 'host');
  const mediaAddress = config.media.listenIp === null ? listenAddress : await addressOfName(config.media.listenIp, 'media.listenIp');
  const metrics = Metrics.create();
  // One after the other: what has started is registered for its end before the next may fail.
  const store = owned(
    await Store.create({ dataDir: config.dataDir, quarantineDays: config.store.quarantineDays, log: log.child({ part: 'store' }) }),
    (part) => part.close(),
  );
  // Behind the store, which says what is wrong with a data folder that cannot be written.
  const keys = keysOf(config);
  const revocations = owned(revocationsOf(config, store, log), (part) => part.close());
  const authority = Authority.create({ ...config.auth, ...keys, revocations });
  await requireCacheFolder(config.cacheDir);
  const assets = await pageAssets({ cacheDir: join(config.cacheDir, 'page'), trackerModelPath });
  const media = owned(await MediaWorkers.create(mediaOptions(config, mediaAddress), log), (part) => part.close());
  const models = await availableModels(config.video.size);
  const enroller = owned(new EnrolmentWorker({ log, cacheDir: landmarkFolder(config.cacheDir), models }), (part) => part.close());
  const enrolment = owned(
    Enrolment.create({
      store,
      backend: enroller,
      limits: config.enrolment,
      defaultModel: config.synthesis.model,
      samples: config.samples.enabled,
      metrics,
      log,
    }),
    (part) => part.close(),
  );
  const pool = owned(await SynthesisPool.create(await poolOptions(config, { models, enrolment, metrics, log, replay })), (part) =>
    part.close(),
  );
  metrics.watchAvatars(() => ({ ...pool.avatars, sharing: pool.sharing }));
  const { maxParticipants, graceMs } = config.rooms;
  const limits = { maxTransports: config.media.maxTransports, maxConsumers: config.media.maxConsumers };
  const { bitrateBps: videoBitrateBps } = config.video;
  const rooms = owned(
    new Rooms({ media, synthesis: pool, metrics, maxParticipants, graceMs, limits, seats: config.limits, videoBitrateBps }),
    (part) => part.close(),
  );
  enrolment.onDeleted((avatarId) => {
    rooms.withdrawAvatar(avatarId).catch((error: unknown) => log.error({ err: error }, 'a deleted avatar could not be withdrawn'));
  });
  const health = (): HealthPart[] => [...media.states, { name: 'synthesis', ok: pool.ready }];
  const http = owned(
    await createHttpServer({ config, auth: authority, revocations, enrolment, rooms, metrics, health, assets, log }),
    (part) => part.close(),
  );
  const access = accessOf(config, { authority, enrolment });
  const signalling = new SignallingServer({
    httpServer: http.server,
    access,
    rooms,
    limits: config.limits,
    addressOf: addressReader(config.http.trustedProxies),
    metrics,
    log,
  });
  closing.unshift(() => signalling.close());
  revocations.onRevoked(() => signalling.endRevoked());
  await http.listen({ host: listenAddress, port: config.port });
  if (config.samples.enabled) {
    const closes = new AbortController();
    closing.unshift(() => closes.abort());
    void ensureSamples({ enrolment, folder: samplesFolder, log, signal: closes.signal });
  }
  return new GiocondaServer({ config, keys, url: addressOf(config, http), pool, media, metrics, authority, closing });
}

/** The first thing that is written into the data folder. @throws StoreError */
function keysOf(config: SettledConfig): Keys {
  try {
    return loadOrCreateKeys(config);
  } catch (error) {
    throw error instanceof DamagedKey ? new ConfigError([error.message]) : explained(error);
  }
}

function revocationsOf({ auth, enrolment }: SettledConfig, store: Store, log: Logger): Revocations {
  return Revocations.create({
    store,
    longestTtlSeconds: Math.max(auth.tokenTtlSeconds, auth.maxTokenTtlSeconds, auth.inviteTtlSeconds),
    returnWithinSeconds: enrolment.guestRetentionDays * 24 * 3600,
    log: log.child({ part: 'auth' }),
  });
}

/** The configuration with what was chosen in the place of `auto`. */
async function withModel(config: Config, log: Logger): Promise<SettledConfig> {
  const { model, size, kind, reason, error } = await settleModel({ config });
  if (error !== undefined) log.error({ err: error, model, size }, reason);
  else log[kind === 'too-slow' ? 'warn' : 'info']({ model, size }, `the model is ${model} at ${size} pixels: ${reason}`);
  return settledConfig(config, { model, size });
}

function mediaOptions({ media, video }: SettledConfig, listenIp: string): Parameters<typeof MediaWorkers.create>[0] {
  return {
    workers: media.workers ?? availableParallelism(),
    listenIp,
    announcedAddress: media.announcedAddress ?? undefined,
    basePort: media.rtcPort,
    enableUdp: media.enableUdp,
    enableTcp: media.enableTcp,
    codec: video.codec,
    playoutDelayMs: playoutDelay(video.playoutDelayMs),
    repeatOnLoss: video.repeatOnLoss,
    initialOutgoingBitrateBps: media.initialBitrateBps,
    maxIncomingBitrateBps: media.maxIncomingBitrateBps,
    workerTimeoutMs: media.workerTimeoutMs,
  };
}

/**
 * Chromium shows frames at once, without regard to the sound, for any delay whose minimum is 0 (VCMTiming: low-latency rendering);
 * a minimum of one step of 10 ms lets it hold a picture back until its sound is played.
 */
function playoutDelay(maxMs: number): { min: number; max: number } {
  return maxMs === 0 ? { min: 0, max: 0 } : { min: 10, max: Math.max(10, maxMs) };
}

async function poolOptions(
  config: SettledConfig,
  parts: { models: readonly ModelInfo[]; enrolment: Enrolment; metrics: Metrics; log: Logger; replay: string | undefined },
): Promise<Parameters<typeof SynthesisPool.create>[0]> {
  const { synthesis, video, cacheDir } = config;
  const workers = synthesis.workers ?? availableParallelism();
  return {
    workers,
    maxAvatars: synthesis.maxAvatars,
    capacity: {
      cores: Math.min(workers, availableParallelism()),
      share: synthesis.cpuShare,
      fps: video.framesPerSecond,
      leastFps: Math.min(synthesis.minFramesPerSecond, video.framesPerSecond),
      // A recording takes next to nothing.
      knownMs: parts.replay === undefined ? await knownSpeeds(cacheDir, video.size) : () => REPLAYED_FRAME_MS,
    },
    deadlineMs: synthesis.deadlineMs,
    cacheDir: landmarkFolder(cacheDir),
    replay: parts.replay,
    models: parts.models,
    video: { codec: video.codec, fps: video.framesPerSecond, bitrateBps: video.bitrateBps },
    log: parts.log,
    resolve: async (avatarId, model) => ({ weightsPath: (await parts.enrolment.weights(avatarId, model)).path, model }),
    onRestart: () => parts.metrics.workerRestarted(),
    onLimit: (limit) => parts.metrics.limitReached(limit),
    onPacketsDropped: (outcome, count) => parts.metrics.landmarkPacketsDropped(outcome, count),
  };
}

function accessOf(config: SettledConfig, { authority, enrolment }: { authority: Authority; enrolment: Enrolment }): Access {
  const models = enrolment.models().map(({ name }) => name);
  return {
    defaultModel: config.synthesis.model,
    models,
    iceServers: ({ userId, accessEndsMs }) => iceServersFor(config.media, userId, Date.now(), accessEndsMs ?? undefined),
    async identify(token) {
      if (token === '') throw new AppError('token-missing');
      const principal = await authority.verifyToken(token);
      const joinScopes = principal.scopes.filter((scope) => scope.startsWith('join:'));
      return {
        userId: principal.userId,
        // Barred ones too, so that whoever asks for one learns why.
        rooms: [...roomsOf(joinScopes), ...principal.barredRooms],
        expiresMs: principal.expiresAt * 1000,
        accessEndsMs: isInvited(principal) ? principal.endsAt * 1000 : null,
        inviteId: principal.via.findLast((name) => name.startsWith(INVITE_PREFIX)) ?? null,
        isRevoked: (room) => authority.isRevoked(principal, room),
        mayUseAvatar(avatarId) {
          const known = enrolment.get(avatarId);
          return known !== null && authorise(principal, { do: 'use-avatar', avatar: { id: avatarId, owner: known.owner } });
        },
      };
    },
  };
}

/** WebRTC needs an address where HTTP would take a name. @throws ConfigError */
async function addressOfName(name: string, setting: string): Promise<string> {
  if (isIP(name)) return name;
  if (name === 'localhost') return '127.0.0.1';
  const found = await lookup(name).catch((cause: unknown) => {
    throw Object.assign(new ConfigError([`${setting}: "${name}" is neither an address nor a name that this machine knows.`]), { cause });
  });
  return found.address;
}

function addressOf(config: SettledConfig, http: App): string {
  if (config.publicUrl) return config.publicUrl.replace(/\/$/, '');
  const { port } = http.server.address() as AddressInfo;
  const host = ['0.0.0.0', '::', '127.0.0.1'].includes(config.host) ? 'localhost' : isIPv6(config.host) ? `[${config.host}]` : config.host;
  return `${config.tls.mode === 'off' ? 'http' : 'https'}://${host}:${port}`;
}

/** Every part gets its chance to end, whatever the others do. */
async function closeAll(closing: (() => unknown)[]): Promise<void> {
  for (const close of closing.splice(0)) {
    try {
      await close();
    } catch (error) {
      console.error('while closing:', error);
    }
  }
}
