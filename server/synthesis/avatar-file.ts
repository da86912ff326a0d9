/** An enrolled avatar as one safetensors file: an 8-byte header length, a JSON header, the tensors' bytes. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AppError } from '../../client/src/protocol/errors.ts';
import type { EnrolledAvatar, NamedTensor } from './types.ts';

const codes = { float32: 'F32', float16: 'F16', uint8: 'U8', int32: 'I32' } as const;
const arrays = { F32: Float32Array, F16: Uint16Array, U8: Uint8Array, I32: Int32Array } as const;
const names = { F32: 'float32', F16: 'float16', U8: 'uint8', I32: 'int32' } as const;
const maxHeaderBytes = 1 << 20;

const entrySchema = z.object({
  dtype: z.enum(['F32', 'F16', 'U8', 'I32']),
  shape: z.array(z.number().int().nonnegative()).max(8),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});
const metadataSchema = z.object({
  format: z.literal('gioconda-avatar'),
  model: z.string().min(1),
  modelVersion: z.string().min(1),
  size: z.string().regex(/^\d{1,5}$/),
  sha256: z.string(),
});
const headerSchema = z.object({ __metadata__: metadataSchema }).catchall(z.unknown());

/** Serialises; a sha256 over header entries and tensors goes into the metadata. */
export function encodeAvatar(avatar: EnrolledAvatar): Uint8Array {
  const entries: Record<string, unknown> = {};
  let length = 0;
  const tensors = Object.entries(avatar.tensors).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, t] of tensors) {
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
  for (const [, t] of tensors) {
    body.set(new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength), at);
    at += Math.ceil(t.data.byteLength / 8) * 8;
  }
  const about = { format: 'gioconda-avatar', model: avatar.model, modelVersion: avatar.modelVersion, size: String(avatar.size) };
  const metadata = { ...about, sha256: fingerprint(about, entries, body) };
  const json = JSON.stringify({ __metadata__: metadata, ...entries });
  const header = new TextEncoder().encode(json.padEnd(Math.ceil(Buffer.byteLength(json) / 8) * 8 - Buffer.byteLength(json) + json.length));
  const file = new Uint8Array(8 + header.length + length);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  file.set(body, 8 + header.length);
  return file;
}

/** @throws AppError `avatar-not-found` when the bytes are not an intact avatar. */
export function decodeAvatar(file: Uint8Array): EnrolledAvatar {
  try {
    return decode(file);
  } catch (cause) {
    throw new AppError('avatar-not-found', "The avatar's file is damaged", { cause });
  }
}

function decode(file: Uint8Array): EnrolledAvatar {
  if (file.length < 8) throw new Error('shorter than its header length');
  const headerLength = Number(new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true));
  if (headerLength > maxHeaderBytes || 8 + headerLength > file.length) throw new Error('header longer than the file');
  const header = headerSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(8, 8 + headerLength))));
  const { __metadata__: metadata, ...entries } = header;
  const body = new Uint8Array(file.subarray(8 + headerLength));
  const { sha256, ...about } = metadata;
  if (fingerprint(about, entries, body) !== sha256) throw new Error('the hash differs');
  const tensors: Record<string, NamedTensor> = {};
  for (const [name, raw] of Object.entries(entries)) {
    if (name.startsWith('pad.')) continue;
    tensors[name] = readTensor(body, entrySchema.parse(raw));
  }
  return { model: metadata.model, modelVersion: metadata.modelVersion, size: Number(metadata.size), tensors };
}

function readTensor(body: Uint8Array<ArrayBuffer>, { dtype, shape, data_offsets: [from, to] }: z.infer<typeof entrySchema>): NamedTensor {
  const Data = arrays[dtype];
  const count = shape.reduce((a, b) => a * b, 1);
  if (to - from !== count * Data.BYTES_PER_ELEMENT || to > body.length) throw new Error('a tensor reaches beyond its bytes');
  const bytes: ArrayBuffer = body.buffer.slice(body.byteOffset + from, body.byteOffset + to);
  return { type: names[dtype], shape, data: new Data(bytes) };
}

/** Covers what the tensors are called and where they lie as much as their bytes. */
function fingerprint(about: object, entries: object, body: Uint8Array): string {
  return createHash('sha256').update(JSON.stringify([about, entries])).update(body).digest('hex');
}
