/** For models that warp a picture: what a posed mesh gives, flows and semantic map. */
import type { PosedFace } from '../../motion/AvatarFace.ts';
import { fillIdentity, FlowRaster } from './FlowRaster.ts';
import type { FrameInputs, FrameInputsOptions, FrameStep } from '../model/FrameInputs.ts';
import type { SemanticChannel } from '../model/model-manifest.ts';
import { MouthLayer } from './MouthLayer.ts';
import { PersonMesh } from './PersonMesh.ts';
import { drawSemanticLines } from './semantic-map.ts';

/** Share of the previous output inside the mouth: calms the inside without smearing an opening mouth. */
const mouthReuse = 0.3;

export class GeometryInputs implements FrameInputs {
  static readonly names = ['prior_flow', 'previous_flow', 'interior_flow', 'semantic_map'] as const;

  readonly inputs: Readonly<Record<(typeof GeometryInputs.names)[number], Float32Array>>;
  readonly #channels: readonly SemanticChannel[];
  readonly #mesh: PersonMesh;
  readonly #raster: FlowRaster;
  readonly #mouth: MouthLayer;
  readonly #semantic: Float32Array;
  readonly #size: number;

  constructor({ avatar: { size, tensors }, face, spec }: FrameInputsOptions) {
    const matte = tensors['matte']?.data;
    this.#size = size;
    this.#channels = spec.semanticChannels;
    this.#mesh = new PersonMesh(face, matte instanceof Uint8Array ? Float32Array.from(matte, (v) => v / 255) : null);
    this.#raster = new FlowRaster(this.#mesh, size);
    this.#mouth = new MouthLayer(face, size);
    this.#semantic = new Float32Array(this.#channels.length * size * size);
    this.inputs = {
      prior_flow: this.#raster.flow,
      previous_flow: this.#raster.previousFlow,
      interior_flow: this.#mouth.flow,
      semantic_map: this.#semantic,
    };
  }

  fill(pose: PosedFace, step: FrameStep): void {
    if (step.fresh) this.#raster.reset();
    this.#mesh.update(pose);
    this.#raster.draw();
    this.#mouth.update(pose);
    if (step.keepAll > 0) fillIdentity(this.#raster.previousFlow, this.#size);
    const n = this.#size * this.#size;
    this.#channels.forEach((channel, c) => this.#draw(channel, this.#semantic.subarray(c * n, (c + 1) * n), pose, step));
  }

  #draw(channel: SemanticChannel, out: Float32Array, pose: PosedFace, { fresh, keepAll }: FrameStep): void {
    const { mask, light } = this.#mouth;
    if (channel === 'mouth') out.set(mask);
    else if (channel === 'mouth-light') out.set(light);
    else if (channel === 'fold') this.#raster.folds(out);
    else if (channel === 'reuse') {
      if (fresh) out.fill(0);
      else if (keepAll > 0) out.fill(keepAll);
      else for (let i = 0; i < out.length; i++) out[i] = mouthReuse * mask[i]!;
    } else drawSemanticLines({ channel, points: pose.points, pictureSize: this.#size, size: this.#size, out });
  }
}
