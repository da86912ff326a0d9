/** The set-up as the commands and the tests see it. */
import { requireCacheFolder } from './cache-folder.ts';
import { chromiumPart } from './chromium.ts';
import { configurationPart } from './configuration.ts';
import { landmarkModelsPart } from './landmark-models.ts';
import { workerBinary, workerPart } from './mediasoup-worker/worker-part.ts';
import { modelChoicePart } from './model-choice.ts';
import { modelFilesPart } from './model-files.ts';
import { nativeParts } from './native-parts.ts';
import { nodePart } from './node-part.ts';
import type { Part, Progress } from './part.ts';
import { cacheFolder } from '../base/paths.ts';
import { SetupError } from './SetupError.ts';
import { trackerModelPart } from './tracker-model.ts';

export { chromiumPath } from './chromium.ts';
export { configuredCacheFolder } from './configuration.ts';
export { workerBinary } from './mediasoup-worker/worker-part.ts';
export { readMeasurements, recordMeasurement } from './measurements.ts';
export { knownChoice } from './model-choice.ts';
export { SetupError } from './SetupError.ts';

/** In the order in which they are made. */
export const parts: readonly Part[] = [
  nodePart,
  configurationPart,
  ...nativeParts,
  workerPart,
  landmarkModelsPart,
  modelFilesPart,
  modelChoicePart,
  trackerModelPart,
  chromiumPart,
];

export interface EnsureOptions {
  /** Absent: on the terminal, and only if there is something to do. */
  progress?: Progress;
  /** Names of parts; absent: all that running the server needs. */
  only?: readonly string[];
  /** Also what the tests need. */
  tests?: boolean;
  cacheDir?: string;
  /** Tries anew what could not be had lately; else a closed network is asked once a day. */
  retry?: boolean;
  /** False (also `GIOCONDA_OFFLINE=1`): ask no server on the network. */
  network?: boolean;
}

function wantedParts({ only, tests = false }: EnsureOptions): readonly Part[] {
  if (!only || only.length === 0) return parts.filter((part) => tests || part.need !== 'tests');
  const unknown = only.filter((name) => !parts.some((part) => part.name === name));
  if (unknown.length > 0)
    throw new SetupError(`no such part: ${unknown.join(', ')}. There are: ${parts.map((part) => part.name).join(', ')}`);
  return parts.filter((part) => only.includes(part.name));
}

/**
 * Makes everything ready that a start needs, and sets MEDIASOUP_WORKER_BIN for this process and its children: to be called
 * before mediasoup is imported. Where all is ready it is a look of some tens of milliseconds.
 * @throws SetupError where something that is needed cannot be had.
 */
export async function ensureSetup(options: EnsureOptions = {}): Promise<void> {
  const { cacheDir = cacheFolder(), network = !process.env.GIOCONDA_OFFLINE } = options;
  await requireCacheFolder(cacheDir);
  const wanted = wantedParts(options);
  const ready = await Promise.all(wanted.map(async (part) => !options.retry && (await part.ready(cacheDir))));
  const open = wanted.filter((_, index) => !ready[index]);
  if (open.length > 0) await ensureAll(open, { cacheDir, network, progress: options.progress });
  if (wanted.includes(workerPart)) process.env.MEDIASOUP_WORKER_BIN = await workerBinary(cacheDir);
}

interface EnsureAllOptions {
  cacheDir: string;
  network: boolean;
  progress: Progress | undefined;
}

async function ensureAll(open: readonly Part[], { cacheDir, network, progress }: EnsureAllOptions): Promise<void> {
  // Lazily: most starts have nothing to tell.
  const terminal = progress ? null : (await import('./terminal-progress.ts')).createTerminalProgress();
  const shown = progress ?? (terminal as Progress);
  try {
    for (const part of open) {
      shown.step(`${part.name} ${await part.version()}`);
      await part.ensure({ progress: shown, cacheDir, network });
    }
  } finally {
    terminal?.close();
  }
}
