/** The part that gives mediasoup its worker process. */
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isExecutable } from '../command.ts';
import { withFileLock } from '../file-lock.ts';
import type { Check, EnsureContext, Part } from '../part.ts';
import { cacheFolder, packageFolder, packageVersion } from '../../base/paths.ts';
import { SetupError } from '../SetupError.ts';
import { distribution } from '../system-packages.ts';
import { buildWorker } from './build.ts';
import { cacheKey, recipeHash } from './cache-key.ts';
import { fetchPrebuilt } from './prebuilt.ts';
import { starts } from './smoke-test.ts';
import { sourceEdits } from './source-edits.ts';

const fix = 'npx gioconda setup mediasoup-worker';

interface Candidate {
  path: string;
  origin: string;
}

interface CachePlaces {
  folder: string;
  built: string;
  prebuilt: string;
}

async function cachePlaces(cacheDir: string): Promise<CachePlaces> {
  const version = (await packageVersion('mediasoup')) ?? 'none';
  const system = await distribution();
  const key = (recipe: string): string => join(cacheDir, 'mediasoup-worker', cacheKey({ version, system, arch: process.arch, recipe }));
  const built = key(await recipeHash(undefined, JSON.stringify(sourceEdits)));
  return { folder: built, built: join(built, 'mediasoup-worker'), prebuilt: join(key('prebuilt'), 'mediasoup-worker') };
}

/** In the order of trust: what we were told to use, what we have, what mediasoup's own install left. */
async function candidates(cacheDir: string): Promise<Candidate[]> {
  const given = process.env.MEDIASOUP_WORKER_BIN;
  // A path that was given is used or refused, never replaced behind the back of who gave it.
  if (given) return [{ path: given, origin: 'MEDIASOUP_WORKER_BIN' }];
  const { built, prebuilt } = await cachePlaces(cacheDir);
  const installed = packageFolder('mediasoup');
  return [
    { path: prebuilt, origin: "mediasoup's prebuilt" },
    { path: built, origin: 'own build' },
    ...(installed ? [{ path: join(installed, 'worker/out/Release/mediasoup-worker'), origin: "mediasoup's install" }] : []),
  ];
}

async function findWorker(cacheDir: string): Promise<Candidate | null> {
  for (const candidate of await candidates(cacheDir)) {
    if ((await isExecutable(candidate.path)) && (await starts(candidate.path))) return candidate;
  }
  return null;
}

/**
 * The worker's path, without building one.
 * @throws SetupError where there is none that starts.
 */
export async function workerBinary(cacheDir: string = cacheFolder()): Promise<string> {
  const found = await findWorker(cacheDir);
  if (found) return found.path;
  throw new SetupError('there is no mediasoup worker that starts on this machine', { fix });
}

async function obtain({ progress, cacheDir, network }: EnsureContext): Promise<void> {
  const mediasoup = packageFolder('mediasoup');
  if (!mediasoup) throw new SetupError('the npm package mediasoup is not installed', { fix: 'npm install' });
  const { built, prebuilt } = await cachePlaces(cacheDir);
  if (network) {
    progress.step("looking for mediasoup's prebuilt worker");
    const arriving = `${prebuilt}.${process.pid}.new`;
    try {
      if (await fetchPrebuilt({ packageFolder: mediasoup, target: arriving })) return await rename(arriving, prebuilt);
    } finally {
      await rm(arriving, { force: true });
    }
    progress.step('not to be had from here: building it from the sources in the npm package');
  }
  if (process.platform !== 'linux')
    throw new SetupError(
      `mediasoup's prebuilt worker could not be fetched, and our own build knows Linux only (this is ${process.platform})`,
    );
  await buildWorker({ packageFolder: mediasoup, target: built, progress });
}

export const workerPart: Part = {
  name: 'mediasoup-worker',
  need: 'start',
  version: async () => (await packageVersion('mediasoup')) ?? '-',

  async check(cacheDir): Promise<Check> {
    const found = await findWorker(cacheDir);
    if (found) return { ok: true, detail: `${found.origin}: ${found.path}` };
    const given = process.env.MEDIASOUP_WORKER_BIN;
    if (given) return { ok: false, detail: `MEDIASOUP_WORKER_BIN=${given} does not start`, fix: 'unset MEDIASOUP_WORKER_BIN' };
    const cached = await Promise.all(
      (await candidates(cacheDir)).map(({ path }) =>
        access(path).then(
          () => path,
          () => null,
        ),
      ),
    );
    const broken = cached.find((path) => path !== null);
    return { ok: false, detail: broken ? `${broken} does not start (did a system library change?)` : 'not built yet', fix };
  },

  ready: async (cacheDir) => (await findWorker(cacheDir)) !== null,

  async ensure(context): Promise<void> {
    if (await findWorker(context.cacheDir)) return;
    if (process.env.MEDIASOUP_WORKER_BIN)
      throw new SetupError(`MEDIASOUP_WORKER_BIN=${process.env.MEDIASOUP_WORKER_BIN} does not start on this machine`, {
        fix: 'unset MEDIASOUP_WORKER_BIN',
      });
    const { folder } = await cachePlaces(context.cacheDir);
    await mkdir(dirname(folder), { recursive: true });
    const onWait = (): void => context.progress.step('another process is at it already: waiting');
    await withFileLock(
      `${folder}.lock`,
      async () => {
        if (!(await findWorker(context.cacheDir))) await obtain(context);
      },
      { onWait },
    );
  },
};
