/** One live avatar, or one rendered clip: landmarks in, I420 out. Knows of its model only what the manifest says. */
import { AppError } from '../../client/src/protocol/errors.ts';
import type { DriveState } from '../../client/src/protocol/index.ts';
import { DriveLadder } from './DriveLadder.ts';
import { FrameGeometry } from './FrameGeometry.ts';
import { tensor } from './OnnxModel.ts';
import type { ModelTensor, OnnxModel } from './OnnxModel.ts';
import { Retargeter } from './Retargeter.ts';
import type { EnrolledAvatar, MotionMode, RenderedFrame, RenderInput } from './types.ts';

export interface AvatarSessionOptions {
  model: OnnxModel;
  avatar: EnrolledAvatar;
  motion?: MotionMode;
  /** Seed of the idle motion, so that two avatars do not blink together. */
  seed?: number;
  /** What `driverNeutral` of another session of the same driver gave: this one need not calibrate. */
  driverNeutral?: Float32Array | null;
}

/** Frames further apart than this share nothing. */
const gapMs = 250;
/** A switch of avatars is a cross-fade of this length. */
const switchMs = 300;

export class AvatarSession {
  readonly #model: OnnxModel;
  readonly #motion: MotionMode;
  readonly #ladder: DriveLadder;
  readonly #i420: Uint8Array;
  readonly #outputs: Record<string, ModelTensor>[];
  readonly #inputs: Record<string, ModelTensor> = {};
  #retargeter: Retargeter;
  #geometry: FrameGeometry;
  #turn: 0 | 1 = 0;
  #busy = false;
  #closed = false;
  #lastMs: number | null = null;
  #switchedMs: number | null = null;
  #fade = 0;

  private constructor({ model, avatar, motion = 'relative', seed, driverNeutral }: AvatarSessionOptions) {
    this.#model = model;
    this.#motion = motion;
    const size = model.size;
    this.#i420 = new Uint8Array((size * size * 3) / 2);
    this.#outputs = [this.#makeOutputs(), this.#makeOutputs()];
    this.#geometry = this.#dress(avatar);
    this.#retargeter = this.#newRetargeter();
    if (driverNeutral) this.#retargeter.restoreNeutral(driverNeutral);
    this.#ladder = new DriveLadder({ retargeter: this.#retargeter, ...(seed === undefined ? {} : { seed }) });
  }

  /** @throws AppError `avatar-not-found` when the avatar was enrolled for another model, version or size. */
  static async create(options: AvatarSessionOptions): Promise<AvatarSession> {
    return new AvatarSession(options);
  }

  get size(): number {
    return this.#model.size;
  }

  /** The driver's face at rest as learned so far; null before that, and in absolute mode. A copy. */
  get driverNeutral(): Float32Array | null {
    return this.#retargeter.saveNeutral();
  }

  /** Whether the avatar was enrolled for this session's model and size. */
  takes({ model, modelVersion, size }: EnrolledAvatar): boolean {
    return model === this.#model.name && modelVersion === this.#model.spec.version && size === this.#model.size;
  }

