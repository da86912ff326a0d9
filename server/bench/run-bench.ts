/** The live path, measured: a real server, real drivers, real viewers, all on loopback of this machine. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import { quantiles } from '../base/quantiles.ts';
import { EventLoopDelay } from '../base/EventLoopDelay.ts';
import { createLog } from '../base/log.ts';
import { parseConfig, settledConfig, type Config, type SettledConfig } from '../config/index.ts';
import type { GiocondaServer } from '../main.ts';
import { chromiumPath } from '../setup/index.ts';
import { settleModel } from '../setup/model-choice.ts';
import { machineOf, measured, RECEIVED, type BenchReport, type Measured, type WithUploads } from './bench-report.ts';
import { ChildLink } from './ChildLink.ts';
import { landmarkFolder } from '../landmarker/landmark-models.ts';
import type { Speed } from '../synthesis/measure/measure-synthesis.ts';
import { measureInProcess } from '../synthesis/process/measure-in-process.ts';
import { LightCrowd, RealCrowd, type Crowd } from './crowds.ts';
import type { FromUploader, ToUploader } from './messages.ts';
import { enrolGuests, guestToken, shareAvatar, uploaderToken, viewerTokens, type People } from './people.ts';
import { recordAvatar } from './record-avatar.ts';
import { memoryMib, synthesisMemory, usageOf } from './usage.ts';

export interface BenchRequest {
  model: string | null;
  avatars: number;
  seconds: number;
  /** `auto`: as a start would choose. */
  size: Config['video']['size'];
  /** Avatars show a recording of the model, drivers and viewers have no pictures: the server without its graphs. */
  replay: boolean;
  /** A second measurement while somebody uploads as much as a request may have, again and again. */
  uploads: boolean;
  cacheDir: string;
  /** As configured: codec, bit rate and playout delay are what is measured. */
  video: Config['video'];
  onStep(text: string): void;
}

const WARM_UP_MS = 3000;
/** The first figures of the processes. */
const SETTLE_MS = 1000;
/** Traces come in batches. */
const LAST_TRACES_MS = 500;
const FRAMES_PER_SECOND = 30;
const MANY = 100_000;
const MIB = 2 ** 20;
const UPLOADER_ENTRY = fileURLToPath(new URL('./uploader.ts', import.meta.url));

