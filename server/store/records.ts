/** What the store holds, as the other parts see it. Times in ms since the Unix epoch, hashes as hex. */

import { createHash } from 'node:crypto';
import type { Logger } from '../base/log.ts';

export type StoreLog = Pick<Logger, 'info' | 'warn' | 'error'>;

/**
 * The same pictures of the same owner in the same order give the same key. The owner is in it so that nobody can tell, by how long an
 * enrolment takes, whether somebody else has enrolled these pictures.
 */
export function portraitsKeyOf(owner: string, sourceShas: readonly string[]): string {
  return createHash('sha256')
    .update([`owner ${owner}`, ...sourceShas].join('\n'))
    .digest('hex');
}

export interface EnrolmentWarning {
  /** Which portrait, from 0. */
  portrait: number;
  code: string;
  message: string;
}

export interface AvatarRecord {
  id: string;
  /** The user who enrolled it. */
  owner: string;
  name: string;
  /** The model that it is driven with unless a call asks for another. */
  model: string;
  createdMs: number;
  /** See `portraitsKeyOf`. */
  portraitsKey: string;
  previewSha: string;
  portraitCount: number;
  warnings: EnrolmentWarning[];
}

export interface PortraitRecord {
  position: number;
  sourceSha: string;
  contentSha: string;
}

export interface ConsentRecord {
  avatarId: string;
  owner: string;
  /** Who is shown and agreed. */
  subject: string;
  statement: string;
  givenMs: number;
  recordedMs: number;
  /** When it was taken back; portraits and weights were deleted then. */
  revokedMs: number | null;
}

export interface WeightsKey {
  portraitsKey: string;
  model: string;
  modelVersion: string;
}

/** What enrolment makes of portraits. */
export interface Generated {
  /** The generated tensors as safetensors. */
  weights: Uint8Array;
  /** PNG or JPEG: the base portrait as the avatar is framed. */
  preview: Uint8Array;
  /** The portraits to keep, one each, in order: upright, without metadata, good for enrolling again. */
  normalised: Uint8Array[];
  warnings: EnrolmentWarning[];
}

/** What `Store.add` takes: bytes, not hashes. */
export interface NewAvatar {
  id: string;
  owner: string;
  name: string;
  model: string;
  modelVersion: string;
  createdMs: number;
  warnings: EnrolmentWarning[];
  /** In order: hash as uploaded, and the picture to keep. */
  portraits: { sourceSha: string; normalised: Uint8Array }[];
  preview: Uint8Array;
  weights: Uint8Array;
  consent: { subject: string; statement: string; givenMs: number };
}

/** Access that was taken back. */
export interface RevocationRecord {
  id: string;
  /** A user, a guest or an invite; null: all who came by an invite of the room. */
  subject: string | null;
  /** Null: everywhere. */
  room: string | null;
  /** Also what is given out afterwards. */
  lasting: boolean;
  createdMs: number;
  untilMs: number;
  /** In time of operation. */
  untilOperatedMs: number;
}
