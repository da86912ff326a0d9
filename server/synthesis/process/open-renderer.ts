/** From a file of generated weights to something that renders. Models are loaded once per process and shared. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { AppError } from '../../../client/src/protocol/index.ts';
import { AvatarSession } from '../frame/AvatarSession.ts';
import { decodeAvatar } from '../model/avatar-file.ts';
import { loadModel, type OnnxModel } from '../model/OnnxModel.ts';
import type { EnrolledAvatar } from '../model/types.ts';
import type { Renderer } from './LiveSession.ts';
import type { AvatarSource } from './messages.ts';

/** One of a manifest's models, in one size of picture. */
export interface ModelChoice {
  name: string;
  size: number;
}

export class ModelCache {
  readonly #directory: string | undefined;
  readonly #models = new Map<string, Promise<OnnxModel>>();

  /** @param directory of a manifest and its graphs; the repository's own unless given */
  constructor(directory?: string) {
    this.#directory = directory;
  }

  /**
   * Loads these before anybody needs them: ONNX Runtime makes a graph ready on the thread of the event loop, and holds up all avatars of a
   * process for a third of a second. @returns what could not be loaded; `get` tries it again
   */
  async preload(choices: readonly ModelChoice[]): Promise<{ choice: ModelChoice; error: unknown }[]> {
    const failures: { choice: ModelChoice; error: unknown }[] = [];
    for (const choice of choices) await this.get(choice.name, choice.size).catch((error: unknown) => failures.push({ choice, error }));
    return failures;
  }

  /** @throws AppError `model-unknown`, `internal`. */
  get(name: string, size: number): Promise<OnnxModel> {
    const key = `${name} ${size}`;
    let model = this.#models.get(key);
    if (!model) {
      model = loadModel(name, { threads: 1, size, ...(this.#directory === undefined ? {} : { directory: this.#directory }) });
      this.#models.set(key, model);
      model.catch(() => this.#models.delete(key)); // the files may be repaired meanwhile
    }
    return model;
  }
}

/** @throws AppError `avatar-not-found` if the file is gone or damaged, `model-unknown`. */
export async function loadAvatar({ weightsPath, model }: AvatarSource): Promise<EnrolledAvatar> {
  const avatar = decodeAvatar(await readWeights(weightsPath));
  if (avatar.model !== model) throw new AppError('model-unknown', `These weights are for the model ${avatar.model}`);
  return avatar;
}

/** @throws AppError `avatar-not-found` if the avatar is from another version of its model, `model-unknown`. */
export async function openRenderer(
  avatar: EnrolledAvatar,
  { driverNeutral, sessionId }: { driverNeutral: Float32Array | null; sessionId: string },
  models: ModelCache,
): Promise<Renderer> {
  const model = await models.get(avatar.model, avatar.size);
  return AvatarSession.create({ model, avatar, motion: 'relative', driverNeutral, seed: seedOf(sessionId) });
}

/** Each session blinks in its own time. */
export function seedOf(sessionId: string): number {
  return createHash('sha256').update(sessionId).digest().readUInt32LE(0);
}

async function readWeights(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new AppError('avatar-not-found', "The avatar's generated weights are gone", { cause: error });
  }
}

/** The avatar at rest: planar I420, [size * 3 / 2, size]. */
export async function renderAtRest(model: OnnxModel, avatar: EnrolledAvatar): Promise<Uint8Array> {
  const session = await AvatarSession.create({ model, avatar, motion: 'relative' });
  try {
    return Uint8Array.from((await session.render({ landmarks: null, timeMs: 0 })).i420);
  } finally {
    await session.close();
  }
}
