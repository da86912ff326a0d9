/** The learned part of the landmark packet, unpacked once from landmark-basis.ts: mean shape, basis, entropy tables, mirror map. */
import * as data from './landmark-basis.ts';
import { LANDMARK_COUNT } from './landmarks.ts';

export const COORDINATES = LANDMARK_COUNT * 3;

export interface LandmarkModel {
  /** [1434] the mean normalised shape. */
  mean: Float64Array;
  /** [478] weight of each point's squared error, and their sum. */
  weight: Float64Array;
  weightSum: number;
  /** Pairs of mirrored points, and the points that are their own mirror image. */
  left: Uint16Array;
  right: Uint16Array;
  middle: Uint16Array;
  /** One row per component in the half space of its parity (`halfLength`), orthonormal; antisymmetric where `odd` is 1. */
  rows: Float32Array[];
  odd: Uint8Array;
  /** Shape of each coefficient's law and its mean magnitude in quarter octaves. */
  lawShape: Uint8Array;
  lawQuarter: Int8Array;
  /** [3 shapes, classes, symbols + 1] cumulative frequencies. */
  cumulative: Uint16Array;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Base64 without atob or Buffer: this folder knows neither DOM nor Node. */
function fromBase64(text: string): DataView {
  const value = new Uint8Array(128);
  for (let i = 0; i < 64; i++) value[ALPHABET.charCodeAt(i)] = i;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  for (let i = 0, at = 0; i < text.length; i += 4) {
    const word =
      (value[text.charCodeAt(i)]! << 18) |
      (value[text.charCodeAt(i + 1)]! << 12) |
      (value[text.charCodeAt(i + 2)]! << 6) |
      value[text.charCodeAt(i + 3)]!;
    bytes[at++] = word >> 16;
    bytes[at++] = word >> 8;
    bytes[at++] = word;
  }
  return new DataView(bytes.buffer);
}

const int16 = (text: string): Int16Array => {
  const view = fromBase64(text);
  return Int16Array.from({ length: view.byteLength / 2 }, (_, i) => view.getInt16(i * 2, true));
};
const int8 = (text: string): Int8Array => new Int8Array(fromBase64(text).buffer);

/** Stored order: x y z of each pair's first point, then y z (symmetric) or x (antisymmetric) of the middle points. */
export function halfLength(model: Pick<LandmarkModel, 'left' | 'middle'>, odd: boolean): number {
  return model.left.length * 3 + model.middle.length * (odd ? 1 : 2);
}

/**
 * Rows as stored are rounded: made orthonormal in order (modified Gram-Schmidt), each among those of its own parity. A pair stands for
 * two points, so its entries carry the factor sqrt 2 and the plain dot product of two rows is that of the whole vectors.
 */
function orthonormalRows(model: Pick<LandmarkModel, 'left' | 'middle' | 'odd'>): Float32Array[] {
  const wide = int16(data.wideText);
  const narrow = int8(data.narrowText);
  const rows: Float64Array[] = [];
  let wideAt = 0;
  let narrowAt = 0;
  for (let k = 0; k < data.COMPONENTS; k++) {
    const length = halfLength(model, model.odd[k] === 1);
    const isWide = k < data.WIDE_COMPONENTS;
    const row = Float64Array.from(isWide ? wide.subarray(wideAt, (wideAt += length)) : narrow.subarray(narrowAt, (narrowAt += length)));
    for (let j = 0; j < model.left.length * 3; j++) row[j]! *= Math.SQRT2;
    for (let earlier = 0; earlier < k; earlier++) {
      if (model.odd[earlier] === model.odd[k]) addScaled(row, rows[earlier]!, -dot(row, rows[earlier]!));
    }
    const norm = Math.sqrt(dot(row, row));
    for (let j = 0; j < length; j++) row[j]! /= norm;
    rows.push(row);
  }
  return rows.map((row) => Float32Array.from(row));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function addScaled(target: Float64Array, source: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i]! += source[i]! * factor;
}

function cumulativeTables(): Uint16Array {
  const view = fromBase64(data.tablesText);
  const rows = view.byteLength / 2 / data.SYMBOLS;
  const out = new Uint16Array(rows * (data.SYMBOLS + 1));
  for (let row = 0; row < rows; row++) {
    for (let s = 0; s < data.SYMBOLS; s++) {
      const at = row * (data.SYMBOLS + 1) + s;
      out[at + 1] = out[at]! + view.getUint16((row * data.SYMBOLS + s) * 2, true);
    }
  }
  return out;
}

function load(): LandmarkModel {
  const mirror = int16(data.mirrorText);
  const indices = Array.from(mirror.keys());
  const left = Uint16Array.from(indices.filter((i) => mirror[i]! > i));
  const right = Uint16Array.from(left, (i) => mirror[i]!);
  const middle = Uint16Array.from(indices.filter((i) => mirror[i] === i));
  const weight = new Float64Array(LANDMARK_COUNT).fill(1);
  for (const i of data.FEATURE_POINTS) weight[i] = data.FEATURE_WEIGHT;
  const laws = int8(data.lawsText);
  const odd = Uint8Array.from(int8(data.parityText));
  return {
    mean: Float64Array.from(int16(data.meanText), (v) => v / 8192),
    weight,
    weightSum: weight.reduce((sum, w) => sum + w, 0),
    left,
    right,
    middle,
    odd,
    rows: orthonormalRows({ left, middle, odd }),
    lawShape: Uint8Array.from({ length: data.COMPONENTS }, (_, k) => laws[k * 2]!),
    lawQuarter: Int8Array.from({ length: data.COMPONENTS }, (_, k) => laws[k * 2 + 1]!),
    cumulative: cumulativeTables(),
  };
}

let loaded: LandmarkModel | undefined;

/** Unpacked on first use (some 20 ms), shared afterwards, never changed. */
export function landmarkModel(): LandmarkModel {
  loaded ??= load();
  return loaded;
}