export async function runBench(request: BenchRequest): Promise<BenchReport> {
  const folder = await mkdtemp(join(tmpdir(), 'gioconda-bench-'));
  try {
    const config = configOf(request, folder);
    const replay = request.replay ? await record(request, settledConfig(config, await settleModel({ config })), folder) : undefined;
    const { GiocondaServer } = await import('../main.ts');
    request.onStep('starting the server');
    const server = await GiocondaServer.create({
      config,
      log: createLog(config),
      ...(replay === undefined ? {} : { replay }),
    });
    try {
      return await withCrowd(server, request);
    } finally {
      await server.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Everybody comes from one address here, and at once. */
function configOf(request: BenchRequest, dataDir: string): Config {
  return parseConfig({
    port: 0,
    dataDir,
    cacheDir: request.cacheDir,
    logLevel: 'warn',
    http: { rateLimitPerMinute: MANY, guestLimitPerMinute: MANY, enrolLimitPerMinute: MANY },
    media: { rtcPort: 0 },
    video: { ...request.video, size: request.size, framesPerSecond: FRAMES_PER_SECOND },
    limits: {
      avatarsPerAddress: MANY,
      seatsPerAddress: MANY,
      avatarsPerUser: MANY,
      seatsPerUser: MANY,
      connectionsPerAddress: MANY,
      handshakesPerMinute: MANY,
    },
    // Slow avatars are measured too, not refused.
    synthesis: { maxAvatars: request.avatars, minFramesPerSecond: 1, ...(request.model ? { model: request.model } : {}) },
  });
}

function record({ onStep }: BenchRequest, config: SettledConfig, folder: string): Promise<string> {
  onStep(`recording ${config.synthesis.model}`);
  return recordAvatar(join(folder, 'avatar.recording'), config, config.synthesis.model);
}

async function withCrowd(server: GiocondaServer, request: BenchRequest): Promise<BenchReport> {
  const { url } = server;
  const crowd = request.replay ? new LightCrowd(url) : await RealCrowd.create({ executablePath: await chromiumPath(), url });
  try {
    return await measure(server, crowd, request);
  } finally {
    await crowd.close();
  }
}

async function measure(server: GiocondaServer, crowd: Crowd, request: BenchRequest): Promise<BenchReport> {
  const { avatars, seconds, onStep } = request;
  const synthesis = request.replay ? null : await measureAlone(server, request);
  onStep('enrolling');
  const people = request.replay ? await shareAvatar(server, avatars) : await enrolGuests(server, avatars);
  await pause(SETTLE_MS);
  const before = synthesisMemory(server);
  await fillRooms(server, crowd, people, request);
  await pause(WARM_UP_MS);
  onStep(`measuring for ${seconds} s`);
  const { eventLoopDelayMs, ...figures } = await window(server, crowd, request);
  const memory = memoryMib(before, synthesisMemory(server), avatars);
  return {
    ...figures,
    eventLoopDelayMs,
    ...(request.uploads ? { uploads: await whileUploading(server, crowd, request) } : {}),
    machine: machineOf(crowd.browser),
    settings: settingsOf(server, request),
    synthesis,
    enrolMs: people.enrolMs,
    memoryMib: memory,
  };
}

type Window = Measured & Pick<BenchReport, 'eventLoopDelayMs'>;

async function window(server: GiocondaServer, crowd: Crowd, { seconds, avatars }: BenchRequest): Promise<Window> {
  await crowd.reset();
  const start = await usageOf(server, crowd);
  const delay = new EventLoopDelay();
  await pause(seconds * 1000);
  const eventLoopDelayMs = { p50: delay.quantileMs(0.5), p99: delay.quantileMs(0.99), max: delay.quantileMs(1) };
  delay.close();
  const end = await usageOf(server, crowd);
  await pause(LAST_TRACES_MS);
  return { ...measured(start, end, { viewers: await crowd.results(), avatars }), eventLoopDelayMs };
}

async function whileUploading(server: GiocondaServer, crowd: Crowd, request: BenchRequest): Promise<WithUploads> {
  const bytes = server.config.enrolment.maxUploadBytes;
  request.onStep(`once more, with uploads of ${bytes / MIB} MiB`);
  const uploader = new ChildLink<ToUploader, FromUploader>(UPLOADER_ENTRY, 'uploader');
  try {
    await uploader.ask({ type: 'upload', url: server.url, token: await uploaderToken(server), bytes }, 'uploading');
    const { eventLoopDelayMs, stages, framesPerSecondSeen, cpuPercent } = await window(server, crowd, request);
    const { uploads } = await uploader.ask({ type: 'stop' }, 'uploaded');
    return {
      count: uploads.length,
      mibEach: bytes / MIB,
      requestMs: quantiles(uploads.map(({ ms }) => ms)),
      eventLoopDelayMs,
      latencyMs: stages[RECEIVED] ?? quantiles([]),
      framesPerSecondSeen,
      mainCpuPercent: cpuPercent.main,
    };
  } finally {
    uploader.close();
  }
}

function measureAlone({ config }: GiocondaServer, { model, onStep }: BenchRequest): Promise<Speed> {
  onStep('measuring the synthesis alone');
  const { synthesis, video, cacheDir } = config;
  return measureInProcess({ model: model ?? synthesis.model, size: video.size, cacheDir: landmarkFolder(cacheDir) });
}

async function fillRooms(
  server: GiocondaServer,
  crowd: Crowd,
  { drivers }: People,
  { model, replay, onStep }: BenchRequest,
): Promise<void> {
  onStep(`starting ${drivers.length} driver${drivers.length > 1 ? 's' : ''}`);
  await crowd.drive({
    url: server.url,
    drivers: drivers.map(({ token, avatarId }) => ({ token, avatarId })),
    model,
    framesPerSecond: FRAMES_PER_SECOND,
  });
  onStep(`starting ${drivers.length} viewer${drivers.length > 1 ? 's' : ''}`);
  const rooms = drivers.map(({ room }) => room);
  await crowd.watch(replay ? await viewerTokens(server, rooms) : await Promise.all(rooms.map((room) => guestToken(server, room))));
}

function settingsOf(server: GiocondaServer, { model, avatars, seconds, replay }: BenchRequest): BenchReport['settings'] {
  const { synthesis, video } = server.config;
  return {
    model: model ?? synthesis.model,
    size: video.size,
    framesPerSecond: FRAMES_PER_SECOND,
    avatars,
    seconds,
    codec: video.codec,
    replay,
  };
}
