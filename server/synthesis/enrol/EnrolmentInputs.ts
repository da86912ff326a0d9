/** What a model's enrolment graph takes, and what the composition keeps of the portraits. */
import { AppError } from '../../../client/src/protocol/errors.ts';
import { LANDMARK_COUNT } from '../../../client/src/protocol/landmarks.ts';
import { AvatarFace } from '../../motion/AvatarFace.ts';
import { clamp } from '../../motion/scalars.ts';
import type { PreparedPortrait } from '../../portraits/crop.ts';
import { tensor } from '../model/OnnxModel.ts';
import type { ModelTensor, OnnxModel } from '../model/OnnxModel.ts';
import type { NamedTensor } from '../model/types.ts';
import { drawSemanticLines } from '../warp/semantic-map.ts';
import { makeInterior } from './interior-texture.ts';
import { separateLayers } from './layers.ts';
import type { PersonLayers } from './layers.ts';
import { shrinkPlanes } from './plane-filters.ts';
import type { PortraitChoice } from './portrait-choice.ts';
import { shareBackground } from './shared-background.ts';

/** Everything an enrolment graph may ask for, by name; only what the manifest lists is made. */
export class EnrolmentInputs {
  readonly #model: OnnxModel;
  readonly #portraits: readonly PreparedPortrait[];
  readonly #choice: PortraitChoice;
  readonly #base: PreparedPortrait;
  #interior: ReturnType<typeof makeInterior> | undefined;
  /** Taking a portrait apart is the slow part of an enrolment: the base's layers serve its own inputs and the background of the others. */
  #separated: PersonLayers | null | undefined;
  #whole: PersonLayers | undefined;
  #shown: readonly PreparedPortrait[] | undefined;

  constructor(model: OnnxModel, portraits: readonly PreparedPortrait[], choice: PortraitChoice) {
    this.#model = model;
    this.#portraits = portraits;
    this.#choice = choice;
    this.#base = portraits[choice.base]!;
  }

