/** The live path, measured: a real server, real drivers, real viewers, all on loopback of this machine. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Gioconda } from '../../client/src/Gioconda.ts';
import { parseConfig, type Config } from '../config/index.ts';
import { createLog } from '../base/log.ts';
import type { GiocondaServer } from '../main.ts';
import { chromiumPath } from '../setup/index.ts';
import { repositoryRoot } from '../base/paths.ts';
import { DriverProcess } from './DriverProcess.ts';
import { quantiles, type Quantiles } from '../base/quantiles.ts';
import { ViewerBrowser } from './ViewerBrowser.ts';
import type { PresentedFrame, ViewerResult } from './viewer-page.ts';

export interface BenchRequest {
  model: string | null;
  avatars: number;
  seconds: number;
  size: number;
  cacheDir: string;
  /** As configured: codec, bit rate and playout delay are what is measured. */
  video: Config['video'];
  onStep(text: string): void;
}

export interface BenchReport {
  machine: { cpu: string; cores: number; node: string; chromium: string | null };
  settings: { model: string; size: number; framesPerSecond: number; avatars: number; seconds: number; codec: string };
  /** Milliseconds. */
  stages: Record<string, Quantiles>;
  joinToFirstFrameMs: number[];
  enrolMs: number[];
  framesPerSecond: number;
  framesDropped: number;
  /** Of landmark payload, one driver. */
  uplinkKbps: number;
  bytesPerPacket: number;
  /** Of avatar video, one avatar. */
  videoKbps: number;
  /** Share of one core, in percent. */
  cpuPercent: { synthesisPerAvatar: number; signallingAndRtp: number; mediaWorkers: number };
  memoryMib: { synthesisProcess: number; perAvatar: number; serverProcess: number };
}

const WARM_UP_MS = 3000;
const FRAMES_PER_SECOND = 30;
const PORTRAITS = ['anna-neutral.jpg', 'anna-smile.jpg'];