  /**
   * Makes the frame to be shown at `timeMs`. One call at a time.
   * @throws AppError `closed`; `internal` when the call before has not ended; `synthesis-failed`.
   */
  async render({ landmarks, timeMs }: RenderInput): Promise<RenderedFrame> {
    if (this.#closed) throw new AppError('closed', 'The avatar session is closed');
    if (this.#busy) throw new AppError('internal', 'The avatar session is still busy with the frame before');
    this.#busy = true;
    try {
      return await this.#render(landmarks, timeMs);
    } finally {
      this.#busy = false;
    }
  }

  /** Goes on with another person's portrait, cross-faded; the driver's calibration stays. */
  switchAvatar(avatar: EnrolledAvatar): void {
    if (this.#busy) throw new AppError('internal', 'The avatar session is busy with a frame');
    this.#geometry = this.#dress(avatar);
    if (this.#motion === 'absolute') {
      this.#retargeter = this.#newRetargeter();
      this.#ladder.use(this.#retargeter);
    }
    this.#switchedMs = this.#lastMs;
    this.#fade = 1;
  }

  /** Forgets the frame before and the drive's state; calibration stays. */
  reset(): void {
    this.#lastMs = null;
    this.#switchedMs = null;
    this.#ladder.reset();
    this.#geometry.forget();
  }

  /** Learns the driver's face at rest anew. */
  recalibrate(): void {
    this.#retargeter.recalibrate();
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async #render(landmarks: RenderInput['landmarks'], timeMs: number): Promise<RenderedFrame> {
    const start = performance.now();
    const { motion, state } = this.#ladder.step(landmarks, timeMs);
    const posed = this.#geometry.pose(motion);
    const retargeted = performance.now();
    const fresh = this.#lastMs === null || timeMs - this.#lastMs > gapMs || timeMs < this.#lastMs;
    if (fresh) this.#geometry.forget();
    this.#geometry.draw(posed, { reuse: !fresh, keepAll: fresh ? 0 : this.#crossFade(timeMs) });
    const drawn = performance.now();
    const outputs = this.#outputs[this.#turn]!;
    const before = this.#outputs[1 - this.#turn]!['frame'];
    if (before && 'previous_frame' in this.#model.variant.frame.inputs) this.#inputs['previous_frame'] = before;
    await this.#model.runFrame(this.#inputs, outputs);
    this.#turn = this.#turn === 0 ? 1 : 0;
    this.#lastMs = timeMs;
    const end = performance.now();
    return { i420: this.#i420, state: state satisfies DriveState, timings: { retargetMs: retargeted - start, flowMs: drawn - retargeted, inferenceMs: end - drawn } };
  }

  /** Share of the previous output so that the whole fades evenly after a switch. */
  #crossFade(timeMs: number): number {
    if (this.#switchedMs === null) return 0;
    const left = Math.max(0, 1 - (timeMs - this.#switchedMs) / switchMs);
    const share = this.#fade > 0 ? left / this.#fade : 0;
    this.#fade = left;
    if (left === 0) this.#switchedMs = null;
    return share;
  }

  #makeOutputs(): Record<string, ModelTensor> {
    const out: Record<string, ModelTensor> = {};
    for (const [name, { type, shape }] of Object.entries(this.#model.variant.frame.outputs)) {
      const sides = shape as number[];
      const count = sides.reduce((a, b) => a * b, 1);
      out[name] = tensor(name === 'i420' ? this.#i420 : type === 'uint8' ? new Uint8Array(count) : new Float32Array(count), sides);
    }
    return out;
  }

  /** Takes an avatar's cached tensors and builds its geometry. */
  #dress(avatar: EnrolledAvatar): FrameGeometry {
    const { spec, variant } = this.#model;
    if (!this.takes(avatar)) throw new AppError('avatar-not-found', 'The avatar was enrolled for another model');
    const geometry = new FrameGeometry({ avatar, channels: spec.semanticChannels, absolute: this.#motion === 'absolute' });
    const inputs: Record<string, ModelTensor> = {};
    for (const [input, { shape }] of Object.entries(variant.frame.inputs)) {
      if (input === 'previous_frame') continue;
      const data = spec.cached.includes(input) ? avatar.tensors[input]?.data : geometry.inputs[input];
      if (!data) throw new AppError('internal', `The model's frame graph asks for ${input}, which neither the avatar nor the geometry has`);
      inputs[input] = tensor(data, shape as number[]);
    }
    Object.assign(this.#inputs, inputs); // all or none: a refused avatar leaves the one before whole
    return geometry;
  }

  #newRetargeter(): Retargeter {
    const { face } = this.#geometry;
    if (this.#motion === 'relative') return new Retargeter({ motion: 'relative' });
    return new Retargeter({ motion: 'absolute', neutral: face.inPictureWidths() });
  }
}

