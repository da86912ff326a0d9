/** The speed of a model where it will run: in a synthesis process, which ends afterwards. */
import { createLog } from '../../base/log.ts';
import type { Speed } from '../measure/measure-synthesis.ts';
import { SynthesisProcess } from './SynthesisProcess.ts';

/** Loading, enrolment and some seconds of frames, on a machine that is too slow for the model. */
const TIMEOUT_MS = 60_000;

/** @throws AppError `synthesis-failed`, `deadline`, or as the model's loading fails */
export async function measureInProcess({ model, size, cacheDir }: { model: string; size: number; cacheDir: string }): Promise<Speed> {
  const process = await SynthesisProcess.create({ log: createLog({ logLevel: 'silent' }), cacheDir, deadlineMs: TIMEOUT_MS });
  try {
    return await process.call('measure', { model, size }, TIMEOUT_MS);
  } finally {
    process.close();
  }
}
