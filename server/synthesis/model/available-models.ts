/** What can be chosen on this server: the manifest's models at the configured picture size. */
import { AppError } from '../../../client/src/protocol/index.ts';
import type { ModelInfo } from '../../enrolment/ports.ts';
import { loadManifest, sizesOf } from './model-manifest.ts';

/** Weights differ by size as they do by version, so the size is part of the version. @throws AppError `model-unknown` if no model has it. */
export async function availableModels(size: number): Promise<ModelInfo[]> {
  const { models } = await loadManifest();
  const available = Object.entries(models)
    .filter(([, model]) => sizesOf(model).includes(size))
    .map(([name, model]) => ({ name, version: `${model.version}@${size}`, size }));
  if (available.length > 0) return available;
  const sizes = new Set(Object.values(models).flatMap(sizesOf));
  throw new AppError('model-unknown', `No model has pictures of ${size} pixels; video.size may be ${[...sizes].join(' or ')}`);
}
