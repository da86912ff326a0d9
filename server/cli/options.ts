/** What each command of `gioconda` gets from the command line. Absent = not given: the configuration decides. */
import type { MotionMode } from '../motion/motion.ts';

export interface StartOptions {
  /** A configuration file (JSON); the environment and the options below win over it. */
  config?: string;
  host?: string;
  port?: number;
  /** Where avatars, portraits and records are kept. */
  data?: string;
  /** The address that browsers reach this machine at, where it differs from the local one (NAT, containers). */
  announce?: string;
  tlsCert?: string;
  tlsKey?: string;
  /** Make (once) and use a self-signed certificate, so that browsers on other hosts allow the camera. */
  tls?: boolean;
  /** False with `--no-setup`: start with what is there. */
  setup: boolean;
}

export interface SetupOptions {
  /** Names of parts; all needed for running the server when absent. */
  parts: string[];
  /** Also what the tests need. */
  tests: boolean;
}

export interface DoctorOptions {
  json: boolean;
}

export interface EnrolOptions {
  /** 1 to 8 picture files. */
  portraits: string[];
  name: string;
  /** Who agreed to the avatar; the statement goes with it into the record. */
  consentBy: string;
  consentStatement?: string;
  model?: string;
  /** A running server's address and API key; without one the avatar goes into the local store. */
  server?: string;
  apiKey?: string;
  /** Whose avatar it becomes: a user id, as in that person's tokens. Without, the API key's own. */
  owner?: string;
  config?: string;
  data?: string;
  json: boolean;
}

export interface StoreOptions {
  config?: string;
  data?: string;
  json: boolean;
}

export interface RenderOptions {
  /** Empty with `avatar`. */
  portraits: string[];
  /** An avatar of the local data folder, instead of portraits. */
  avatar?: string;
  config?: string;
  data?: string;
  drive: string;
  out: string;
  model?: string;
  motion: MotionMode;
  /** False with `--no-crop`: portraits and clip are framed square on the head already and are only resized. */
  crop: boolean;
  /** Side of the square output in pixels. */
  size?: number;
  /** File of expressions to be shown. */
  express?: string;
  /** Where the per-frame report goes. */
  json?: string;
}

export interface BenchOptions {
  model?: string;
  /** Seconds of steady state to measure. */
  seconds: number;
  /** Avatars at the same time. */
  avatars: number;
  /** Avatars show a recording: the server without its graphs. */
  replay: boolean;
  /** Measure once more while somebody uploads. */
  uploads: boolean;
  size?: number;
  /** Where the JSON goes. */
  out?: string;
}
