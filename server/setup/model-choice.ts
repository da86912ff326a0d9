/** The choice of a model as a start makes it and as doctor explains it; the measurement that it rests on is made once and kept. */
import { availableParallelism, cpus } from 'node:os';
import { AppError } from '../../client/src/protocol/errors.ts';
import { ConfigError, loadConfig, type Config } from '../config/index.ts';
import { chooseModel, type ModelChoice } from '../synthesis/model/model-choice.ts';
import { findModel, loadManifest, type ModelManifest } from '../synthesis/model/model-manifest.ts';
import { Capacity } from '../synthesis/process/Capacity.ts';
import { landmarkFolder } from '../landmarker/landmark-models.ts';
import { readMeasurements, recordMeasurement, type Measurement } from './measurements.ts';
import type { Check, Part } from './part.ts';

/** What decides about it. */
export type ChoiceConfig = Pick<Config, 'cacheDir'> & {
  synthesis: Pick<Config['synthesis'], 'model'>;
  video: Pick<Config['video'], 'size'>;
};

interface Measured {
  model: string;
  /** Of the model. */
  version: string;
  size: number;
  /** CPU time of a frame. */
  ms: number;
}

const labelOf = (model: string, size: number): string => `${model} ${size}`;

/** A cache folder may be moved, or be shared. */
const machine = (): string => `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores`;

async function recordSpeed(cacheDir: string, { model, version, size, ms }: Measured): Promise<void> {
  const text = `synthesis ${ms.toFixed(1)} ms of CPU time a frame, alone`;
  await recordMeasurement(cacheDir, { label: labelOf(model, size), text, speed: { ms, version, machine: machine() } });
}

/** Milliseconds of CPU time that a frame of a model was measured to take on this machine, in the manifest's version; null where it was not. */
export async function knownSpeeds({
  cacheDir,
  video: { size },
}: Omit<ChoiceConfig, 'synthesis'>): Promise<(model: string) => number | null> {
  const [{ models }, measurements] = [await loadManifest(), await readMeasurements(cacheDir)];
  const speedOf = speedsHere(size, measurements);
  return (model) => (models[model] ? speedOf(model, models[model].version) : null);
}

/** By what is known already: `unmeasured` is an answer too. @throws AppError `model-unknown` */
export async function knownChoice(config: ChoiceConfig, manifest?: ModelManifest): Promise<ModelChoice> {
  return choiceBy(config, manifest ?? (await loadManifest()), await readMeasurements(config.cacheDir));
}

function choiceBy(
  { synthesis, video: { size } }: ChoiceConfig,
  manifest: ModelManifest,
  measurements: readonly Measurement[],
): ModelChoice {
  return chooseModel({ configured: synthesis.model, size, manifest, speedOf: speedsHere(size, measurements) });
}

/** Of that version, on a machine like this one. */
function speedsHere(size: number, measurements: readonly Measurement[]): (model: string, version: string) => number | null {
  const here = machine();
  return (model, version) => {
    const speed = measurements.find(({ label }) => label === labelOf(model, size))?.speed;
    return speed?.version === version && speed.machine === here ? speed.ms : null;
  };
}

/** Milliseconds of CPU time for a frame. */
type Measure = (model: string, size: number) => Promise<number>;

/** Where it would run: onnxruntime is loaded only there, and is gone afterwards. */
const measureThere =
  (cacheDir: string): Measure =>
  async (model, size) => {
    const { measureInProcess } = await import('../synthesis/process/measure-in-process.ts');
    return measureInProcess({ model, size, cacheDir: landmarkFolder(cacheDir) });
  };

export interface SettleOptions {
  config: ChoiceConfig;
  measure?: Measure;
  manifest?: ModelManifest;
}

/** Measures, where it has to. A model that cannot be measured cannot be used: then it is the fallback, with the error. @throws AppError `model-unknown` */
export async function settleModel({
  config,
  measure = measureThere(config.cacheDir),
  manifest: given,
}: SettleOptions): Promise<ModelChoice & { error?: unknown }> {
  const manifest = given ?? (await loadManifest());
  const known = await knownChoice(config, manifest);
  if (known.kind !== 'unmeasured') return known;
  try {
    await measureDefault(config, measure, manifest);
    return await knownChoice(config, manifest);
  } catch (error) {
    return { ...known, model: manifest.fallback ?? known.model, reason: `${known.model} could not be measured`, error };
  }
}

async function measureDefault({ cacheDir, video: { size } }: ChoiceConfig, measure: Measure, manifest: ModelManifest): Promise<void> {
  const { default: model } = manifest;
  await recordSpeed(cacheDir, { model, version: findModel(manifest, model).version, size, ms: await measure(model, size) });
}

export const modelChoicePart: Part = {
  name: 'model-choice',
  need: 'start',
  version: () => Promise.resolve('-'),
  async check(cacheDir): Promise<Check> {
    try {
      const config = { ...loadConfig().config, cacheDir };
      const choice = await knownChoice(config);
      return checkOf(choice, capacityText(config, choice.model, (await knownSpeeds(config))(choice.model)));
    } catch (error) {
      if (error instanceof ConfigError)
        return { ok: false, level: 'warn', detail: 'the configuration cannot be read', mend: 'mend the configuration' };
      if (error instanceof AppError)
        return { ok: false, detail: error.message, mend: 'choose another `synthesis.model` (docs/configuration.md)' };
      throw error;
    }
  },
  // What is wrong with the configuration is for the start itself to say.
  ready: async (cacheDir) => {
    const choice = await knownChoice({ ...loadConfig().config, cacheDir }).catch(() => null);
    return choice?.kind !== 'unmeasured';
  },
  async ensure({ cacheDir, progress }) {
    const config = { ...loadConfig().config, cacheDir };
    const manifest = await loadManifest();
    if (!isMeasured((await knownChoice(config, manifest)).kind)) return;
    progress.step(`measuring ${manifest.default} on this machine`);
    await measureDefault(config, measureThere(cacheDir), manifest).catch((error: unknown) => {
      // Not the end of a start, which tries once more and has the fallback.
      progress.step(`${manifest.default} could not be measured: ${(error as Error).message}`);
    });
    const { model, reason } = await knownChoice(config, manifest);
    progress.step(`${model}: ${reason}`);
  },
};

const isMeasured = (kind: ModelChoice['kind']): boolean => kind === 'fast-enough' || kind === 'too-slow' || kind === 'unmeasured';

/** How many avatars this machine would render, as far as a frame alone tells; the server measures on, encoder and all. */
function capacityText({ synthesis, video }: Config, model: string, ms: number | null): string {
  if (ms === null) return '';
  const { framesPerSecond: fps } = video;
  const leastFps = Math.min(synthesis.minFramesPerSecond, fps);
  const cores = Math.min(synthesis.workers ?? Infinity, availableParallelism());
  const { atFullRate, atLowestRate } = new Capacity({ cores, share: synthesis.cpuShare, fps, leastFps, knownMs: () => ms }).fits(model);
  return `; room for about ${atFullRate} avatars at ${fps} frames a second, ${atLowestRate} at ${leastFps}`;
}

function checkOf({ model, kind, reason }: ModelChoice, capacity: string): Check {
  const detail = `${model}: ${reason}${capacity}`;
  if (kind === 'unmeasured') return { ok: true, detail: `${detail}; the first start measures` };
  if (kind !== 'too-slow') return { ok: true, detail };
  return { ok: true, level: 'warn', detail, mend: 'npx gioconda setup model-choice (measures anew), or set synthesis.model' };
}
