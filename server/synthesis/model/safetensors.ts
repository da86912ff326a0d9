/** The safetensors format: an 8-byte header length, a JSON header, the tensors' bytes. Knows nothing of what the tensors are. */
import { z } from 'zod';
import type { NamedTensor } from './types.ts';

const codes = { float32: 'F32', float16: 'F16', uint8: 'U8', int32: 'I32', int64: 'I64' } as const;
const arrays = { F32: Float32Array, F16: Uint16Array, U8: Uint8Array, I32: Int32Array, I64: BigInt64Array } as const;
const names = { F32: 'float32', F16: 'float16', U8: 'uint8', I32: 'int32', I64: 'int64' } as const;
const maxHeaderBytes = 1 << 20;

const entrySchema = z.object({
  dtype: z.enum(['F32', 'F16', 'U8', 'I32', 'I64']),
  shape: z.array(z.number().int().nonnegative()).max(8),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});
const headerSchema = z.object({ __metadata__: z.record(z.string(), z.string()).optional() }).catchall(z.unknown());

/** The parts of a file. */
export interface Safetensors {
  metadata: Record<string, string>;
  /** By tensor name, as the header has them. */
  entries: Record<string, unknown>;
  body: Uint8Array<ArrayBuffer>;
}

/** Lays tensors out, in the order of their names. */
export function packTensors(tensors: Readonly<Record<string, NamedTensor>>): Pick<Safetensors, 'entries' | 'body'> {
  const entries: Record<string, unknown> = {};
  let length = 0;
  const sorted = Object.entries(tensors).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, t] of sorted) {
    // every tensor starts at a multiple of 8, so that it can be viewed in place
    entries[name] = { dtype: codes[t.type], shape: t.shape, data_offsets: [length, length + t.data.byteLength] };
    length += t.data.byteLength;
    const pad = (8 - (length % 8)) % 8;
    if (pad) {
      entries[`pad.${name}`] = { dtype: 'U8', shape: [pad], data_offsets: [length, length + pad] };
      length += pad;
    }
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const [, t] of sorted) {
    body.set(new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength), at);
    at += Math.ceil(t.data.byteLength / 8) * 8;
  }
  return { entries, body };
}

export function writeSafetensors({ metadata, entries, body }: Safetensors): Uint8Array {
  const json = JSON.stringify({ __metadata__: metadata, ...entries });
  const blanks = (8 - (Buffer.byteLength(json) % 8)) % 8;
  const header = new TextEncoder().encode(json + ' '.repeat(blanks));
  const file = new Uint8Array(8 + header.length + body.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  file.set(body, 8 + header.length);
  return file;
}

/** @throws Error when the bytes are no safetensors file. */
export function openSafetensors(file: Uint8Array): Safetensors {
  if (file.length < 8) throw new Error('shorter than its header length');
  const headerLength = Number(new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true));
  if (headerLength > maxHeaderBytes || 8 + headerLength > file.length) throw new Error('header longer than the file');
  const header = headerSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(8, 8 + headerLength))));
  const { __metadata__: metadata = {}, ...entries } = header;
  return { metadata, entries, body: new Uint8Array(file.subarray(8 + headerLength)) };
}

/** Copies, without the padding. @throws Error when an entry is malformed or reaches beyond the body. */
export function unpackTensors({ entries, body }: Pick<Safetensors, 'entries' | 'body'>): Record<string, NamedTensor> {
  const tensors: Record<string, NamedTensor> = {};
  for (const [name, raw] of Object.entries(entries)) {
    if (!name.startsWith('pad.')) tensors[name] = unpack(body, entrySchema.parse(raw));
  }
  return tensors;
}

function unpack(body: Uint8Array<ArrayBuffer>, { dtype, shape, data_offsets: [from, to] }: z.infer<typeof entrySchema>): NamedTensor {
  const Data = arrays[dtype];
  const count = shape.reduce((a, b) => a * b, 1);
  if (to - from !== count * Data.BYTES_PER_ELEMENT || to > body.length) throw new Error('a tensor reaches beyond its bytes');
  const bytes: ArrayBuffer = body.buffer.slice(body.byteOffset + from, body.byteOffset + to);
  return { type: names[dtype], shape, data: new Data(bytes) };
}
