/** `models/manifest.json`: which models there are, what their graphs take and give, and the hashes that prove the files. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { AppError } from '../../../client/src/protocol/errors.ts';

/** A side: a number, or the name of a free one (K portraits). */
const side = z.union([z.number().int().positive(), z.string()]);
const tensorSchema = z.object({
  type: z.enum(['float32', 'float16', 'uint8', 'int32', 'int64']),
  shape: z.array(side),
  range: z.tuple([z.number(), z.number()]).optional(),
  layout: z.string().optional(),
  normalisation: z.string().optional(),
  meaning: z.string().optional(),
});
const fileSchema = z.object({ file: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) });
const graphSchema = fileSchema.extend({
  inputs: z.record(z.string(), tensorSchema),
  outputs: z.record(z.string(), tensorSchema),
});
const variantSchema = z.object({
  size: z.number().int().positive().multipleOf(4),
  enrolment: graphSchema,
  frame: graphSchema,
  /** `frame` with 8-bit convolutions, which a CPU runs faster. */
  frameInt8: fileSchema.optional(),
});
/** A model whose graphs know nothing of the output's size: they give flows and masks, by which the server mixes pictures of any of `sizes`. */
const composedSchema = z
  .object({
    sizes: z.array(z.number().int().positive()).min(1),
    /** Side of the pictures that the graphs see. */
    networkSize: z.number().int().positive().multipleOf(16),
    enrolment: graphSchema,
    motion: graphSchema,
    motionInt8: fileSchema.optional(),
    picture: graphSchema,
    pictureInt8: fileSchema.optional(),
  })
  .refine(({ sizes, networkSize }) => sizes.every((size) => size % networkSize === 0), 'sizes are multiples of networkSize');
/** Channels of the semantic map that a session can draw. */
export const semanticChannelSchema = z.enum(['contour', 'features', 'mouth', 'mouth-light', 'reuse', 'fold']);
const logLimitSchema = z
  .object({ knee: z.number().positive(), limit: z.number().positive() })
  .refine(({ knee, limit }) => limit > knee, 'limit must be above knee');
const angleLimitSchema = z
  .object({ kneeDegrees: z.number().positive(), limitDegrees: z.number().positive() })
  .refine(({ kneeDegrees, limitDegrees }) => limitDegrees > kneeDegrees, 'limitDegrees must be above kneeDegrees');
const modelFields = z.object({
  version: z.string(),
  title: z.string(),
  licence: z.string(),
  semanticChannels: z.array(semanticChannelSchema),
  /** Whether all portraits are given before the base portrait's background: for a model that shows now one, now another. */
  sharedBackground: z.boolean().default(false),
  /** What the landmarks of a posed face mean to the model: see `posing.ts`. */
  landmarks: z.enum(['surface', 'tracked']).default('surface'),
  /** How far the head goes; `logScale` is a natural logarithm. What is absent is as the warp has it. */
  poseLimits: z
    .object({ pitch: angleLimitSchema, yaw: angleLimitSchema, roll: angleLimitSchema, logScale: logLimitSchema })
    .partial()
    .optional(),
  interiorSize: z.number().int().positive().optional(),
  /** Outputs of the enrolment graph that are kept and given to the frame graph under the same names. */
  cached: z.array(z.string()),
  /** One graph a frame, made for one size. */
  variants: z.array(variantSchema).default([]),
  composed: composedSchema.optional(),
});
const modelSchema = modelFields.refine(
  ({ variants, composed }) => variants.length > 0 !== (composed !== undefined),
  'a model has either variants or composed',
);
const manifestSchema = z
  .object({
    format: z.literal(1),
    default: z.string(),
    /** Taken for the default one where the machine is too slow for it. */
    fallback: z.string().optional(),
    models: z.record(z.string(), modelSchema),
  })
  .refine((manifest) => Object.hasOwn(manifest.models, manifest.default), 'default names no model of the manifest')
  .refine(({ fallback, models }) => fallback === undefined || Object.hasOwn(models, fallback), 'fallback names no model of the manifest');

export type SemanticChannel = z.infer<typeof semanticChannelSchema>;
export type TensorSpec = z.infer<typeof tensorSchema>;
export type FileSpec = z.infer<typeof fileSchema>;
export type GraphSpec = z.infer<typeof graphSchema>;
/** A model at one size. */
export type ModelVariant = WholeVariant | ComposedVariant;
export type WholeVariant = { kind: 'whole' } & z.infer<typeof variantSchema>;
export type ComposedVariant = { kind: 'composed'; size: number } & Omit<z.infer<typeof composedSchema>, 'sizes'>;
export type ModelSpec = z.infer<typeof modelSchema>;
export type ModelManifest = z.infer<typeof manifestSchema>;

/** The repository's own models. */
export const modelsDirectory = fileURLToPath(new URL('../../../models/', import.meta.url));

/** @throws AppError `internal` when the manifest is missing or malformed. */
export async function loadManifest(directory = modelsDirectory): Promise<ModelManifest> {
  const file = path.join(directory, 'manifest.json');
  try {
    return manifestSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new AppError('internal', 'models/manifest.json cannot be read', { cause });
  }
}

export async function modelNames(directory = modelsDirectory): Promise<string[]> {
  return Object.keys((await loadManifest(directory)).models);
}

/** @throws AppError `model-unknown`, naming the models there are. */
export function findModel(manifest: ModelManifest, name: string): ModelSpec {
  const model = Object.hasOwn(manifest.models, name) ? manifest.models[name] : undefined;
  if (!model) throw new AppError('model-unknown', `There is no model of this name; there are: ${Object.keys(manifest.models).join(', ')}`);
  return model;
}

/** Sides of the pictures that a model makes, ascending. */
export function sizesOf({ variants, composed }: ModelSpec): number[] {
  return [...(composed?.sizes ?? variants.map(({ size }) => size))].sort((a, b) => a - b);
}

/** The model at that size, or at its smallest when none is asked for. @throws AppError `model-unknown`, naming the sizes there are. */
export function findVariant(model: ModelSpec, size = sizesOf(model)[0]!): ModelVariant {
  const { variants, composed } = model;
  if (composed?.sizes.includes(size)) {
    const { sizes: _, ...graphs } = composed;
    return { kind: 'composed', size, ...graphs };
  }
  const variant = variants.find((v) => v.size === size);
  if (!variant) throw new AppError('model-unknown', `The model has no size ${size}; it has ${sizesOf(model).join(', ')}`);
  return { kind: 'whole', ...variant };
}

/** A graph's bytes, proven by the manifest's hash. @throws AppError `internal` when they differ. */
export async function readGraph(graph: FileSpec, directory = modelsDirectory): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path.join(directory, graph.file));
  } catch (cause) {
    throw new AppError('internal', `The model file ${graph.file} is missing`, { cause });
  }
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== graph.sha256) throw new AppError('internal', `The model file ${graph.file} does not have the hash that the manifest names`);
  return bytes;
}
