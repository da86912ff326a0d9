/** The compiled kernel (models/kernel, AssemblyScript) as one instance per avatar. */
import { readFileSync } from 'node:fs';

/** Parts of an instance's memory, in the order in which the kernel's `part` numbers them. */
const PARTS = [
  'portraits',
  'plate',
  'frame',
  'i420',
  'knots',
  'flow',
  'flow_previous',
  'mouth',
  'inside',
  'eyes',
  'turns',
  'seen',
  'opening',
  'shown',
  'picture',
  'logits',
  'small_references',
  'small_plate',
  'small_previous',
] as const;
export type KernelPart = (typeof PARTS)[number];

export interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  open(size: number, network: number, portraits: number): void;
  prepare(lender: number): void;
  warp(portrait: number, known: number): void;
  mix(keep: number): void;
  part(index: number): number;
}

let compiled: WebAssembly.Module | null = null;

/** An instance whose memory is empty. @throws RangeError when there is no memory for it */
export function instantiateKernel(): Kernel {
  compiled ??= new WebAssembly.Module(readFileSync(new URL('./kernel.wasm', import.meta.url)));
  return new WebAssembly.Instance(compiled, {}).exports as unknown as Kernel;
}

/** Where a part begins, bytes. */
export function offsetOf(kernel: Kernel, part: KernelPart): number {
  return kernel.part(PARTS.indexOf(part));
}
