/** A model with two graphs a frame, between and after which pictures of the output's size are sampled and mixed. */
import { AppError } from '../../../client/src/protocol/errors.ts';
import type { AvatarFace, PosedFace } from '../../motion/AvatarFace.ts';
import { Composition } from '../compose/Composition.ts';
import type { FrameStep } from '../model/FrameInputs.ts';
import type { ComposedVariant } from '../model/model-manifest.ts';
import type { ModelTensor, OnnxModel, TensorData } from '../model/OnnxModel.ts';
import { tensor } from '../model/OnnxModel.ts';
import type { EnrolledAvatar } from '../model/types.ts';
import { LandmarkInputs } from './LandmarkInputs.ts';
import { makeTensors, type Painter, type PaintTimings } from './Painter.ts';

type Tensors = Record<string, ModelTensor>;

/** What one avatar takes and gives. */
interface Outfit {
  composition: Composition;
  landmarks: LandmarkInputs;
  /** Of each graph. */
  motion: { inputs: Tensors; outputs: Tensors };
  picture: { inputs: Tensors; outputs: Tensors };
}

export class ComposedPainter implements Painter {
  readonly carriesOn = true;
  readonly #model: OnnxModel;
  readonly #variant: ComposedVariant;
  /** What goes from one graph to the other: the same for all avatars. */
  readonly #passed: Tensors;
  #outfit: Outfit | null = null;

  constructor(model: OnnxModel, variant: ComposedVariant) {
    this.#model = model;
    this.#variant = variant;
    const { motion, picture } = variant;
    this.#passed = makeTensors(Object.fromEntries(Object.entries(motion.outputs).filter(([name]) => name in picture.inputs)));
  }

  get i420(): Uint8Array {
    return this.#worn.composition.i420;
  }

  get #worn(): Outfit {
    if (!this.#outfit) throw new AppError('internal', 'There is no avatar yet');
    return this.#outfit;
  }

  wear(avatar: EnrolledAvatar, _face: AvatarFace): void {
    const outfit = this.#dress(avatar);
    if (this.#outfit) outfit.composition.goOnFrom(this.#outfit.composition);
    this.#outfit = outfit;
  }

  async paint(pose: PosedFace, step: FrameStep): Promise<PaintTimings> {
    const { composition, landmarks, motion, picture } = this.#worn;
    const start = performance.now();
    landmarks.fill(pose, step);
    const { has_previous: known, reference_index: portrait, keep } = landmarks.inputs;
    await this.#model.run('motion', motion.inputs, motion.outputs);
    const moved = performance.now();
    composition.warp(Number(portrait[0]), known[0] === 1);
    const warped = performance.now();
    await this.#model.run('picture', picture.inputs, picture.outputs);
    const pictured = performance.now();
    composition.mix(keep[0]!);
    return { flowMs: 0, inferenceMs: moved - start + pictured - warped, compositionMs: warped - moved + performance.now() - pictured };
  }

  #dress(avatar: EnrolledAvatar): Outfit {
    const { motion, picture } = this.#variant;
    const composition = compositionOf(avatar, this.#variant);
    const landmarks = new LandmarkInputs({ avatar });
    const { tensors } = composition;
    const given: Record<string, TensorData> = { ...tensors, ...landmarks.inputs };
    const passed = this.#passed;
    const seen = tensorsFor(
      picture.inputs,
      (name) => passed[name] ?? (given[name] && tensor(given[name], picture.inputs[name]!.shape as number[])),
    );
    return {
      composition,
      landmarks,
      motion: {
        inputs: tensorsFor(motion.inputs, (name) => this.#motionInput(avatar, name, given)),
        outputs: { ...makeTensors(others(motion.outputs, passed), tensors), ...passed },
      },
      picture: { inputs: seen, outputs: makeTensors(picture.outputs, tensors) },
    };
  }

  #motionInput(avatar: EnrolledAvatar, name: string, given: Readonly<Record<string, TensorData>>): ModelTensor | undefined {
    const { spec } = this.#model;
    const cached = spec.cached.includes(name) ? avatar.tensors[name] : undefined;
    if (cached) return tensor(cached.data, cached.shape);
    const count = avatar.tensors['references']!.shape[0]!;
    const shape = this.#variant.motion.inputs[name]!.shape.map((side) => (typeof side === 'number' ? side : count));
    return given[name] && tensor(given[name], shape);
  }
}

function others<T>(specs: Readonly<Record<string, T>>, left: object): Record<string, T> {
  return Object.fromEntries(Object.entries(specs).filter(([name]) => !(name in left)));
}

function tensorsFor(specs: object, make: (name: string) => ModelTensor | undefined): Tensors {
  return Object.fromEntries(
    Object.keys(specs).map((name) => {
      const made = make(name);
      if (!made) throw new AppError('internal', `A graph of the model asks for ${name}, which neither the avatar nor the server has`);
      return [name, made];
    }),
  );
}

/** @throws AppError `avatar-not-found` when the avatar lacks what enrolment for a composed model keeps */
function compositionOf({ tensors, size }: EnrolledAvatar, { networkSize }: ComposedVariant): Composition {
  const [portraits, plate, knots, lender] = ['references', 'plate', 'interior_knots', 'interior_index'].map((name) => tensors[name]?.data);
  if (!(portraits instanceof Uint8Array && plate instanceof Uint8Array && knots instanceof Float32Array && lender instanceof Float32Array))
    throw new AppError('avatar-not-found', 'The avatar has no pictures');
  return Composition.create({ size, networkSize, portraits, plate, knots, lender: lender[0]! });
}
