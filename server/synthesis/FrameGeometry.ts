/** Everything that geometry gives to a frame graph, for one avatar: posed mesh, flows and semantic map. */
import { AppError } from '../../client/src/protocol/errors.ts';
import { LANDMARK_COUNT } from '../../client/src/protocol/landmarks.ts';
import { AvatarFace } from './AvatarFace.ts';
import type { PosedFace } from './AvatarFace.ts';
import { fillIdentity, FlowRaster } from './FlowRaster.ts';
import type { SemanticChannel } from './model-manifest.ts';
import type { Motion } from './motion.ts';
import { MouthLayer } from './MouthLayer.ts';
import { PersonMesh } from './PersonMesh.ts';
import { drawSemanticLines } from './semantic-map.ts';
import type { EnrolledAvatar } from './types.ts';

/** Share of the previous output inside the mouth: calms the inside without smearing an opening mouth. */
const mouthReuse = 0.3;

export interface FrameGeometryOptions {
  avatar: EnrolledAvatar;
  channels: readonly SemanticChannel[];
  absolute: boolean;
}

export class FrameGeometry {
  readonly face: AvatarFace;
  /** Buffers by the names that a frame graph may ask for; filled by `draw`. */
  readonly inputs: Readonly<Record<string, Float32Array>>;
  readonly #channels: readonly SemanticChannel[];
  readonly #mesh: PersonMesh;
  readonly #raster: FlowRaster;
  readonly #mouth: MouthLayer;
  readonly #semantic: Float32Array;
  readonly #posed = AvatarFace.newPose();
  readonly #size: number;

  constructor({ avatar, channels, absolute }: FrameGeometryOptions) {
    const { size, tensors } = avatar;
    const points = tensors['points']?.data;
    if (!(points instanceof Float32Array) || points.length !== LANDMARK_COUNT * 3) throw new AppError('avatar-not-found', 'The avatar has no landmarks');
    this.#size = size;
    this.#channels = channels;
    this.face = new AvatarFace({ points, size, absolute });
    const matte = tensors['matte']?.data;
    this.#mesh = new PersonMesh(this.face, matte instanceof Uint8Array ? Float32Array.from(matte, (v) => v / 255) : null);
    this.#raster = new FlowRaster(this.#mesh, size);
    this.#mouth = new MouthLayer(this.face, size);
    this.#semantic = new Float32Array(channels.length * size * size);
    this.inputs = {
      prior_flow: this.#raster.flow,
      previous_flow: this.#raster.previousFlow,
      interior_flow: this.#mouth.flow,
      semantic_map: this.#semantic,
    };
  }

  /** Valid until the next call. */
  pose(motion: Motion): PosedFace {
    return this.face.pose(motion, this.#posed);
  }

  /** Where the mesh stands, for measurements: x, y of all vertices. */
  get vertices(): { x: Float32Array; y: Float32Array } {
    return this.#mesh;
  }

  /** The next frame has no previous one. */
  forget(): void {
    this.#raster.reset();
  }

  /**
   * Fills `inputs` for a pose.
   * @param share.reuse whether the previous output may be used; `keepAll` 0..1 of it everywhere (cross-fade).
   */
  draw(pose: PosedFace, share: { reuse: boolean; keepAll: number }): void {
    this.#mesh.update(pose);
    this.#raster.draw();
    this.#mouth.update(pose);
    if (share.keepAll > 0) fillIdentity(this.#raster.previousFlow, this.#size);
    const n = this.#size * this.#size;
    this.#channels.forEach((channel, c) => this.#draw(channel, this.#semantic.subarray(c * n, (c + 1) * n), pose, share));
  }

  #draw(channel: SemanticChannel, out: Float32Array, pose: PosedFace, { reuse, keepAll }: { reuse: boolean; keepAll: number }): void {
    const { mask, light } = this.#mouth;
    if (channel === 'mouth') out.set(mask);
    else if (channel === 'mouth-light') out.set(light);
    else if (channel === 'fold') this.#raster.folds(out);
    else if (channel === 'reuse') {
      if (!reuse) out.fill(0);
      else if (keepAll > 0) out.fill(keepAll);
      else for (let i = 0; i < out.length; i++) out[i] = mouthReuse * mask[i]!;
    } else drawSemanticLines({ channel, points: pose.points, pictureSize: this.#size, size: this.#size, out });
  }
}
