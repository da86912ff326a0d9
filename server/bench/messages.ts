/** Between the benchmark and the processes that play its participants. */
import type { ViewerResult } from './presented.ts';
import type { Failed } from './ChildLink.ts';

export interface DriversRequest {
  url: string;
  /** A token and an avatar each; the token names the driver's room. */
  drivers: { token: string; avatarId: string }[];
  model: string | null;
  framesPerSecond: number;
  /** Others watch the avatars. Where nobody does, the drivers watch their own: without a viewer none is rendered. */
  watched: boolean;
}

export interface DriverCount {
  packets: number;
  bytes: number;
}

export type ToDrivers = { type: 'play'; request: DriversRequest } | { type: 'count' };
export type FromDrivers = { type: 'driving' } | { type: 'counted'; counts: DriverCount[] } | Failed;

/** Participants without pictures: see `light-members.ts`. */
export type ToLightMembers =
  | { type: 'drive'; request: DriversRequest }
  /** A viewer for each token, whose room it names. */
  | { type: 'watch'; url: string; tokens: string[] }
  | { type: 'count' | 'reset' | 'results' };
export type FromLightMembers =
  | { type: 'driving' | 'watching' | 'forgotten' }
  /** `cpuMs`: of the process so far. */
  | { type: 'counted'; counts: DriverCount[]; cpuMs: number }
  | { type: 'seen'; results: ViewerResult[] }
  | Failed;

/** One request: all of its portraits, until the avatar was there. */
export interface UploadTimes {
  bytes: number;
  ms: number;
}

/** `upload` begins, and goes on until `stop`; `bytes` of each request's files. */
export type ToUploader = { type: 'upload'; url: string; token: string; bytes: number } | { type: 'stop' };
export type FromUploader = { type: 'uploading' } | { type: 'uploaded'; uploads: UploadTimes[] } | Failed;
