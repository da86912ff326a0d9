/** What the report of an offline rendering says. Pictures' pixels are those of the upright input in square pixels. */
import type { DriveState } from '../../client/src/protocol/index.ts';
import type { Fraction } from './files/fraction.ts';
import type { MotionMode } from '../motion/motion.ts';

/** In the order in which a frame passes them. `packet`: the landmark packet there and back. `composition`: outside of the graphs. `encode`: with muxing. */
export const stages = ['decode', 'landmarks', 'packet', 'retarget', 'flow', 'inference', 'composition', 'encode'] as const;
export type Stage = (typeof stages)[number];
export type StageTimes = Record<Stage, number>;

/** A square in pixels; may reach beyond the picture. */
export interface Box {
  x: number;
  y: number;
  size: number;
}

export interface ReportHeader {
  format: 1;
  gioconda: string;
  model: { name: string; version: string; size: number };
  portraits: { file: string; crop: Box; warnings: string[] }[];
  drive: { file: string; width: number; height: number; framesPerSecond: Fraction | null; durationMs: number | null; sound: boolean };
  out: { file: string; size: number };
  motion: MotionMode;
  crop: boolean;
}

export interface FrameRecord {
  index: number;
  /** Presentation time from the clip's start. */
  timeMs: number;
  /** The square that the landmarks are relative to; null before the first face. */
  crop: Box | null;
  face: boolean;
  /** 0..1; 0 where there is no face. */
  confidence: number;
  /** What moved the portrait: see the protocol's drive states. */
  state: DriveState;
  /** Milliseconds of each stage. */
  ms: StageTimes;
}

export interface RenderSummary {
  frames: number;
  /** In how many of them a face was found. */
  faces: number;
  states: Partial<Record<DriveState, number>>;
  meanMs: StageTimes;
  /** Wall time of the frames, without loading and enrolment. */
  seconds: number;
  meanPacketBytes: number;
}
