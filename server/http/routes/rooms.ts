/** Rooms: who is in them, and links into them. A room itself comes with its first participant. */
import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { createdRoomSchema, inviteSchema, roomListSchema, roomSchema, type RoomInfo } from '../../../client/src/protocol/index.ts';
import { authorise } from '../../auth/authorise.ts';
import { roomIdSchema } from '../../auth/scopes.ts';
import { callerOf, permit } from '../access.ts';
import { createInvite } from '../invites.ts';
import type { HttpServerOptions, RoomSummary } from '../ports.ts';
import { json, nothing } from '../responses.ts';
import type { App } from '../types.ts';

const tags = ['rooms'];
const params = z.object({ room: roomIdSchema });

/** `asModerator`: with whose token each participant is there. */
function toInfo(id: string, summary: RoomSummary | undefined, { asModerator }: { asModerator: boolean }): RoomInfo {
  const participants = (summary?.participants ?? []).map(({ id: participant, displayName, avatar, userId, inviteId }) => ({
    id: participant,
    displayName,
    synthetic: avatar,
    ...(asModerator && { userId, ...(inviteId !== null && { inviteId }) }),
  }));
  return { id, open: summary !== undefined, participantCount: participants.length, previewCount: summary?.previews ?? 0, participants };
}

export function addRoomRoutes(app: App, { config, auth, revocations, rooms }: HttpServerOptions): void {
  const baseUrlOf = (request: FastifyRequest): string => config.publicUrl ?? `${request.protocol}://${request.host}`;

  app.get(
    '/rooms',
    {
      config: { access: 'application' },
      schema: { tags, summary: 'All open rooms', response: { 200: json(roomListSchema, 'The rooms') } },
    },
    async () => ({
      rooms: rooms
        .summaries()
        .map((summary) => ({ id: summary.id, open: true, participantCount: summary.participants.length, previewCount: summary.previews })),
    }),
  );

  app.post(
    '/rooms',
    {
      config: { access: 'application' },
      schema: {
        tags,
        summary: 'Names a room and makes a link into it',
        body: z.strictObject({ id: roomIdSchema.optional().describe('Otherwise one is made up.') }),
        response: { 201: json(createdRoomSchema, 'The link') },
      },
    },
    async (request, reply) => {
      const id = request.body.id ?? `room-${randomBytes(9).toString('base64url')}`;
      return reply.status(201).send({ id, ...(await createInvite(auth, { room: id, baseUrl: baseUrlOf(request) })) });
    },
  );

  app.get(
    '/rooms/:room',
    {
      config: { access: 'token' },
      schema: {
        tags,
        summary: 'Who is in a room',
        params,
        response: { 200: json(roomSchema, 'The room; with nobody in it if it is not open') },
      },
    },
    async (request) => {
      const { room } = request.params;
      permit(request, { do: 'read-room', room });
      return toInfo(room, rooms.summary(room), { asModerator: authorise(request.principal, { do: 'moderate', room }) });
    },
  );

  app.delete(
    '/rooms/:room',
    {
      config: { access: 'application', errors: ['storage-full', 'storage-failed'] },
      schema: {
        tags,
        summary: 'Ends the room for everybody in it, and all invites to it',
        description:
          'Guests cannot come back with what they have. Users of the application can: end their tokens too where they must not. It does not ' +
          'matter whether the room is open.',
        params,
        response: { 204: nothing('Closed') },
      },
    },
    async (request, reply) => {
      const { room } = request.params;
      rooms.closeRoom(room);
      revocations.revoke({ room });
      return reply.status(204).send(null);
    },
  );

  app.post(
    '/rooms/:room/invites',
    {
      config: { access: 'token' },
      schema: {
        tags,
        summary: 'Makes a link into the room',
        description:
          'For whoever may join it. One that is made with a token ends with that token; one that comes of an invite, with that invite.',
        params,
        response: { 201: json(inviteSchema, 'The link') },
      },
    },
    async (request, reply) => {
      const { room } = request.params;
      permit(request, { do: 'invite', room });
      return reply.status(201).send(await createInvite(auth, { room, baseUrl: baseUrlOf(request), inviter: callerOf(request) }));
    },
  );
}
