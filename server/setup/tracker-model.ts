/** The browser's face tracker model: fetched once, trusted by its hash only, served to browsers by this server. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { download, isIntact, type PinnedFile } from './download.ts';
import type { Check, EnsureContext, Part } from './part.ts';
import { cacheFolder, packageVersion } from '../base/paths.ts';

/** Google's Face Landmarker bundle (float16, version 1; Apache-2.0): detector, 478 landmarks, 52 blendshapes. */
export const trackerModel: PinnedFile = {
  url: 'https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task',
  bytes: 3_758_596,
  sha256: '64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff',
};

const retryAfterMs = 24 * 3600_000;
const offlineTracker = 'the tracker of @mediapipe/face_mesh from npm serves instead';
const mend = 'npx gioconda setup tracker-model (with internet), or GIOCONDA_TRACKER_MODEL=/path/to/face_landmarker.task';

const placeIn = (cacheDir: string): string => join(cacheDir, 'tracker', 'face_landmarker.task');
const refusalIn = (cacheDir: string): string => `${placeIn(cacheDir)}.unreachable`;

/** A path from the configuration or the environment, or null. */
const givenPath = (): string | null => process.env.GIOCONDA_TRACKER_MODEL || null;

/**
 * Where the model lies, or null where it could not be had: then the offline tracker serves.
 * @param thorough also compares the hash (about 10 ms), as is right once per start.
 */
export async function trackerModelPath(cacheDir: string = cacheFolder(), thorough: boolean = true): Promise<string | null> {
  for (const path of [givenPath(), placeIn(cacheDir)]) {
    if (path && (await isIntact(path, trackerModel, thorough))) return path;
  }
  return null;
}

/** Whether a fetch failed lately: a closed network is not asked at every start. */
async function refusedLately(cacheDir: string): Promise<boolean> {
  const text = await readFile(refusalIn(cacheDir), 'utf8').catch(() => '');
  const at = Date.parse(text);
  return Number.isFinite(at) && Date.now() - at < retryAfterMs;
}

async function fetchModel({ progress, cacheDir }: EnsureContext): Promise<void> {
  const path = placeIn(cacheDir);
  progress.step(`fetching ${trackerModel.url}`);
  try {
    await download(trackerModel, path, { onProgress: (fraction) => progress.advance(fraction) });
    await rm(refusalIn(cacheDir), { force: true });
  } catch (error) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(refusalIn(cacheDir), new Date().toISOString());
    progress.step(`${(error as Error).message}: ${offlineTracker}`);
  }
}

export const trackerModelPart: Part = {
  name: 'tracker-model',
  need: 'optional',
  version: async () => 'float16/1',

  async check(cacheDir): Promise<Check> {
    const given = givenPath();
    if (given && !(await isIntact(given, trackerModel, true))) {
      return {
        ok: false,
        level: 'warn',
        detail: `GIOCONDA_TRACKER_MODEL=${given} is not the file we know`,
        mend: 'unset GIOCONDA_TRACKER_MODEL',
      };
    }
    const path = await trackerModelPath(cacheDir);
    if (path) return { ok: true, detail: path };
    if (await packageVersion('@mediapipe/face_mesh')) return { ok: false, level: 'warn', detail: `not fetched: ${offlineTracker}`, mend };
    return { ok: false, detail: 'not fetched, and @mediapipe/face_mesh is not installed either', mend: 'npm install' };
  },

  ready: async (cacheDir) => (await trackerModelPath(cacheDir, false)) !== null || (await refusedLately(cacheDir)),

  async ensure(context) {
    if (await trackerModelPath(context.cacheDir)) return;
    if (context.network) await fetchModel(context);
  },
};
