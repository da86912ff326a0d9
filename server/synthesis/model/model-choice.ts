/** The model for avatars that name none: the configured one, or, on `auto`, the best that this machine is fast enough for. */
import { findModel, findVariant, type ModelManifest } from './model-manifest.ts';

export const AUTO_MODEL = 'auto';
/** What a machine must hold with a model that is chosen for it. */
const LEAST_FRAMES_PER_SECOND = 20;
/** Synthesis's share of a frame's time: the encoder, the network and whoever else uses the machine need the rest. */
const SYNTHESIS_SHARE = 0.8;
export const mostSynthesisMs = (1000 / LEAST_FRAMES_PER_SECOND) * SYNTHESIS_SHARE;

export interface ModelChoice {
  model: string;
  /** `unmeasured`: what it will be unless a measurement says otherwise. */
  kind: 'configured' | 'default' | 'fast-enough' | 'too-slow' | 'no-such-size' | 'unmeasured';
  /** For a person. */
  reason: string;
}

export interface ChoiceOptions {
  /** `synthesis.model` of the configuration. */
  configured: string;
  /** Side of the picture, pixels. */
  size: number;
  manifest: ModelManifest;
  /** Milliseconds of CPU time that a frame of that version of the model takes on this machine, or null. */
  speedOf(model: string, version: string): number | null;
}

/** @throws AppError `model-unknown` when the configured model does not exist, or not at this size */
export function chooseModel({ configured, size, manifest, speedOf }: ChoiceOptions): ModelChoice {
  if (configured !== AUTO_MODEL) {
    findVariant(findModel(manifest, configured), size);
    return { model: configured, kind: 'configured', reason: 'as configured (synthesis.model)' };
  }
  const { default: best, fallback = best } = manifest;
  const { version, variants } = findModel(manifest, best);
  if (best === fallback) return { model: best, kind: 'default', reason: 'the default model' };
  if (!variants.some((variant) => variant.size === size))
    return { model: fallback, kind: 'no-such-size', reason: `${best} has no pictures of ${size} pixels` };
  const ms = speedOf(best, version);
  const wanted = `${LEAST_FRAMES_PER_SECOND} frames a second leave ${mostSynthesisMs} ms for it`;
  if (ms === null) return { model: best, kind: 'unmeasured', reason: `not measured on this machine yet; ${wanted}` };
  const measured = `a frame of ${best} takes ${ms.toFixed(1)} ms on this machine; ${wanted}`;
  return ms <= mostSynthesisMs
    ? { model: best, kind: 'fast-enough', reason: measured }
    : { model: fallback, kind: 'too-slow', reason: measured };
}
