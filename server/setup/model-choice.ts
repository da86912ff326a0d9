/** The choice of a model and of its pictures' size as a start makes it and as doctor explains it; the measurements that it rests on are made once and kept. */
import { availableParallelism, cpus } from 'node:os';
import { AppError } from '../../client/src/protocol/errors.ts';
import { ConfigError, loadConfig, type Config } from '../config/index.ts';
import { AUTO, chooseModel, SMALLEST, type ModelChoice } from '../synthesis/model/model-choice.ts';
import { findModel, loadManifest, sizesOf, type ModelManifest } from '../synthesis/model/model-manifest.ts';
import { Capacity } from '../synthesis/process/Capacity.ts';
import { landmarkFolder } from '../landmarker/landmark-models.ts';
import { forgetMeasurement, readMeasurements, recordMeasurement, type Measurement } from './measurements.ts';
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

/** Milliseconds of CPU time that a frame of a model of that size was measured to take on this machine, in the manifest's version; null where it was not. */
export async function knownSpeeds(cacheDir: string, size: number): Promise<(model: string) => number | null> {
  const [{ models }, measurements] = [await loadManifest(), await readMeasurements(cacheDir)];
  const speedOf = speedsHere(measurements);
  return (model) => (models[model] ? speedOf(model, models[model].version, size) : null);
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
  return chooseModel({ configured: { model: synthesis.model, size }, manifest, speedOf: speedsHere(measurements) });
}

/** Of that version, on a machine like this one. */
function speedsHere(measurements: readonly Measurement[]): (model: string, version: string, size: number) => number | null {
  const here = machine();
  return (model, version, size) => {
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
    return (await measureInProcess({ model, size, cacheDir: landmarkFolder(cacheDir) })).cpuMs;
  };

export interface SettleOptions {
  config: ChoiceConfig;
  measure?: Measure;
  manifest?: ModelManifest;
}

/** More are never needed: each size once. */
const MOST_MEASUREMENTS = 4;

/**
 * Measures, where it has to. A model that cannot be measured cannot be used: then it is the fallback, with the error.
 * @throws AppError `model-unknown`; ConfigError when the size that was asked for is too much for this machine
 */
export async function settleModel({
  config,
  measure = measureThere(config.cacheDir),
  manifest: given,
}: SettleOptions): Promise<ModelChoice & { error?: unknown }> {
  const manifest = given ?? (await loadManifest());
  let known = await knownChoice(config, manifest);
  try {
    known = await measureAll({ config, manifest, measure });
  } catch (error) {
    const { size } = config.video;
    if (size !== AUTO && size > SMALLEST) throw error; // nothing takes its place
    return { ...known, model: manifest.fallback ?? known.model, size: SMALLEST, reason: `${known.model} could not be measured`, error };
  }
  if (known.kind === 'size-too-slow') throw new ConfigError([`video.size: ${known.reason}.`]);
  return known;
}

interface Measuring extends Required<SettleOptions> {
  onStep?: (text: string) => void;
}

/** Until it is known what it will be. */
async function measureAll({ config, manifest, measure, onStep }: Measuring): Promise<ModelChoice> {
  for (let left = MOST_MEASUREMENTS; ; left--) {
    const known = await knownChoice(config, manifest);
    if (known.kind !== 'unmeasured' || left === 0) return known;
    onStep?.(`measuring ${known.model} at ${known.size} pixels on this machine`);
    await measureOne(config.cacheDir, known, { manifest, measure });
  }
}

async function measureOne(
  cacheDir: string,
  { model, size }: Pick<ModelChoice, 'model' | 'size'>,
  { manifest, measure }: Pick<Measuring, 'manifest' | 'measure'>,
): Promise<void> {
  await recordSpeed(cacheDir, { model, version: findModel(manifest, model).version, size, ms: await measure(model, size) });
}

/** What is known is forgotten: it is to be measured anew. */
async function forgetSpeeds(cacheDir: string, manifest: ModelManifest): Promise<void> {
  for (const [model, spec] of Object.entries(manifest.models))
    for (const size of sizesOf(spec)) await forgetMeasurement(cacheDir, labelOf(model, size));
}

export const modelChoicePart: Part = {
  name: 'model-choice',
  need: 'start',
  version: () => Promise.resolve('-'),
  async check(cacheDir): Promise<Check> {
    try {
      const config = { ...loadConfig().config, cacheDir };
      const choice = await knownChoice(config);
      return checkOf(choice, capacityText(config, choice.model, (await knownSpeeds(cacheDir, choice.size))(choice.model)));
    } catch (error) {
      if (error instanceof ConfigError)
        return { ok: false, level: 'warn', detail: 'the configuration cannot be read', fix: 'fix the configuration' };
      if (error instanceof AppError)
        return { ok: false, detail: error.message, fix: 'choose another `synthesis.model` (docs/configuration.md)' };
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
    const onStep = (text: string): void => progress.step(text);
    await forgetSpeeds(cacheDir, manifest);
    try {
      const { model, size, reason } = await measureAll({ config, manifest, measure: measureThere(cacheDir), onStep });
      progress.step(`${model} at ${size} pixels: ${reason}`);
    } catch (error) {
      // Not the end of a start, which tries once more and has the fallback.
      progress.step(`the model could not be measured: ${(error as Error).message}`);
    }
  },
};

/** How many avatars this machine would render, as far as a frame alone tells; the server measures on, encoder and all. */
function capacityText({ synthesis, video }: Config, model: string, ms: number | null): string {
  if (ms === null) return '';
  const { framesPerSecond: fps } = video;
  const leastFps = Math.min(synthesis.minFramesPerSecond, fps);
  const cores = Math.min(synthesis.workers ?? Infinity, availableParallelism());
  const { atFullRate, atLowestRate } = new Capacity({ cores, share: synthesis.cpuShare, fps, leastFps, knownMs: () => ms }).fits(model);
  return `; room for about ${atFullRate} avatars at ${fps} frames a second, ${atLowestRate} at ${leastFps}`;
}

function checkOf({ model, size, kind, reason }: ModelChoice, capacity: string): Check {
  const detail = `${model} at ${size} pixels: ${reason}${capacity}`;
  if (kind === 'unmeasured') return { ok: true, detail: `${detail}; the first start measures` };
  if (kind === 'size-too-slow')
    return {
      ok: false,
      detail,
      fix: `npx gioconda setup model-choice (measures anew), or another \`video.size\` (docs/configuration.md)`,
    };
  if (kind !== 'too-slow') return { ok: true, detail };
  return { ok: true, level: 'warn', detail, fix: 'npx gioconda setup model-choice (measures anew), or set synthesis.model' };
}
