/** Makes a recording for load tests where avatars are made and rendered anyway: in a synthesis process, which ends afterwards. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../base/log.ts';
import type { Calls, EnrolmentRequest, VideoSettings } from './messages.ts';
import { SynthesisProcess } from './SynthesisProcess.ts';

/** Each of the two steps, on a machine that is slower than real time. */
const TIMEOUT_MS = 120_000;

export interface RecordingRequest extends Pick<Calls['record']['request'], 'driver'> {
  /** Who is shown. */
  person: EnrolmentRequest;
  video: VideoSettings;
  /** Folder of the converted landmark networks. */
  cacheDir: string;
}

/** @returns a file of `VideoRecording.ts`. @throws AppError `portrait-*`, `model-unknown`, `synthesis-failed`, `deadline` */
export async function recordInProcess({ person, video, driver, cacheDir }: RecordingRequest): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'gioconda-recording-'));
  const process = await SynthesisProcess.create({ log: createLog({ logLevel: 'silent' }), cacheDir, deadlineMs: TIMEOUT_MS });
  try {
    const { weights } = await process.call('enrol', person, TIMEOUT_MS);
    const weightsPath = join(folder, 'weights.safetensors');
    await writeFile(weightsPath, weights);
    return await process.call('record', { source: { weightsPath, model: person.model }, video, driver }, TIMEOUT_MS);
  } finally {
    process.close();
    await rm(folder, { recursive: true, force: true });
  }
}
