/**
 * One avatar's pictures at the output's size: sampled along a network's flows, mixed by its masks, written as I420. What the two graphs of a frame
 * take and give lies in the same memory, so that nothing is copied between them.
 */
import { instantiateKernel, offsetOf, type Kernel, type KernelPart } from './kernel.ts';

export interface CompositionOptions {
  /** Side of the output; one, two or three times the network's. */
  size: number;
  networkSize: number;
  /** RGB bytes [K, size, size, 3]. */
  portraits: Uint8Array;
  /** RGB bytes [size, size, 3]: the background without the person. */
  plate: Uint8Array;
  /** Which portrait lends its open mouth, and that mouth's knots [2, 11, 2]. */
  lender: number;
  knots: Float32Array;
}

const CHANNELS = 3;
const BYTES_PER_PIXEL = 4;
const MOST_SCALE = 3;

/** Tensors by the graphs' names. */
export type CompositionTensors = Readonly<Record<CompositionTensor, Float32Array>>;
export type CompositionTensor = Exclude<KernelPart, 'portraits' | 'plate' | 'frame' | 'i420' | 'knots'>;

export class Composition {
  /** 1.0 of a colour in `frame`. */
  static readonly one = 32640;
  /** [size * 3 / 2, size] planar Y, U, V, BT.601 limited range: the last mixed frame. */
  readonly i420: Uint8Array;
  /** Of the motion graph: `small_*` go in, flows and regions come out. Of the picture graph: `seen`, `opening`, `shown`; `picture`, `logits`. */
  readonly tensors: CompositionTensors;
  /** [size, size, 4], `Composition.one` = 1: the last mixed frame, from which the next one goes on. */
  readonly frame: Int16Array;
  readonly #kernel: Kernel;

  private constructor(kernel: Kernel, views: Views) {
    this.#kernel = kernel;
    this.i420 = views.bytes('i420', (views.size * views.size * 3) / 2);
    this.frame = new Int16Array(kernel.memory.buffer, offsetOf(kernel, 'frame'), views.size * views.size * 4);
    this.tensors = views.tensors();
  }

  /** @throws RangeError for sizes that do not belong together, and without memory. */
  static create({ size, networkSize, portraits, plate, lender, knots }: CompositionOptions): Composition {
    const pixels = size * size;
    const count = portraits.length / (pixels * CHANNELS);
    check({ size, networkSize, count, plate: plate.length, lender });
    const kernel = instantiateKernel();
    kernel.open(size, networkSize, count);
    const before = new Views(kernel, { size, networkSize, portraits: count });
    spread(portraits, before.bytes('portraits', count * pixels * BYTES_PER_PIXEL));
    spread(plate, before.bytes('plate', pixels * BYTES_PER_PIXEL));
    before.floats('knots', knots.length).set(knots);
    kernel.prepare(lender);
    return new Composition(kernel, new Views(kernel, { size, networkSize, portraits: count })); // its memory may have grown
  }

  /** After the motion graph. `known`: whether there is a frame to go on with. */
  warp(portrait: number, known: boolean): void {
    this.#kernel.warp(portrait, Number(known));
  }

  /** After the picture graph. @param keep share of the frame before that stays as it is, 0..1 */
  mix(keep: number): void {
    this.#kernel.mix(keep);
  }

  /** Takes the other's last frame for its own. Both are of one size. */
  goOnFrom(other: Composition): void {
    this.frame.set(other.frame);
    this.tensors.small_previous.set(other.tensors.small_previous);
  }
}

interface Sides {
  size: number;
  networkSize: number;
  portraits: number;
}

/** Views of an instance's memory; they end when it grows. */
class Views {
  readonly size: number;
  readonly #kernel: Kernel;
  readonly #sides: Sides;

  constructor(kernel: Kernel, sides: Sides) {
    this.#kernel = kernel;
    this.#sides = sides;
    this.size = sides.size;
  }

  bytes(part: KernelPart, length: number): Uint8Array {
    return new Uint8Array(this.#kernel.memory.buffer, offsetOf(this.#kernel, part), length);
  }

  floats(part: KernelPart, length: number): Float32Array {
    return new Float32Array(this.#kernel.memory.buffer, offsetOf(this.#kernel, part), length);
  }

  tensors(): CompositionTensors {
    const { networkSize: n, portraits: k } = this.#sides;
    const [masks, flows] = [(n / 2) ** 2, (n / 4) ** 2];
    const lengths: Record<CompositionTensor, number> = {
      flow: 2 * flows,
      flow_previous: 2 * flows,
      mouth: 44,
      inside: 10,
      eyes: 72,
      turns: 8,
      seen: 10 * n * n,
      opening: masks,
      shown: masks,
      picture: 3 * n * n,
      logits: 4 * masks,
      small_references: k * 3 * flows,
      small_plate: 3 * flows,
      small_previous: 3 * flows,
    };
    const names = Object.keys(lengths) as CompositionTensor[];
    return Object.fromEntries(names.map((name) => [name, this.floats(name, lengths[name])])) as Record<CompositionTensor, Float32Array>;
  }
}

function check({
  size,
  networkSize,
  count,
  plate,
  lender,
}: {
  size: number;
  networkSize: number;
  count: number;
  plate: number;
  lender: number;
}): void {
  const scale = size / networkSize;
  if (networkSize % 16 !== 0 || !Number.isInteger(scale) || scale < 1 || scale > MOST_SCALE)
    throw new RangeError(`A network of ${networkSize} pixels makes no pictures of ${size}`);
  if (!Number.isInteger(count) || count < 1 || plate !== size * size * CHANNELS)
    throw new RangeError(`Portraits and plate are not of ${size} x ${size}`);
  if (!Number.isInteger(lender) || lender < 0 || lender >= count) throw new RangeError(`There is no portrait ${lender} among ${count}`);
}

/** RGB → four bytes a pixel. */
function spread(from: Uint8Array, to: Uint8Array): void {
  for (let i = 0, at = 0; i < from.length; i += CHANNELS, at += BYTES_PER_PIXEL) {
    to[at] = from[i]!;
    to[at + 1] = from[i + 1]!;
    to[at + 2] = from[i + 2]!;
  }
}
