/** The speed of a model where it will run: in a synthesis process, which ends afterwards. */
import type { Logger } from 'pino';
import { SynthesisProcess } from './SynthesisProcess.ts';

/** Loading, enrolment and some seconds of frames, on a machine that is too slow for the model. */
const TIMEOUT_MS = 60_000;

/** @throws AppError `synthesis-failed`, `deadline`, or as the model's loading fails */
export async function measureInProcess({ model, size, cacheDir, log }: { model: string; size: number; cacheDir: string; log: Logger }): Promise<{ p50: number; p95: number }> {
  const process = await SynthesisProcess.create({ log, cacheDir, deadlineMs: TIMEOUT_MS });
  try {
    return await process.call('measure', { model, size }, TIMEOUT_MS);
  } finally {
    process.close();
  }
}
