/** What enrolment needs from outside: a process that turns portraits into generated weights. */
import type { PortraitWarning } from '../../client/src/protocol/index.ts';
import type { PortraitLimits } from '../portraits/limits.ts';
import type { Generated } from '../store/records.ts';

export interface ModelInfo {
  name: string;
  version: string;
  /** Side of the square picture in pixels. */
  size: number;
}

export type EnrolmentResult = Generated;

/** What enrolment needs of the synthesis side. Errors about one portrait carry its index as `portrait`. */
export interface EnrolmentBackend {
  models(): ModelInfo[];
  prepareAndEnrol(job: {
    portraits: Buffer[];
    limits: PortraitLimits;
    model: string;
    size: number;
    signal: AbortSignal;
  }): Promise<EnrolmentResult>;
  /** Resolves with warnings; rejects with the reason. */
  checkPortrait(bytes: Buffer, options: { limits: PortraitLimits; signal: AbortSignal }): Promise<{ warnings: PortraitWarning[] }>;
}
