/** Avatars as the store takes them, made of words instead of pictures. */
import type { NewAvatar } from '../../server/store/records.ts';
import { sha256 } from './sha256.ts';

/** `bytes`: of each portrait kept; preview and weights are small. */
export function wordAvatar(id: string, { owner = 'ann', bytes = 64 }: { owner?: string; bytes?: number } = {}): NewAvatar {
  return {
    id,
    owner,
    name: `Name of ${id}`,
    model: 'warp',
    modelVersion: '1',
    createdMs: 1000,
    warnings: [],
    portraits: [{ sourceSha: sha256(Buffer.from(id)), normalised: Buffer.alloc(bytes, `portrait of ${id} `) }],
    preview: Buffer.from(`preview of ${id}`),
    weights: Buffer.from(`weights of ${id}`),
    consent: { subject: 'Lisa', statement: 'I agree to it.', givenMs: 900 },
  };
}
