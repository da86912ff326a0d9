/** Portraits → everything that a session needs to animate them, once per person. */
import { AppError } from '../../../client/src/protocol/errors.ts';
import { LANDMARK_COUNT } from '../../../client/src/protocol/landmarks.ts';
import { EnrolmentInputs } from './EnrolmentInputs.ts';
import type { OnnxModel } from '../model/OnnxModel.ts';
import { choosePortraits } from './portrait-choice.ts';
import type { EnrolledAvatar, NamedTensor } from '../model/types.ts';
import type { PreparedPortrait } from '../../portraits/crop.ts';

export interface EnrolOptions {
  model: OnnxModel;
  /** 1..8, each `model.size` square. */
  portraits: readonly PreparedPortrait[];
}

/**
 * Runs the enrolment graph and keeps what it makes, with the landmarks of the portrait that is animated.
 * @throws AppError `portrait-count`, `bad-request` when a portrait has not the model's size, `synthesis-failed`.
 */
export async function enrolAvatar({ model, portraits }: EnrolOptions): Promise<EnrolledAvatar> {
  if (portraits.length < 1 || portraits.length > 8) throw new AppError('portrait-count');
  for (const p of portraits) check(p, model.size);
  const choice = choosePortraits(portraits);
  const base = portraits[choice.base]!;
  const given = new EnrolmentInputs(model, portraits, choice);
  const made = await model.runEnrolment(given.tensors());
  const tensors: Record<string, NamedTensor> = {
    points: { type: 'float32', shape: [LANDMARK_COUNT, 3], data: Float32Array.from(base.points) },
    matted: { type: 'uint8', shape: [1], data: Uint8Array.of(base.matte ? 1 : 0) },
    choice: { type: 'int32', shape: [2], data: Int32Array.of(choice.base, choice.teeth ?? -1) },
  };
  if (base.matte) tensors['matte'] = { type: 'uint8', shape: [model.size, model.size], data: Uint8Array.from(base.matte) };
  for (const name of model.spec.cached) {
    const output = made[name];
    if (!output) throw new AppError('internal', `The enrolment graph makes no ${name}`);
    tensors[name] = { type: 'float32', ...output };
  }
  if (model.variant.kind === 'composed') Object.assign(tensors, given.pictures());
  return { model: model.name, modelVersion: model.spec.version, size: model.size, tensors };
}

function check(p: PreparedPortrait, size: number): void {
  const square = p.image.width === size && p.image.height === size && p.image.data.length === size * size * 3;
  if (!square || p.points.length !== LANDMARK_COUNT * 3 || (p.matte && p.matte.length !== size * size)) {
    throw new AppError('bad-request', `A portrait is not ${size} x ${size} with 478 points`);
  }
}