  tensors(): Record<string, ModelTensor> {
    const makers = this.#makers();
    const out: Record<string, ModelTensor> = {};
    for (const name of Object.keys(this.#model.variant.enrolment.inputs)) {
      const make = Object.hasOwn(makers, name) ? makers[name] : undefined;
      if (!make) throw new AppError('internal', `The model's enrolment graph asks for ${name}, which this server does not know`);
      out[name] = make();
    }
    return out;
  }

  /** What a composed model mixes at the output's size: bytes [K, S, S, 3], [S, S, 3]. */
  pictures(): Record<'references' | 'plate', NamedTensor> {
    const { size } = this.#model;
    const portraits = this.#portraitsShown();
    const references = new Uint8Array(portraits.length * size * size * 3);
    portraits.forEach(({ image }, k) => references.set(image.data, k * image.data.length));
    const { background } = this.#layers();
    const n = size * size;
    const plate = Uint8Array.from({ length: 3 * n }, (_, i) => Math.round(255 * clamp(background[(i % 3) * n + Math.floor(i / 3)]!, 0, 1)));
    return {
      references: { type: 'uint8', shape: [portraits.length, size, size, 3], data: references },
      plate: { type: 'uint8', shape: [size, size, 3], data: plate },
    };
  }

  #makers(): Record<string, () => ModelTensor> {
    const { size, spec } = this.#model;
    const portraits = this.#portraits;
    const k = portraits.length;
    const n = spec.interiorSize ?? 1;
    const { base, teeth } = this.#choice;
    const interior = () => this.#interiorOf(n);
    const layers = () => this.#layers();
    return {
      portraits: () => this.#stacked(),
      portrait_landmarks: () => tensor(stackLandmarks(portraits, size), [k, LANDMARK_COUNT, 3]),
      mattes: () => tensor(stackMattes(portraits, size), [k, 1, size, size]),
      alpha: () => tensor(layers().alpha, [1, 1, size, size]),
      foreground: () => tensor(layers().foreground, [1, 3, size, size]),
      background: () => tensor(layers().background, [1, 3, size, size]),
      semantic_maps: () => tensor(stackSemantics(portraits, this.#model), [k, spec.semanticChannels.length, size, size]),
      base_index: () => tensor(BigInt64Array.of(BigInt(base)), [1]),
      interior_index: () => tensor(BigInt64Array.of(BigInt(teeth ?? base)), [1]),
      interior_flow: () => tensor(interior().flow, [1, n, n, 2]),
      interior_mask: () => tensor(interior().mask, [1, 1, n, n]),
      interior_fill: () => tensor(interior().fill, [1, 3, n, n]),
      interior_gain: () => tensor(Float32Array.from(interior().gain), [1, 3, 1, 1]),
    };
  }

  /** The portraits at the size that the graphs see. */
  #stacked(): ModelTensor {
    const { size, variant } = this.#model;
    const shown = this.#portraitsShown();
    const side = variant.kind === 'composed' ? variant.networkSize : size;
    const pictures = side === size ? stackPictures(shown, size) : shrinkPlanes(stackPictures(shown, size), size, size / side);
    return tensor(pictures, [shown.length, 3, side, side]);
  }

  #portraitsShown(): readonly PreparedPortrait[] {
    const { sharedBackground } = this.#model.spec;
    return (this.#shown ??= sharedBackground
      ? shareBackground(this.#portraits, this.#choice.base, () => this.#separate())
      : this.#portraits);
  }

  #separate(): PersonLayers | null {
    if (this.#separated === undefined) this.#separated = separateLayers(this.#base);
    return this.#separated;
  }

  #layers(): PersonLayers {
    return this.#separate() ?? (this.#whole ??= undivided(this.#base));
  }

  #interiorOf(side: number): ReturnType<typeof makeInterior> {
    const { teeth } = this.#choice;
    const face = new AvatarFace({ points: Float32Array.from(this.#base.points), size: this.#model.size });
    return (this.#interior ??= makeInterior(this.#base, face, teeth === null ? null : this.#portraits[teeth]!, side));
  }
}

/** [K, 3, S, S] 0..1. */
function stackPictures(portraits: readonly PreparedPortrait[], size: number): Float32Array {
  const n = size * size;
  const out = new Float32Array(portraits.length * 3 * n);
  portraits.forEach(({ image }, k) => {
    for (let i = 0; i < n; i++) for (let c = 0; c < 3; c++) out[(k * 3 + c) * n + i] = image.data[i * 3 + c]! / 255;
  });
  return out;
}

/** [K, 478, 3] picture widths. */
function stackLandmarks(portraits: readonly PreparedPortrait[], size: number): Float32Array {
  const out = new Float32Array(portraits.length * LANDMARK_COUNT * 3);
  portraits.forEach(({ points }, k) => points.forEach((v, i) => (out[k * LANDMARK_COUNT * 3 + i] = v / size)));
  return out;
}

/** Without a matte the whole picture is the person. */
function undivided(base: PreparedPortrait): PersonLayers {
  const picture = stackPictures([base], base.image.width);
  return { alpha: new Float32Array(base.image.width ** 2).fill(1), foreground: picture, background: picture };
}

/** [K, 1, S, S] 0..1; all ones where there is none, so that the whole picture is warped. */
function stackMattes(portraits: readonly PreparedPortrait[], size: number): Float32Array {
  const n = size * size;
  const out = new Float32Array(portraits.length * n);
  portraits.forEach(({ matte }, k) => {
    for (let i = 0; i < n; i++) out[k * n + i] = matte ? matte[i]! / 255 : 1;
  });
  return out;
}

/** [K, C, S, S]: the drawn lines of each portrait; channels that only a moving face has stay empty. */
function stackSemantics(portraits: readonly PreparedPortrait[], { size, spec }: OnnxModel): Float32Array {
  const n = size * size;
  const channels = spec.semanticChannels;
  const out = new Float32Array(portraits.length * channels.length * n);
  portraits.forEach(({ points }, k) => {
    channels.forEach((channel, c) => {
      const plane = out.subarray((k * channels.length + c) * n, (k * channels.length + c + 1) * n);
      if (channel === 'contour' || channel === 'features') drawSemanticLines({ channel, points, pictureSize: size, size, out: plane });
    });
  });
  return out;
}
