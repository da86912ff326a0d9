/** The figures of a measured call, and how they come out of what was counted. */
import { availableParallelism, cpus } from 'node:os';
import { quantiles, type Quantiles } from '../base/quantiles.ts';
import type { Speed } from '../synthesis/measure/measure-synthesis.ts';
import type { PresentedFrame, ViewerResult } from './presented.ts';
import type { Usage } from './usage.ts';

export interface BenchSettings {
  model: string;
  size: number;
  framesPerSecond: number;
  avatars: number;
  seconds: number;
  codec: string;
  /** Avatars showed a recording of the model. */
  replay: boolean;
}

export interface BenchReport {
  machine: { cpu: string; cores: number; node: string; browser: string | null };
  settings: BenchSettings;
  /** Milliseconds. */
  stages: Record<string, Quantiles>;
  /** Of one frame's synthesis, alone on one thread, before the call; null with a recording. */
  synthesis: Speed | null;
  /** Of the main process, ms. */
  eventLoopDelayMs: { p50: number; p99: number; max: number };
  joinToFirstFrameMs: number[];
  enrolMs: number[];
  framesPerSecond: number;
  /** Frames that reached their viewers, of one avatar. */
  framesPerSecondSeen: number;
  framesDropped: number;
  /** Of landmark payload, one driver. */
  uplinkKbps: number;
  bytesPerPacket: number;
  /** Of avatar video, one avatar. */
  videoKbps: number;
  /** Share of one core, in percent. `clients`: drivers and viewers, null if not known. */
  cpuPercent: { synthesisPerAvatar: number; main: number; mainThread: number; mediaWorkers: number; clients: number | null };
  /** The same call once more, while somebody uploads. */
  uploads?: WithUploads;
  memoryMib: { synthesisProcess: number; perAvatar: number; serverProcess: number };
}

export interface WithUploads {
  count: number;
  /** Of one request's files. */
  mibEach: number;
  /** From its first byte until the avatar was there, ms. */
  requestMs: Quantiles;
  eventLoopDelayMs: BenchReport['eventLoopDelayMs'];
  /** Landmarks sent → received. */
  latencyMs: Quantiles;
  framesPerSecondSeen: number;
  mainCpuPercent: number;
}

export type Measured = Pick<
  BenchReport,
  | 'stages'
  | 'joinToFirstFrameMs'
  | 'framesPerSecond'
  | 'framesPerSecondSeen'
  | 'framesDropped'
  | 'uplinkKbps'
  | 'bytesPerPacket'
  | 'videoKbps'
  | 'cpuPercent'
>;

/** What happened between two counts. */
export function measured(start: Usage, end: Usage, { viewers, avatars }: { viewers: ViewerResult[]; avatars: number }): Measured {
  const wallMs = end.atMs - start.atMs;
  const percent = (from: number, to: number): number => ((to - from) / wallMs) * 100;
  const kbps = (bytes: number): number => (bytes * 8) / wallMs / avatars;
  const presented = viewers.flatMap((viewer) => viewer.presented).filter(({ sentMs }) => sentMs >= start.atMs && sentMs < end.atMs);
  return {
    stages: stagesOf(presented),
    joinToFirstFrameMs: viewers.map(({ joinToFirstFrameMs }) => joinToFirstFrameMs),
    framesPerSecond: ((end.frames - start.frames) / wallMs / avatars) * 1000,
    framesPerSecondSeen: (presented.length / wallMs / avatars) * 1000,
    framesDropped: viewers.reduce((sum, { framesDropped }) => sum + framesDropped, 0),
    uplinkKbps: kbps(end.bytes - start.bytes),
    bytesPerPacket: (end.bytes - start.bytes) / Math.max(1, end.packets - start.packets),
    videoKbps: kbps(end.videoBytes - start.videoBytes),
    cpuPercent: {
      synthesisPerAvatar: percent(start.synthesisMs, end.synthesisMs) / avatars,
      main: percent(start.mainMs, end.mainMs),
      mainThread: percent(start.mainThreadMs, end.mainThreadMs),
      mediaWorkers: percent(start.mediaMs, end.mediaMs),
      clients: start.clientsMs === null || end.clientsMs === null ? null : percent(start.clientsMs, end.clientsMs),
    },
  };
}

export const RECEIVED = 'landmarks sent → received';

const stages: Record<string, (frame: PresentedFrame) => number> = {
  uplink: (frame) => frame.arrivedMs - frame.landmarksSentMs,
  queue: (frame) => frame.synthesisStartMs - frame.arrivedMs,
  synthesis: (frame) => frame.synthesisEndMs - frame.synthesisStartMs,
  encode: (frame) => frame.encodedMs - frame.synthesisEndMs,
  send: (frame) => frame.sentMs - frame.encodedMs,
  downlink: (frame) => frame.receivedMs - frame.sentMs,
  [RECEIVED]: (frame) => frame.receivedMs - frame.landmarksSentMs,
  'decode and present': (frame) => frame.presentedMs - frame.receivedMs,
  'landmarks sent → presented': (frame) => frame.presentedMs - frame.landmarksSentMs,
};

/** Without the stages that nobody measured. */
function stagesOf(frames: PresentedFrame[]): Record<string, Quantiles> {
  const measuredStages = Object.entries(stages).map(([name, of]) => [name, quantiles(frames.map(of).filter(Number.isFinite))] as const);
  return Object.fromEntries(measuredStages.filter(([, { n }]) => n > 0));
}

export function machineOf(browser: string | null): BenchReport['machine'] {
  return { cpu: cpus()[0]?.model ?? 'unknown', cores: availableParallelism(), node: process.version, browser };
}