export async function runBench(request: BenchRequest): Promise<BenchReport> {
  const folder = await mkdtemp(join(tmpdir(), 'gioconda-bench-'));
  const config = parseConfig({
    port: 0,
    dataDir: folder,
    cacheDir: request.cacheDir,
    logLevel: 'warn',
    media: { rtcPort: 0 },
    video: { ...request.video, size: request.size, framesPerSecond: FRAMES_PER_SECOND },
    limits: { avatarsPerAddress: 1000, seatsPerAddress: 1000, avatarsPerUser: 1000, seatsPerUser: 1000 },
    synthesis: { maxAvatars: 64, ...(request.model ? { model: request.model } : {}) },
  });
  const { GiocondaServer } = await import('../main.ts');
  request.onStep('starting the server');
  const server = await GiocondaServer.create({ config, log: createLog(config) });
  const browserPath = await chromiumPath();
  const browser = browserPath ? await ViewerBrowser.create({ executablePath: browserPath, url: server.url }) : null;
  try {
    return await measure(server, browser, request);
  } finally {
    await browser?.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function guestToken(server: GiocondaServer, room: string): Promise<string> {
  const { invite } = await server.invite(room);
  return (await Gioconda.enterAsGuest({ url: server.url, invite })).token;
}

async function measure(server: GiocondaServer, browser: ViewerBrowser | null, request: BenchRequest): Promise<BenchReport> {
  const { avatars, model, seconds, onStep } = request;
  onStep('enrolling');
  const { drivers, enrolMs } = await enrolDrivers(server, avatars);
  await pause(1000); // the first figures of the processes
  const before = resources(server);
  onStep(`starting ${avatars} driver${avatars > 1 ? 's' : ''}`);
  const playing = await DriverProcess.create({
    url: server.url,
    drivers: drivers.map(({ token, avatarId }) => ({ token, avatarId })),
    model,
    framesPerSecond: FRAMES_PER_SECOND,
    watched: browser !== null,
  });
  try {
    for (const { room } of drivers) await browser?.watch(await guestToken(server, room));
    await pause(WARM_UP_MS);
    onStep(`measuring for ${seconds} s`);
    await browser?.reset();
    const start = await snapshot(server, playing);
    await pause(seconds * 1000);
    const end = await snapshot(server, playing);
    await pause(500); // traces come in batches
    const viewers = (await browser?.results()) ?? [];
    return {
      ...report(start, end, { viewers, avatars }),
      ...constants(browser, request, server),
      enrolMs,
      memoryMib: memory(before, resources(server), avatars),
    };
  } finally {
    playing.close();
  }
}

async function enrolDrivers(
  server: GiocondaServer,
  count: number,
): Promise<{ drivers: { token: string; avatarId: string; room: string }[]; enrolMs: number[] }> {
  const consent = {
    subject: 'A rendered person',
    givenAt: '2026-01-01T00:00:00Z',
    statement: 'This portrait shows nobody: it was rendered for measurements.',
  };
  const portraits = await Promise.all(
    PORTRAITS.map(async (name) => new Blob([await readFile(join(repositoryRoot, 'test/fixtures/portraits', name))])),
  );
  const drivers: { token: string; avatarId: string; room: string }[] = [];
  const enrolMs: number[] = [];
  for (let index = 0; index < count; index++) {
    const room = `bench-${index}`;
    const token = await guestToken(server, room);
    const startedMs = performance.now();
    const { id } = await (await Gioconda.connect({ url: server.url, token })).enrol({ portraits, consent, name: 'Bench' });
    enrolMs.push(performance.now() - startedMs);
    drivers.push({ token, avatarId: id, room });
  }
  return { drivers, enrolMs };
}

interface Resources {
  rssBytes: number;
  processes: number;
}

function resources(server: GiocondaServer): Resources {
  const { processes } = server.pool;
  return { rssBytes: processes.reduce((sum, { rssBytes }) => sum + rssBytes, 0), processes: processes.length };
}

function memory(before: Resources, after: Resources, avatars: number): BenchReport['memoryMib'] {
  const mib = 2 ** 20;
  return {
    synthesisProcess: before.rssBytes / before.processes / mib,
    perAvatar: (after.rssBytes - before.rssBytes) / avatars / mib,
    serverProcess: process.memoryUsage.rss() / mib,
  };
}

interface Snapshot {
  atMs: number;
  synthesisMs: number;
  serverMs: number;
  mediaMs: number;
  packets: number;
  bytes: number;
  videoBytes: number;
  frames: number;
}

async function snapshot(server: GiocondaServer, drivers: DriverProcess): Promise<Snapshot> {
  const [mediaMs, counts] = await Promise.all([server.media.cpuMs(), drivers.count()]);
  const { user, system } = process.cpuUsage();
  const { frames, bytes: videoBytes } = server.sent;
  return {
    atMs: performance.now(),
    synthesisMs: server.pool.processes.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    serverMs: (user + system) / 1000,
    mediaMs,
    packets: counts.reduce((sum, { packets }) => sum + packets, 0),
    bytes: counts.reduce((sum, { bytes }) => sum + bytes, 0),
    videoBytes,
    frames,
  };
}

function report(start: Snapshot, end: Snapshot, { viewers, avatars }: { viewers: ViewerResult[]; avatars: number }) {
  const wallMs = end.atMs - start.atMs;
  const percent = (from: number, to: number): number => ((to - from) / wallMs) * 100;
  const kbps = (bytes: number): number => (bytes * 8) / wallMs / avatars;
  return {
    stages: stagesOf(viewers.flatMap(({ presented }) => presented)),
    joinToFirstFrameMs: viewers.map(({ joinToFirstFrameMs }) => joinToFirstFrameMs),
    framesPerSecond: ((end.frames - start.frames) / wallMs / avatars) * 1000,
    framesDropped: viewers.reduce((sum, { framesDropped }) => sum + framesDropped, 0),
    uplinkKbps: kbps(end.bytes - start.bytes),
    bytesPerPacket: (end.bytes - start.bytes) / Math.max(1, end.packets - start.packets),
    videoKbps: kbps(end.videoBytes - start.videoBytes),
    cpuPercent: {
      synthesisPerAvatar: percent(start.synthesisMs, end.synthesisMs) / avatars,
      signallingAndRtp: percent(start.serverMs, end.serverMs),
      mediaWorkers: percent(start.mediaMs, end.mediaMs),
    },
  };
}

const stages: Record<string, (frame: PresentedFrame) => number> = {
  uplink: (frame) => frame.arrivedMs - frame.landmarksSentMs,
  queue: (frame) => frame.synthesisStartMs - frame.arrivedMs,
  synthesis: (frame) => frame.synthesisEndMs - frame.synthesisStartMs,
  encode: (frame) => frame.encodedMs - frame.synthesisEndMs,
  send: (frame) => frame.sentMs - frame.encodedMs,
  downlink: (frame) => frame.receivedMs - frame.sentMs,
  'decode and present': (frame) => frame.presentedMs - frame.receivedMs,
  'landmarks sent → presented': (frame) => frame.presentedMs - frame.landmarksSentMs,
};

function stagesOf(frames: PresentedFrame[]): Record<string, Quantiles> {
  return Object.fromEntries(Object.entries(stages).map(([name, of]) => [name, quantiles(frames.map(of).filter(Number.isFinite))]));
}

function constants(
  browser: ViewerBrowser | null,
  { model, size, avatars, seconds }: BenchRequest,
  server: GiocondaServer,
): Pick<BenchReport, 'machine' | 'settings'> {
  return {
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      node: process.version,
      chromium: browser?.version ?? null,
    },
    settings: {
      model: model ?? server.config.synthesis.model,
      size,
      framesPerSecond: FRAMES_PER_SECOND,
      avatars,
      seconds,
      codec: server.config.video.codec,
    },
  };
}
