/** The choice of a model as a start makes it and as doctor explains it; the measurement that it rests on is made once and kept. */
import { availableParallelism, cpus } from 'node:os';
import { AppError } from '../../client/src/protocol/errors.ts';
import { ConfigError, loadConfig, type Config } from '../config.ts';
import { chooseModel, type ModelChoice } from '../synthesis/model-choice.ts';
import { findModel, loadManifest, type ModelManifest } from '../synthesis/model-manifest.ts';
import { readMeasurements, recordMeasurement, type Measurement } from './measurements.ts';
import type { Check, Part } from './part.ts';

/** What decides about it. */
export type ChoiceConfig = Pick<Config, 'cacheDir'> & { synthesis: Pick<Config['synthesis'], 'model'>; video: Pick<Config['video'], 'size'> };

export interface Speed {
  /** Milliseconds a frame. */
  p50: number;
  p95: number;
}

interface Measured extends Speed {
  model: string;
  /** Of the model. */
  version: string;
  size: number;
}

const labelOf = (model: string, size: number): string => `${model} ${size}`;

/** A cache folder may be moved, or be shared. */
const machine = (): string => `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores`;

export async function recordSpeed(cacheDir: string, { model, version, size, p50, p95 }: Measured): Promise<void> {
  const text = `synthesis ${p50.toFixed(1)} ms p50, ${p95.toFixed(1)} ms p95 a frame`;
  await recordMeasurement(cacheDir, { label: labelOf(model, size), text, speed: { ms: p50, version, machine: machine() } });
}

/** By what is known already: `unmeasured` is an answer too. @throws AppError `model-unknown` */
export async function knownChoice(config: ChoiceConfig, manifest?: ModelManifest): Promise<ModelChoice> {
  return choiceBy(config, manifest ?? (await loadManifest()), await readMeasurements(config.cacheDir));
}

function choiceBy({ synthesis, video: { size } }: ChoiceConfig, manifest: ModelManifest, measurements: readonly Measurement[]): ModelChoice {
  const here = machine();
  return chooseModel({
    configured: synthesis.model,
    size,
    manifest,
    speedOf(model, version) {
      const speed = measurements.find(({ label }) => label === labelOf(model, size))?.speed;
      return speed?.version === version && speed.machine === here ? speed.ms : null;
    },
  });
}

export interface SettleOptions {
  config: ChoiceConfig;
  /** @returns the time of a frame of that model */
  measure(model: string, size: number): Promise<Speed>;
  manifest?: ModelManifest;
}

/** Measures, where it has to be. A model that cannot be measured cannot be used: then it is the fallback, with the error. @throws AppError `model-unknown` */
export async function settleModel({ config, measure, manifest: given }: SettleOptions): Promise<ModelChoice & { error?: unknown }> {
  const manifest = given ?? (await loadManifest());
  const known = await knownChoice(config, manifest);
  if (known.kind !== 'unmeasured') return known;
  const { model } = known;
  const { size } = config.video;
  try {
    const speed = await measure(model, size);
    await recordSpeed(config.cacheDir, { model, version: findModel(manifest, model).version, size, ...speed });
    return await knownChoice(config, manifest);
  } catch (error) {
    return { ...known, model: manifest.fallback ?? model, reason: `${model} could not be measured`, error };
  }
}

export const modelChoicePart: Part = {
  name: 'model-choice',
  need: 'start',
  version: () => Promise.resolve('-'),
  async check(cacheDir): Promise<Check> {
    try {
      const { config } = loadConfig();
      return checkOf(await knownChoice({ ...config, cacheDir }));
    } catch (error) {
      if (error instanceof ConfigError) return { ok: false, level: 'warn', detail: 'the configuration cannot be read', mend: 'mend the configuration' };
      if (error instanceof AppError) return { ok: false, detail: error.message, mend: 'choose another `synthesis.model` (docs/configuration.md)' };
      throw error;
    }
  },
  ready: () => Promise.resolve(true),
  async ensure() {
    // A start measures where it has to: what else is started at that moment would spoil the figure here.
  },
};

function checkOf({ model, kind, reason }: ModelChoice): Check {
  const detail = `${model}: ${reason}`;
  if (kind === 'unmeasured') return { ok: true, detail: `${detail}; the first start measures` };
  if (kind !== 'too-slow') return { ok: true, detail };
  return { ok: true, level: 'warn', detail, mend: 'on an idle machine, `npx gioconda bench --model NAME` measures anew; `synthesis.model` takes a model whatever its speed' };
}
