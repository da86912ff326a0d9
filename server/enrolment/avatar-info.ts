/** Records of the store as the API shows them. */
import type { AvatarInfo, ConsentRecordInfo } from '../../client/src/protocol/index.ts';
import type { AvatarRecord, ConsentRecord } from '../store/records.ts';

export function toInfo({ id, name, model, createdMs, portraitCount, warnings }: AvatarRecord): AvatarInfo {
  return { id, name, model, createdAt: new Date(createdMs).toISOString(), portraits: portraitCount, warnings };
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
