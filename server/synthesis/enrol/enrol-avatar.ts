/** Portraits → everything that a session needs to animate them, once per person. */
import { AppError } from '../../../client/src/protocol/errors.ts';
import { LANDMARK_COUNT } from '../../../client/src/protocol/landmarks.ts';
import { AvatarFace } from '../../motion/AvatarFace.ts';
import { makeInterior } from './interior-texture.ts';
import { separateLayers } from './layers.ts';
import type { PersonLayers } from './layers.ts';
import { tensor } from '../model/OnnxModel.ts';
import type { ModelTensor, OnnxModel } from '../model/OnnxModel.ts';
import { choosePortraits } from './portrait-choice.ts';
import { drawSemanticLines } from '../warp/semantic-map.ts';
import { shareBackground } from './shared-background.ts';
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
  const made = await model.runEnrolment(inputs(model, portraits, choice));
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
  return { model: model.name, modelVersion: model.spec.version, size: model.size, tensors };
}

function check(p: PreparedPortrait, size: number): void {
  const square = p.image.width === size && p.image.height === size && p.image.data.length === size * size * 3;
  if (!square || p.points.length !== LANDMARK_COUNT * 3 || (p.matte && p.matte.length !== size * size)) {
    throw new AppError('bad-request', `A portrait is not ${size} x ${size} with 478 points`);
  }
}

/** Everything an enrolment graph may ask for, by name; only what the manifest lists is made. */
function inputs(
  model: OnnxModel,
  portraits: readonly PreparedPortrait[],
  choice: { base: number; teeth: number | null },
): Record<string, ModelTensor> {
  const { size, spec } = model;
  const k = portraits.length;
  const n = spec.interiorSize ?? 1;
  const base = portraits[choice.base]!;
  let made: ReturnType<typeof makeInterior> | null = null;
  const face = () => new AvatarFace({ points: Float32Array.from(base.points), size });
  const interior = () => (made ??= makeInterior(base, face(), choice.teeth === null ? null : portraits[choice.teeth]!, n));
  // Taking a portrait apart is the slow part of an enrolment: the base's layers serve its own inputs and the background of the others.
  let taken: PersonLayers | null | undefined;
  const separated = () => (taken === undefined ? (taken = separateLayers(base)) : taken);
  let whole: PersonLayers | null = null;
  const layers = () => separated() ?? (whole ??= undivided(base));
  const makers: Record<string, () => ModelTensor> = {
    portraits: () =>
      tensor(stackPictures(spec.sharedBackground ? shareBackground(portraits, choice.base, separated) : portraits, size), [
        k,
        3,
        size,
        size,
      ]),
    portrait_landmarks: () => tensor(stackLandmarks(portraits, size), [k, LANDMARK_COUNT, 3]),
    mattes: () => tensor(stackMattes(portraits, size), [k, 1, size, size]),
    alpha: () => tensor(layers().alpha, [1, 1, size, size]),
    foreground: () => tensor(layers().foreground, [1, 3, size, size]),
    background: () => tensor(layers().background, [1, 3, size, size]),
    semantic_maps: () => tensor(stackSemantics(portraits, model), [k, spec.semanticChannels.length, size, size]),
    base_index: () => tensor(BigInt64Array.of(BigInt(choice.base)), [1]),
    interior_index: () => tensor(BigInt64Array.of(BigInt(choice.teeth ?? choice.base)), [1]),
    interior_flow: () => tensor(interior().flow, [1, n, n, 2]),
    interior_mask: () => tensor(interior().mask, [1, 1, n, n]),
    interior_fill: () => tensor(interior().fill, [1, 3, n, n]),
    interior_gain: () => tensor(Float32Array.from(interior().gain), [1, 3, 1, 1]),
  };
  const out: Record<string, ModelTensor> = {};
  for (const name of Object.keys(model.variant.enrolment.inputs)) {
    const make = Object.hasOwn(makers, name) ? makers[name] : undefined;
    if (!make) throw new AppError('internal', `The model's enrolment graph asks for ${name}, which this server does not know`);
    out[name] = make();
  }
  return out;
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
