/** A model with one graph a frame, which gives the picture as the encoder wants it. */
import { AppError } from '../../../client/src/protocol/errors.ts';
import type { AvatarFace, PosedFace } from '../../motion/AvatarFace.ts';
import type { FrameInputs, FrameStep } from '../model/FrameInputs.ts';
import type { WholeVariant } from '../model/model-manifest.ts';
import type { ModelTensor, OnnxModel } from '../model/OnnxModel.ts';
import { tensor } from '../model/OnnxModel.ts';
import type { EnrolledAvatar } from '../model/types.ts';
import { createFrameInputs } from './frame-inputs.ts';
import { buffersOf, makeTensors, type Painter, type PaintTimings } from './Painter.ts';

export class WholePainter implements Painter {
  readonly i420: Uint8Array;
  readonly #model: OnnxModel;
  readonly #variant: WholeVariant;
  readonly #outputs: readonly [Record<string, ModelTensor>, Record<string, ModelTensor>];
  readonly #inputs: Record<string, ModelTensor> = {};
  #producers: readonly FrameInputs[] = [];
  #turn: 0 | 1 = 0;

  constructor(model: OnnxModel, variant: WholeVariant) {
    this.#model = model;
    this.#variant = variant;
    this.i420 = new Uint8Array((variant.size * variant.size * 3) / 2);
    const { outputs } = variant.frame;
    this.#outputs = [makeTensors(outputs, { i420: this.i420 }), makeTensors(outputs, { i420: this.i420 })];
  }

  get carriesOn(): boolean {
    return 'has_previous' in this.#inputs;
  }

  wear(avatar: EnrolledAvatar, face: AvatarFace): void {
    const { spec } = this.#model;
    const asked = Object.entries(this.#variant.frame.inputs).filter(([name]) => name !== 'previous_frame');
    const producers = createFrameInputs(
      asked.map(([name]) => name),
      { avatar, face, spec },
    );
    const made = buffersOf(producers);
    const inputs: Record<string, ModelTensor> = {};
    for (const [name, { shape }] of asked) {
      const cached = spec.cached.includes(name) ? avatar.tensors[name] : undefined;
      const data = cached?.data ?? made[name];
      if (!data) throw new AppError('internal', `The model's frame graph asks for ${name}, which neither the avatar nor the server has`);
      // an avatar's own shape says how many portraits it has, the manifest's only that there are some
      inputs[name] = tensor(data, cached?.shape ?? (shape as number[]));
    }
    Object.assign(this.#inputs, inputs); // all or none: a refused avatar leaves the one before whole
    this.#producers = producers;
  }

  async paint(pose: PosedFace, step: FrameStep): Promise<PaintTimings> {
    const start = performance.now();
    for (const producer of this.#producers) producer.fill(pose, step);
    const drawn = performance.now();
    const before = this.#outputs[this.#turn === 0 ? 1 : 0]['frame'];
    if (before && 'previous_frame' in this.#variant.frame.inputs) this.#inputs['previous_frame'] = before;
    await this.#model.run('frame', this.#inputs, this.#outputs[this.#turn]);
    this.#turn = this.#turn === 0 ? 1 : 0;
    return { flowMs: drawn - start, inferenceMs: performance.now() - drawn, compositionMs: 0 };
  }
}
