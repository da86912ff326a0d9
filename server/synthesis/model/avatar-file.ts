/** An enrolled avatar as one safetensors file, with a fingerprint against damage. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AppError } from '../../../client/src/protocol/errors.ts';
import { openSafetensors, packTensors, unpackTensors, writeSafetensors } from './safetensors.ts';
import type { EnrolledAvatar } from './types.ts';

const metadataSchema = z.object({
  format: z.literal('gioconda-avatar'),
  model: z.string().min(1),
  modelVersion: z.string().min(1),
  size: z.string().regex(/^\d{1,5}$/),
  sha256: z.string(),
});

/** Serialises; a sha256 over header entries and tensors goes into the metadata. */
export function encodeAvatar(avatar: EnrolledAvatar): Uint8Array {
  const { entries, body } = packTensors(avatar.tensors);
  const about = { format: 'gioconda-avatar', model: avatar.model, modelVersion: avatar.modelVersion, size: String(avatar.size) };
  return writeSafetensors({ metadata: { ...about, sha256: fingerprint(about, entries, body) }, entries, body });
}

/** @throws AppError `avatar-not-found` when the bytes are not an intact avatar. */
export function decodeAvatar(file: Uint8Array): EnrolledAvatar {
  try {
    const { metadata, entries, body } = openSafetensors(file);
    const { sha256, ...about } = metadataSchema.parse(metadata);
    if (fingerprint(about, entries, body) !== sha256) throw new Error('the hash differs');
    return { model: about.model, modelVersion: about.modelVersion, size: Number(about.size), tensors: unpackTensors({ entries, body }) };
  } catch (cause) {
    throw new AppError('avatar-not-found', "The avatar's file is damaged", { cause });
  }
}

/** Covers what the tensors are called and where they lie as much as their bytes. */
function fingerprint(about: object, entries: object, body: Uint8Array): string {
  return createHash('sha256')
    .update(JSON.stringify([about, entries]))
    .update(body)
    .digest('hex');
}
