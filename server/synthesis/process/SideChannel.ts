/**
 * Large arrays on their way between two processes. Node's IPC copies a message whole, twice and at once, which holds the event loop for
 * hundreds of milliseconds where portraits are in it. So large arrays are taken out of a message and go through a pipe of their own, which
 * takes them piece by piece.
 */
import type { Duplex } from 'node:stream';

/** Smaller ones are not worth it. */
const LEAST_BYTES = 32 * 1024;
/** Marks the place of an array in a message. */
const PLACE = 'side-channel';

/** A message without its large arrays, and how many bytes each of them has. */
export interface Detached<T> {
  rest: T;
  lengths: number[];
}

interface Awaited {
  bytes: Buffer;
  filled: number;
  resolve(): void;
}

export class SideChannel {
  readonly #pipe: Duplex;
  readonly #arrived: Buffer[] = [];
  readonly #awaited: Awaited[] = [];

  /** @param pipe its other end is another process's side channel */
  constructor(pipe: Duplex) {
    this.#pipe = pipe;
    pipe.on('data', (chunk: Buffer) => {
      this.#arrived.push(chunk);
      this.#deliver();
    });
    // The other process has ended: its exit is heard of elsewhere.
    pipe.on('error', () => undefined);
  }

  /** Sends the large arrays of `message` and returns what is left of it. They must not change afterwards; `message` stays as it is. */
  detach<T>(message: T): Detached<T> {
    const arrays: Uint8Array[] = [];
    const rest = withoutArrays(message, arrays) as T;
    for (const array of arrays) this.#pipe.write(array);
    return { rest, lengths: arrays.map(({ byteLength }) => byteLength) };
  }

  /** The message whole again. To be called for each in the order in which they were sent; never resolves if the other process ends. */
  async attach<T>({ rest, lengths }: Detached<T>): Promise<T> {
    if (lengths.length === 0) return rest;
    const arrays = await Promise.all(lengths.map((length) => this.#next(length)));
    return withArrays(rest, arrays) as T;
  }

  #next(length: number): Promise<Buffer> {
    return new Promise((resolve) => {
      const bytes = Buffer.allocUnsafeSlow(length);
      this.#awaited.push({ bytes, filled: 0, resolve: () => resolve(bytes) });
      this.#deliver();
    });
  }

  #deliver(): void {
    while (this.#awaited.length > 0 && this.#arrived.length > 0) {
      const awaited = this.#awaited[0]!;
      const chunk = this.#arrived[0]!;
      const taken = Math.min(chunk.byteLength, awaited.bytes.byteLength - awaited.filled);
      awaited.bytes.set(chunk.subarray(0, taken), awaited.filled);
      awaited.filled += taken;
      if (taken === chunk.byteLength) this.#arrived.shift();
      else this.#arrived[0] = chunk.subarray(taken);
      if (awaited.filled < awaited.bytes.byteLength) continue;
      this.#awaited.shift();
      awaited.resolve();
    }
  }

  close(): void {
    this.#pipe.destroy();
  }
}

/** A copy in which each large array is its place among `arrays`, to which it is added. */
function withoutArrays(value: unknown, arrays: Uint8Array[]): unknown {
  if (value instanceof Uint8Array && value.byteLength >= LEAST_BYTES) return { [PLACE]: arrays.push(value) - 1 };
  return mapped(value, (inner) => withoutArrays(inner, arrays));
}

function withArrays(value: unknown, arrays: readonly Uint8Array[]): unknown {
  const place = isPlain(value) ? value[PLACE] : undefined;
  return typeof place === 'number' ? arrays[place] : mapped(value, (inner) => withArrays(inner, arrays));
}

function mapped(value: unknown, change: (inner: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(change);
  if (isPlain(value)) return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, change(inner)]));
  return value;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
