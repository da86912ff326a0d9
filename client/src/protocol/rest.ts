/**
 * The REST contract under `/api/v1`: what travels as JSON, both ways. The server's OpenAPI document is made of these schemas.
 * `docs/api.md` tells how the requests are used.
 */
import * as z from 'zod/mini';
import type { ErrorCode } from './errors.ts';
import { errorTable } from './errors.ts';
import { described, int, text, trimmed } from './schema.ts';

const id = text(1, 128);
const isoTime = z.iso.datetime({ offset: true });

/** Body of every answer that is not a success. */
export const errorBodySchema = z.object({
  error: z.object({
    code: z.enum(Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]]),
    message: described(z.string(), 'What is wrong, then what to do.'),
    retryable: described(z.boolean(), 'Whether the same request can succeed later.'),
    portrait: described(z.optional(z.int()), 'Which of the portraits is meant, counted from 0.'),
  }),
});

/** The agreement of the person who is shown; kept with the avatar, revoked by deleting it. */
export const consentSchema = z.object({
  subject: described(trimmed(1, 200), 'Who is shown and agreed.'),
  givenAt: described(isoTime, 'When.'),
  statement: described(trimmed(1, 4000), 'To what: the sentence that the person agreed to.'),
});
export type Consent = z.infer<typeof consentSchema>;

export const consentRecordSchema = z.extend(consentSchema, {
  avatarId: id,
  recordedAt: isoTime,
  revokedAt: described(z.nullable(isoTime), 'When it was taken back by deleting the avatar.'),
});
export type ConsentRecordInfo = z.infer<typeof consentRecordSchema>;

/** Something that makes the avatar less good, but does not prevent it. */
export const portraitWarningSchema = z.object({
  portrait: described(int(0), 'Which portrait, counted from 0.'),
  code: z.string(),
  message: z.string(),
});
export type PortraitWarning = z.infer<typeof portraitWarningSchema>;

export const avatarSchema = z.object({
  id,
  name: z.string(),
  model: z.string(),
  createdAt: isoTime,
  portraits: described(int(1), 'How many portraits it was made from.'),
  sample: described(z.boolean(), "One of the server's own, which everybody may use and nobody delete."),
  warnings: z.array(portraitWarningSchema),
});
export type AvatarInfo = z.infer<typeof avatarSchema>;
export const avatarListSchema = z.object({ avatars: z.array(avatarSchema) });

/** The text fields of the multipart form that creates an avatar; the files are called `portraits`. */
export const avatarFieldsSchema = z.object({
  name: described(z.optional(trimmed(1, 64)), 'What the owner calls it.'),
  model: described(z.optional(text(1, 64)), "The model to drive it with; otherwise the server's default."),
  owner: described(z.optional(id), 'For whom: with the API key only.'),
});

/** The answer of the live check; a refusal is an answer here, not an error. */
export const portraitCheckSchema = z.object({
  ok: z.boolean(),
  problem: described(z.nullable(errorBodySchema.shape.error), 'Why the portrait would be refused.'),
  warnings: z.array(portraitWarningSchema),
});
export type PortraitCheck = z.infer<typeof portraitCheckSchema>;

export const roomSchema = z.object({
  id,
  open: described(z.boolean(), 'Whether it is held for anybody just now; a room comes with its first participant.'),
  participantCount: int(0),
  previewCount: described(int(0), 'Who previews themselves there: unseen by the others, in none of the lists.'),
  participants: z.array(
    z.object({
      id,
      displayName: z.string(),
      synthetic: described(z.boolean(), 'Shown as an avatar.'),
      userId: described(z.optional(id), 'Whose token it is; told to the API key and to moderators only.'),
      inviteId: described(z.optional(id), 'By which invite a guest came; told to the API key and to moderators only.'),
    }),
  ),
});
export type RoomInfo = z.infer<typeof roomSchema>;
export const roomListSchema = z.object({ rooms: z.array(z.omit(roomSchema, { participants: true })) });

export const tokenSchema = z.object({ token: z.string(), userId: id, expiresAt: isoTime });
export type TokenInfo = z.infer<typeof tokenSchema>;

/** A personal token for whoever followed an invite. */
export const guestSchema = z.extend(tokenSchema, {
  roomId: id,
  accessEndsAt: described(isoTime, 'When the invite ends: no token that comes of it lasts longer.'),
});
export type GuestInfo = z.infer<typeof guestSchema>;

export const inviteSchema = z.object({
  invite: described(z.string(), 'The invite token.'),
  inviteId: described(id, "The invite's name: by it, it can be ended (`DELETE /rooms/{room}/invites/{invite}`)."),
  path: described(z.string(), "The page's address with the invite in its fragment, which never reaches a server's log."),
  url: described(z.string(), 'The same as a whole address.'),
  expiresAt: isoTime,
});
export type InviteInfo = z.infer<typeof inviteSchema>;

/** A room that the application opened, with a link to give away. */
export const createdRoomSchema = z.extend(inviteSchema, { id });
export type CreatedRoom = z.infer<typeof createdRoomSchema>;

/** Access that was taken back, with all that came of it. */
export const revocationSchema = z.object({
  id,
  subject: described(z.nullable(id), 'The user, guest or invite; null: everybody who came by an invite of the room.'),
  room: described(z.nullable(id), 'Null: everywhere.'),
  lasting: described(z.boolean(), 'Whether tokens that are made afterwards are refused too.'),
  createdAt: isoTime,
  until: described(isoTime, 'From then on everything that was given out before has expired, and the revocation is forgotten.'),
});
export type RevocationInfo = z.infer<typeof revocationSchema>;
export const revocationListSchema = z.object({ revocations: z.array(revocationSchema) });

export const modelListSchema = z.object({
  models: z.array(
    z.object({
      name: z.string(),
      version: z.string(),
      size: described(z.int(), 'Side of the square picture in pixels.'),
      default: z.boolean(),
    }),
  ),
});
export type ModelList = z.infer<typeof modelListSchema>;

/** Whether the server can take calls, and if not, which part keeps it from that. */
export const readinessSchema = z.object({
  ready: z.boolean(),
  parts: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.optional(z.string()) })),
});
export type Readiness = z.infer<typeof readinessSchema>;

/** What a client has to know before it has a token. */
export const clientConfigSchema = z.object({
  version: z.string(),
  protocol: z.int(),
  originAllowed: described(
    z.optional(z.boolean()),
    'Whether pages of the origin that asks may use the API (`http.corsOrigins`); this request is answered to all.',
  ),
  tracker: described(z.string(), 'Address of the description of the face tracker: which one, and where its files are.'),
  model: described(z.string(), 'The default model.'),
  limits: z.object({
    maxPortraits: z.int(),
    maxPortraitBytes: z.int(),
    maxUploadBytes: described(z.int(), 'Of all portraits together.'),
    maxPortraitPixels: z.int(),
    maxParticipants: z.int(),
    maxDisplayNameLength: z.int(),
  }),
  video: z.object({ size: z.int(), framesPerSecond: z.int(), codec: z.enum(['vp8', 'h264']) }),
});
export type ClientConfig = z.infer<typeof clientConfigSchema>;

/** The page's address for an invite: `/#room=ROOM&invite=TOKEN`. */
export function invitePath(room: string, invite: string): string {
  return `/#${new URLSearchParams({ room, invite })}`;
}
