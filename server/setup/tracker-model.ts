/** The browser's face tracker model, part of this checkout: Google's Face Landmarker bundle (float16, version 1; Apache-2.0). */
import { stat } from 'node:fs/promises';
import { trackerModelPath } from '../base/paths.ts';
import { sha256Of } from './files.ts';
import type { Part } from './part.ts';
import { SetupError } from './SetupError.ts';

const BYTES = 3_758_596;
const SHA256 = '64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff';
const fix = 'git checkout -- models/tracker';

/** A sentence that says what is wrong, or null. @param path of `face_landmarker.task` */
export async function trackerModelProblem(path: string = trackerModelPath): Promise<string | null> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) return `${path} is missing`;
  // A pointer of Git LFS or half a copy shows by its size; the hash is compared by the doctor and at set-up.
  if (found.size !== BYTES || (await sha256Of(path)) !== SHA256) return `${path} is not the file that this version was made with`;
  return null;
}

export const trackerModelPart: Part = {
  name: 'tracker-model',
  need: 'start',
  version: async () => 'float16/1',
  async check() {
    const problem = await trackerModelProblem();
    return problem === null ? { ok: true, detail: trackerModelPath } : { ok: false, detail: problem, fix };
  },
  ready: async () => (await stat(trackerModelPath).catch(() => null))?.size === BYTES,
  async ensure() {
    const problem = await trackerModelProblem();
    if (problem !== null) throw new SetupError(problem, { fix });
  },
};
