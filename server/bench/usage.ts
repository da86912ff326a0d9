/** What server and participants have used and sent so far. */
import { serverNow } from '../base/clock.ts';
import type { GiocondaServer } from '../main.ts';
import type { Crowd } from './crowds.ts';

/** CPU times in ms since the start of the processes. */
export interface Usage {
  /** On the server's clock. */
  atMs: number;
  synthesisMs: number;
  /** The main process with all of its threads, and its event loop's thread alone. */
  mainMs: number;
  mainThreadMs: number;
  mediaMs: number;
  clientsMs: number | null;
  packets: number;
  bytes: number;
  videoBytes: number;
  frames: number;
}

const total = ({ user, system }: { user: number; system: number }): number => (user + system) / 1000;

/** The main process is this one: the server runs in it. */
export async function usageOf(server: GiocondaServer, crowd: Crowd): Promise<Usage> {
  const [mediaMs, counts, clientsMs] = await Promise.all([server.media.cpuMs(), crowd.counts(), crowd.cpuMs()]);
  const { frames, bytes: videoBytes } = server.sent;
  return {
    atMs: serverNow(),
    synthesisMs: server.pool.processes.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    mainMs: total(process.cpuUsage()),
    mainThreadMs: total(process.threadCpuUsage()),
    mediaMs,
    clientsMs,
    packets: counts.reduce((sum, { packets }) => sum + packets, 0),
    bytes: counts.reduce((sum, { bytes }) => sum + bytes, 0),
    videoBytes,
    frames,
  };
}

export interface Memory {
  rssBytes: number;
  processes: number;
}

export function synthesisMemory(server: GiocondaServer): Memory {
  const { processes } = server.pool;
  return { rssBytes: processes.reduce((sum, { rssBytes }) => sum + rssBytes, 0), processes: processes.length };
}

const MIB = 2 ** 20;

export function memoryMib(before: Memory, after: Memory, avatars: number) {
  return {
    synthesisProcess: before.rssBytes / before.processes / MIB,
    perAvatar: (after.rssBytes - before.rssBytes) / avatars / MIB,
    serverProcess: process.memoryUsage.rss() / MIB,
  };
}
