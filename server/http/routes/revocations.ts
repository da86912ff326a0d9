/** Access is taken back: from users, guests and invites, and by putting somebody out of a room. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  AppError,
  revocationListSchema,
  revocationSchema,
  type ErrorCode,
  type RevocationInfo,
} from '../../../client/src/protocol/index.ts';
import { INVITE_PREFIX } from '../../auth/claims.ts';
import type { Revocation } from '../../auth/Revocations.ts';
import { roomIdSchema, userIdSchema } from '../../auth/scopes.ts';
import { permit } from '../access.ts';
import type { HttpServerOptions } from '../ports.ts';
import { json, nothing } from '../responses.ts';
import type { App } from '../types.ts';

const tags = ['revocations'];
const storeErrors: ErrorCode[] = ['storage-full', 'storage-failed'];
const inRoom = z.object({ room: roomIdSchema });
const inviteIdSchema = z.string().regex(/^invite-[A-Za-z0-9_-]{12}$/, 'must be an invite id, as `inviteId` tells it');

export function toInfo({ id, subject, room, lasting, createdMs, untilMs }: Revocation): RevocationInfo {
  return { id, subject, room, lasting, createdAt: new Date(createdMs).toISOString(), until: new Date(untilMs).toISOString() };
}

export function addRevocationRoutes(app: App, options: HttpServerOptions): void {
  addModerationRoutes(app, options);
  addOperatorRoutes(app, options);
}

/** Of one room: for its moderators, too. */
function addModerationRoutes(app: App, { config, revocations, rooms, metrics }: HttpServerOptions): void {
  const revoked = { 200: json(revocationSchema, 'In force') };

  app.delete(
    '/rooms/:room/participants/:participant',
    {
      config: { access: 'token', errors: ['not-found', ...storeErrors] },
      schema: {
        tags,
        summary: 'Puts somebody out of the room',
        description:
          'And keeps them out: a guest as that guest, for good, a user of the application until this is taken back. Invites that they made end. ' +
          'Whoever still has a link to the room can come in as a new guest: see `DELETE /rooms/{room}/invites`.',
        params: inRoom.extend({ participant: z.string().min(1).max(64) }),
        response: revoked,
      },
    },
    async (request) => {
      const { room, participant } = request.params;
      permit(request, { do: 'moderate', room });
      const subject = rooms.removeParticipant(room, participant);
      if (subject === null) throw new AppError('not-found', 'There is no such participant in this room');
      return toInfo(revocations.revoke({ subject, room, lasting: true }));
    },
  );

  app.delete(
    '/rooms/:room/invites',
    {
      config: { access: 'token', errors: storeErrors },
      schema: {
        tags,
        summary: 'Ends all invites to the room',
        description: 'And the access of all guests who came by them. Invites that are made afterwards are valid.',
        params: inRoom,
        response: revoked,
      },
    },
    async (request) => {
      const { room } = request.params;
      permit(request, { do: 'moderate', room });
      return toInfo(revocations.revoke({ room }));
    },
  );

  app.delete(
    '/rooms/:room/invites/:invite',
    {
      config: { access: 'token', errors: ['revocation-limit', ...storeErrors] },
      schema: {
        tags,
        summary: 'Ends one invite to the room',
        description: 'By its `inviteId`; and the access of all guests who came by it, and of the invites that they made.',
        params: inRoom.extend({ invite: inviteIdSchema }),
        response: revoked,
      },
    },
    async (request) => {
      const { room, invite } = request.params;
      permit(request, { do: 'moderate', room });
      requireRoomFor(request, room);
      return toInfo(revocations.revoke({ subject: invite, room }));
    },
  );

  /** Names of invites are not known here: a moderator could think up any number. */
  function requireRoomFor({ principal }: FastifyRequest, room: string): void {
    const { revokedInvitesPerRoom: most } = config.limits;
    const held = revocations.list().filter((other) => other.room === room && other.subject?.startsWith(INVITE_PREFIX)).length;
    if (principal?.kind === 'application' || held < most) return;
    metrics.limitReached('revokedInvitesPerRoom');
    throw new AppError('revocation-limit', `limits.revokedInvitesPerRoom is ${most}`);
  }
}

function addOperatorRoutes(app: App, { revocations }: HttpServerOptions): void {
  app.delete(
    '/users/:user/tokens',
    {
      config: { access: 'application', errors: storeErrors },
      schema: {
        tags,
        summary: 'Ends all tokens of a user or guest',
        description:
          'And all that came of them: invites, and the guests who came by those. Tokens that the application makes for the user afterwards ' +
          'are valid; a guest cannot come back as that guest.',
        params: z.object({ user: userIdSchema }),
        response: { 200: json(revocationSchema, 'In force') },
      },
    },
    async (request) => toInfo(revocations.revoke({ subject: request.params.user })),
  );

  app.get(
    '/revocations',
    {
      config: { access: 'application' },
      schema: { tags, summary: 'All access that was taken back', response: { 200: json(revocationListSchema, 'The oldest first') } },
    },
    async () => ({ revocations: revocations.list().map(toInfo) }),
  );

  app.delete(
    '/revocations/:revocation',
    {
      config: { access: 'application', errors: ['not-found', ...storeErrors] },
      schema: {
        tags,
        summary: 'Takes a revocation back',
        description: 'What it ended is valid again as far as it has not expired; connections that were ended stay so.',
        params: z.object({ revocation: z.string().min(1).max(64) }),
        response: { 204: nothing('Taken back') },
      },
    },
    async (request, reply) => {
      if (!revocations.takeBack(request.params.revocation)) throw new AppError('not-found', 'There is no such revocation');
      return reply.status(204).send(null);
    },
  );
}
