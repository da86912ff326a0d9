/** One live avatar, or one rendered clip: landmarks in, I420 out. Knows of its model only what the manifest says. */
import { AppError } from '../../../client/src/protocol/errors.ts';
import type { DriveState, ExpressionRequest } from '../../../client/src/protocol/index.ts';
import { LANDMARK_COUNT } from '../../../client/src/protocol/landmarks.ts';
import { AvatarFace } from '../../motion/AvatarFace.ts';
import { ComposedPainter } from './ComposedPainter.ts';
import { CrossFade } from './CrossFade.ts';
import { Expressions } from '../../motion/Expressions.ts';
import { DriveFallback } from '../../motion/DriveFallback.ts';
import { isFace } from '../../motion/is-face.ts';
import type { OnnxModel } from '../model/OnnxModel.ts';
import type { Painter } from './Painter.ts';
import { posingOf } from '../../motion/posing.ts';
import { Retargeter } from '../../motion/Retargeter.ts';
import type { EnrolledAvatar } from '../model/types.ts';
import type { MotionMode } from '../../motion/motion.ts';
import type { RenderedFrame, RenderInput } from './types.ts';
import { WholePainter } from './WholePainter.ts';

export interface AvatarSessionOptions {
  model: OnnxModel;
  avatar: EnrolledAvatar;
  motion?: MotionMode;
  /** Calms the tracker's noise; off only for measurements. */
  filter?: boolean;
  /** Seed of the idle motion, so that two avatars do not blink together. */
  seed?: number;
  /** What `driverNeutral` of another session of the same driver gave: this one need not calibrate. */
  driverNeutral?: Float32Array | null;
}

/** Frames further apart than this share nothing. */
const gapMs = 250;
/** A switch of avatars is a cross-fade of this length. */
const switchMs = 300;
/** So is a fresh start of a model that carries its own output on, when the driver has gone and the face has come to rest. */
const freshStartMs = 200;

export class AvatarSession {
  readonly #model: OnnxModel;
  readonly #motion: MotionMode;
  readonly #filter: boolean;
  readonly #fallback: DriveFallback;
  readonly #painter: Painter;
  readonly #pose = AvatarFace.newPose();
  readonly #fade = new CrossFade();
  readonly #expressions = new Expressions();
  #retargeter: Retargeter;
  #face: AvatarFace;
  #busy = false;
  #closed = false;
  #lastMs: number | null = null;
  #state: DriveState | null = null;

  private constructor({ model, avatar, motion = 'relative', filter = true, seed, driverNeutral }: AvatarSessionOptions) {
    this.#model = model;
    this.#motion = motion;
    this.#filter = filter;
    this.#painter = painterOf(model);
    this.#face = this.#putOn(avatar);
    this.#retargeter = this.#newRetargeter();
    if (driverNeutral) this.#retargeter.restoreNeutral(driverNeutral);
    this.#fallback = new DriveFallback({ retargeter: this.#retargeter, ...(seed === undefined ? {} : { seed }) });
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

  /**
   * Follows the driver without making a frame: filters and calibration go on, and the next frame shows the face where it then is.
   * @throws AppError `closed`; `internal` while a frame is being made
   */
  follow({ landmarks, timeMs }: RenderInput): DriveState {
    if (this.#closed) throw new AppError('closed', 'The avatar session is closed');
    if (this.#busy) throw new AppError('internal', 'The avatar session is busy with a frame');
    this.#state = this.#fallback.step(landmarks, timeMs).state;
    return this.#state;
  }

  /** Goes on with another person's portrait, cross-faded; the driver's calibration stays. */
  switchAvatar(avatar: EnrolledAvatar): void {
    if (this.#busy) throw new AppError('internal', 'The avatar session is busy with a frame');
    this.#face = this.#putOn(avatar);
    if (this.#motion === 'absolute') {
      this.#retargeter = this.#newRetargeter();
      this.#fallback.use(this.#retargeter);
    }
    if (this.#lastMs !== null) this.#fade.start(this.#lastMs, switchMs);
  }

  /** Forgets the frame before and the drive's state; calibration stays. */
  reset(): void {
    this.#lastMs = null;
    this.#fallback.reset();
  }

  /** Learns the driver's face at rest anew. */
  recalibrate(): void {
    this.#retargeter.recalibrate();
  }

  /** Shows an expression over the driver's face, from the next frame on. */
  express(request: ExpressionRequest): void {
    this.#expressions.start(request);
  }

  /** @param share of the driver's own expression that is transferred, 0 … 1.5 */
  setExpressiveness(share: number): void {
    this.#expressions.setExpressiveness(share);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async #render(landmarks: RenderInput['landmarks'], timeMs: number): Promise<RenderedFrame> {
    const start = performance.now();
    const { motion, state } = this.#fallback.step(landmarks, timeMs);
    const pose = this.#face.pose(this.#expressions.over(motion, timeMs), this.#pose);
    const retargeted = performance.now();
    const fresh = this.#lastMs === null || timeMs - this.#lastMs > gapMs || timeMs < this.#lastMs;
    if (fresh) this.#fade.stop();
    else if (state === 'idle' && this.#state !== 'idle' && this.#painter.carriesOn) this.#fade.start(this.#lastMs!, freshStartMs);
    this.#state = state;
    const step = { timeMs, fresh, keepAll: this.#fade.step(timeMs) };
    const timings = await this.#painter.paint(pose, step);
    this.#lastMs = timeMs;
    return { i420: this.#painter.i420, state, timings: { retargetMs: retargeted - start, ...timings } };
  }

  #putOn(avatar: EnrolledAvatar): AvatarFace {
    if (!this.takes(avatar)) throw new AppError('avatar-not-found', 'The avatar was enrolled for another model');
    const face = new AvatarFace({
      points: pointsOf(avatar),
      size: avatar.size,
      absolute: this.#motion === 'absolute',
      posing: posingOf(this.#model.spec),
    });
    this.#painter.wear(avatar, face);
    return face;
  }

  #newRetargeter(): Retargeter {
    const face = this.#face;
    const filter = this.#filter;
    if (this.#motion === 'relative') return new Retargeter({ motion: 'relative', filter });
    return new Retargeter({ motion: 'absolute', neutral: face.inPictureWidths(), filter });
  }
}

function painterOf(model: OnnxModel): Painter {
  const { variant } = model;
  return variant.kind === 'whole' ? new WholePainter(model, variant) : new ComposedPainter(model, variant);
}

function pointsOf({ tensors }: EnrolledAvatar): Float32Array {
  const points = tensors['points']?.data;
  if (!(points instanceof Float32Array) || points.length !== LANDMARK_COUNT * 3)
    throw new AppError('avatar-not-found', 'The avatar has no landmarks');
  if (!isFace(points)) throw new AppError('avatar-not-found', "The avatar's landmarks are no face");
  return points;
}
