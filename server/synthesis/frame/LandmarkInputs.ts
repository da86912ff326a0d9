/** For models that take landmarks themselves: those of this frame and of the one before, and which portrait is nearest to them. */
import { AppError } from '../../../client/src/protocol/errors.ts';
import { LANDMARK_COUNT } from '../../../client/src/protocol/landmarks.ts';
import type { PosedFace } from '../../motion/AvatarFace.ts';
import { CrossFade } from './CrossFade.ts';
import type { FrameInputs, FrameInputsOptions, FrameStep } from '../model/FrameInputs.ts';
import { headPose } from '../../landmarker/head-pose.ts';
import type { EnrolledAvatar } from '../model/types.ts';

/** Another portrait must look this much more the same way than the one in use, in degrees of yaw and pitch together. */
const closerDegrees = 4;
/** And this much more than the calm base portrait, which is warped with less to undo than one that smiles or speaks. */
const calmDegrees = 8;
/** A change of the reference is a cross-fade of this length: the head is turning then, and a longer one shows it twice. */
const referenceMs = 80;
const length = LANDMARK_COUNT * 3;

interface Direction {
  /** Degrees. */
  yaw: number;
  pitch: number;
}

export class LandmarkInputs implements FrameInputs {
  static readonly names = ['landmarks', 'previous_landmarks', 'has_previous', 'reference_index', 'keep'] as const;

  readonly inputs = {
    /** [1, 478, 3] picture widths. */
    landmarks: new Float32Array(length),
    previous_landmarks: new Float32Array(length),
    has_previous: new Float32Array(1),
    reference_index: new BigInt64Array(1),
    keep: new Float32Array(1),
  };
  readonly #size: number;
  readonly #portraits: readonly Direction[];
  /** The portrait whose face is posed. */
  readonly #base: number;
  readonly #fade = new CrossFade();
  #reference: number;
  #filled = false;

  /** @throws AppError `internal` when the model does not keep `reference_landmarks` in its avatars. */
  constructor({ avatar }: Pick<FrameInputsOptions, 'avatar'>) {
    this.#size = avatar.size;
    this.#portraits = directionsOf(avatar);
    this.#base = (avatar.tensors['choice']?.data[0] as number | undefined) ?? 0;
    this.#reference = this.#base;
  }

  fill(pose: PosedFace, { timeMs, fresh, keepAll }: FrameStep): void {
    const { landmarks, previous_landmarks: previous, has_previous: hasPrevious, reference_index: index, keep } = this.inputs;
    previous.set(landmarks);
    for (let i = 0; i < length; i++) landmarks[i] = pose.points[i]! / this.#size;
    // what is about to be forgotten fades away by `keep` alone: carried along with the face, some of it might stay for good
    const linked = this.#filled && !fresh && keepAll === 0;
    if (!linked) previous.set(landmarks);
    hasPrevious[0] = linked ? 1 : 0;
    this.#chooseReference(timeMs, fresh || !this.#filled);
    index[0] = BigInt(this.#reference);
    keep[0] = fresh ? 0 : Math.max(keepAll, this.#fade.step(timeMs));
    this.#filled = true;
  }

  /** The portrait that looks most as the face does now; not another one for a little, and the calm base portrait before its likes. */
  #chooseReference(timeMs: number, anew: boolean): void {
    if (anew) {
      this.#reference = this.#base;
      this.#fade.stop();
    }
    if (this.#portraits.length < 2) return;
    const now = headPose(this.inputs.landmarks);
    const away = this.#portraits.map(
      ({ yaw, pitch }, k) => Math.hypot(yaw - now.yaw, pitch - now.pitch) + (k === this.#base ? 0 : calmDegrees),
    );
    const best = away.indexOf(Math.min(...away));
    if (!anew && away[best]! >= away[this.#reference]! - closerDegrees) return;
    this.#reference = best;
    if (!anew) this.#fade.start(timeMs, referenceMs);
  }
}

function directionsOf({ tensors }: EnrolledAvatar): Direction[] {
  const points = tensors['reference_landmarks']?.data;
  if (!(points instanceof Float32Array) || points.length === 0 || points.length % length !== 0) {
    throw new AppError('internal', 'The model takes landmarks, but its avatars have no `reference_landmarks` among the cached tensors');
  }
  return Array.from({ length: points.length / length }, (_, k) => headPose(points.subarray(k * length, (k + 1) * length)));
}
