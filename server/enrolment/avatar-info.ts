/** Records of the store as the API shows them. */
import { SAMPLES_USER } from '../auth/scopes.ts';
import type { AvatarInfo, ConsentRecordInfo } from '../../client/src/protocol/index.ts';
import type { AvatarRecord, ConsentRecord } from '../store/records.ts';

export function toInfo({ id, owner, name, model, createdMs, portraitCount, warnings }: AvatarRecord): AvatarInfo {
  const createdAt = new Date(createdMs).toISOString();
  return { id, name, model, createdAt, portraits: portraitCount, sample: owner === SAMPLES_USER, warnings };
}

export function toConsentInfo(record: ConsentRecord): ConsentRecordInfo {
  const iso = (ms: number): string => new Date(ms).toISOString();
  const { avatarId, subject, statement, givenMs, recordedMs, revokedMs } = record;
  return {
    avatarId,
    subject,
    statement,
    givenAt: iso(givenMs),
    recordedAt: iso(recordedMs),
    revokedAt: revokedMs === null ? null : iso(revokedMs),
  };
}
