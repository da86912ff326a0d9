/** What the HTTP API needs from the other parts; `main.ts` hands them over, tests bring their own. */
import type { AvatarInfo, ConsentRecordInfo, PortraitWarning } from '../../client/src/protocol/index.ts';
import type { Authority } from '../auth/Authority.ts';
import type { Revocations } from '../auth/Revocations.ts';
import type { SettledConfig } from '../config/index.ts';
import type { Logger } from '../base/log.ts';

/** Avatars, as `Enrolment` has them. */
export interface EnrolmentService {
  models(): { name: string; version: string; size: number; default: boolean }[];
  create(request: {
    owner: string;
    portraits: Buffer[];
    consent: unknown;
    name?: string | undefined;
    model?: string | undefined;
  }): Promise<{ avatar: AvatarInfo; created: boolean }>;
  checkPortrait(bytes: Buffer, owner: string): Promise<PortraitWarning[]>;
  get(avatarId: string): { avatar: AvatarInfo; owner: string } | null;
  listOf(owner: string): AvatarInfo[];
  preview(avatarId: string): Promise<Buffer>;
  consentOf(avatarId: string): { consent: ConsentRecordInfo; owner: string } | null;
  delete(avatarId: string): Promise<boolean>;
  /** Rejects when avatars cannot be stored. */
  probe(): Promise<void>;
}

export interface RoomSummary {
  id: string;
  participants: { id: string; displayName: string; avatar: boolean; userId: string; inviteId: string | null }[];
  previews: number;
}

/** The rooms that are open just now, as the call domain has them. */
export interface RoomDirectory {
  summaries(): RoomSummary[];
  summary(id: string): RoomSummary | undefined;
  /** Ends the room for everybody in it; false if there is none. */
  closeRoom(id: string): boolean;
  /** Puts a participant out, seen or unseen. @returns whose token they had; null if there is no such participant */
  removeParticipant(roomId: string, participantId: string): string | null;
}

export interface HttpMetrics {
  readonly contentType: string;
  text(): Promise<string>;
  limitReached(limit: string): void;
  /** Read at each scrape. */
  watchUploads(read: () => { count: number; bytes: number }): void;
  httpAnswered(answer: { method: string; route: string; status: number; seconds: number }): void;
}

/** One part's answer to "can you work?". `detail` is for operators: no paths, no names. */
export interface HealthPart {
  name: string;
  ok: boolean;
  detail?: string;
}

/** Asked for each `/readyz`: must be quick. A rejection counts as one part that is not ready. */
export type HealthCheck = () => Promise<HealthPart[]> | HealthPart[];

/** A file of the page or of the tracker. */
export interface StaticAsset {
  /** Absolute path. */
  file: string;
  contentType: string;
  /** The address changes when the content does: it may be cached for ever. */
  immutable: boolean;
  /** Pages of any origin may load it, whatever `http.corsOrigins` says. */
  anyOrigin?: boolean;
}

export interface HttpServerOptions {
  config: SettledConfig;
  auth: Authority;
  revocations: Revocations;
  enrolment: EnrolmentService;
  rooms: RoomDirectory;
  metrics: HttpMetrics;
  health: HealthCheck;
  /** URL path → file. */
  assets: ReadonlyMap<string, StaticAsset>;
  log: Logger;
}
