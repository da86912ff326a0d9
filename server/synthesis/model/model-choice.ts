/**
 * The model for avatars that name none, and the size of their pictures: as configured, or, on `auto`, the best that this machine is fast enough for.
 */
import { AppError } from '../../../client/src/protocol/errors.ts';
import { findModel, findVariant, sizesOf, type ModelManifest, type ModelSpec } from './model-manifest.ts';

/** Of `synthesis.model` and of `video.size`. */
export const AUTO = 'auto';
/** Sizes that `auto` considers, the best one first. */
const AUTO_SIZES = [512, 256] as const;
/** At this size a machine that is too slow gets the fallback; a larger one that was asked for is a promise. */
export const SMALLEST = 256;
/** What a machine must hold. A small picture at 20 frames a second is better than the fallback, a large one is not better than a small one. */
const leastFramesPerSecond = (size: number): number => (size > SMALLEST ? 25 : 20);
/** Synthesis's share of a frame's time: the encoder, the network and whoever else uses the machine need the rest. */
const SYNTHESIS_SHARE = 0.8;
export const mostSynthesisMs = (size: number): number => (1000 / leastFramesPerSecond(size)) * SYNTHESIS_SHARE;

/** What a model is used at where speed does not matter. */
export function bestSizeOf(model: ModelSpec): number {
  const sizes = sizesOf(model);
  return AUTO_SIZES.find((size) => sizes.includes(size)) ?? sizes[0]!;
}

export interface ModelChoice {
  model: string;
  /** Side of the picture, pixels. */
  size: number;
  /**
   * `unmeasured`: what it will be unless a measurement of that model at that size says otherwise. `too-slow`: the fallback in the default's place.
   * `size-too-slow`: the size that was asked for cannot be held, and no other takes its place: there is nothing to start with.
   */
  kind: 'configured' | 'default' | 'fast-enough' | 'too-slow' | 'size-too-slow' | 'unmeasured';
  /** For a person. */
  reason: string;
}

export interface ChoiceOptions {
  /** `synthesis.model` and `video.size` of the configuration. */
  configured: { model: string; size: number | typeof AUTO };
  manifest: ModelManifest;
  /** Milliseconds of CPU time that a frame of that version of the model takes on this machine at that size, or null. */
  speedOf(model: string, version: string, size: number): number | null;
}

/** @throws AppError `model-unknown` when the model does not exist, or not at this size */
export function chooseModel(options: ChoiceOptions): ModelChoice {
  const { configured, manifest } = options;
  const { model, size } = configured;
  if (model !== AUTO && size !== AUTO) {
    findVariant(findModel(manifest, model), size);
    return { model, size, kind: 'configured', reason: 'as configured (synthesis.model, video.size)' };
  }
  if (model !== AUTO) return bestSize(options, model);
  return size === AUTO ? best(options) : ofSize(options, size);
}

/** The configured model, at the best size. */
function bestSize(options: ChoiceOptions, model: string): ModelChoice {
  const all = sizesOf(findModel(options.manifest, model));
  const sizes = AUTO_SIZES.filter((size) => all.includes(size));
  const smallest = sizes.at(-1) ?? all[0]!;
  for (const size of sizes.slice(0, -1)) {
    const judged = judge(options, model, size);
    if (judged.kind !== 'too-slow') return judged;
  }
  return { model, size: smallest, kind: 'configured', reason: 'the model as configured (synthesis.model), at its smallest size' };
}

/** The default model at the best size, else its fallback. */
function best(options: ChoiceOptions): ModelChoice {
  const { default: model, fallback } = options.manifest;
  if (fallback === undefined || fallback === model) return { ...bestSize(options, model), kind: 'default', reason: 'the default model' };
  const all = sizesOf(findModel(options.manifest, model));
  let judged: ModelChoice | null = null;
  for (const size of AUTO_SIZES.filter((candidate) => all.includes(candidate))) {
    judged = judge(options, model, size);
    if (judged.kind !== 'too-slow') return judged;
  }
  return {
    model: fallback,
    size: SMALLEST,
    kind: 'too-slow',
    reason: judged?.reason ?? `${model} has none of the sizes ${AUTO_SIZES.join(', ')}`,
  };
}

/** The default model at the size that was asked for. */
function ofSize(options: ChoiceOptions, size: number): ModelChoice {
  const { default: model, fallback, models } = options.manifest;
  const spec = findModel(options.manifest, model);
  if (!sizesOf(spec).includes(size)) {
    const others = Object.keys(models).filter((name) => sizesOf(models[name]!).includes(size));
    const instead = others.length > 0 ? `, or name the model: synthesis.model may be ${others.join(' or ')}` : '';
    throw new AppError(
      'model-unknown',
      `${model} has no pictures of ${size} pixels: set video.size to ${sizesOf(spec).join(' or ')}${instead}`,
    );
  }
  if (fallback === undefined || fallback === model) return { model, size, kind: 'default', reason: 'the default model' };
  const judged = judge(options, model, size);
  if (judged.kind !== 'too-slow') return judged;
  if (size === SMALLEST) return { ...judged, model: fallback };
  const fix = `set video.size to auto or ${SMALLEST}, or keep it and name the model: synthesis.model may be ${fallback}, or ${model} all the same`;
  return { ...judged, kind: 'size-too-slow', reason: `${judged.reason}; ${fix}` };
}

function judge({ manifest, speedOf }: ChoiceOptions, model: string, size: number): ModelChoice {
  const ms = speedOf(model, findModel(manifest, model).version, size);
  const most = mostSynthesisMs(size);
  const wanted = `${leastFramesPerSecond(size)} frames a second leave ${most} ms for it`;
  if (ms === null) return { model, size, kind: 'unmeasured', reason: `not measured on this machine yet; ${wanted}` };
  const reason = `a frame of ${model} at ${size} pixels takes ${ms.toFixed(1)} ms on this machine; ${wanted}`;
  return { model, size, kind: ms <= most ? 'fast-enough' : 'too-slow', reason };
}
