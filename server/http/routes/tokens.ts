/** Tokens: for participants, by the application; for guests, by an invite. */
import { z } from 'zod';
import { AppError, guestSchema, tokenSchema } from '../../../client/src/protocol/index.ts';
import { APPLICATION_USER } from '../../auth/Authority.ts';
import { GUEST_PREFIX, INVITE_PREFIX } from '../../auth/claims.ts';
import { scopeSchema, userIdSchema, type Scope } from '../../auth/scopes.ts';
import { callerOf, permit } from '../access.ts';
import type { HttpServerOptions } from '../ports.ts';
import { json } from '../responses.ts';
import type { App } from '../types.ts';

const tags = ['tokens'];
const DAY_SECONDS = 24 * 3600;

const tokenRequestSchema = z.strictObject({
  userId: userIdSchema
    .refine((id) => !id.startsWith(GUEST_PREFIX), `must not begin with ${GUEST_PREFIX}`)
    .refine((id) => !id.startsWith(INVITE_PREFIX), `must not begin with ${INVITE_PREFIX}`)
    .refine((id) => id !== APPLICATION_USER, `must not be ${APPLICATION_USER}: that is the API key's own`)
    .describe("The application's own name for the person; owner of the avatars made with the token."),
  scopes: z.array(scopeSchema).min(1).max(32).describe('`enrol`, `avatar:ID`, `join:ROOM`, `invite:ROOM`, `moderate:ROOM`.'),
  ttlSeconds: z.int().min(10).optional().describe('How long it is valid; the server has a default and a maximum.'),
});

const guestRequestSchema = z
  .strictObject({
    previous: z
      .string()
      .min(1)
      .max(4096)
      .optional()
      .describe("A guest's earlier token, also an expired one: whoever comes back with it stays the same user and keeps the avatars."),
  })
  .nullish();

export function addTokenRoutes(app: App, { config, auth }: HttpServerOptions): void {
  app.post(
    '/tokens',
    {
      config: { access: 'application' },
      schema: { tags, summary: "Makes a participant's token", body: tokenRequestSchema, response: { 201: json(tokenSchema, 'The token') } },
    },
    async (request, reply) => {
      const { userId, scopes, ttlSeconds = config.auth.tokenTtlSeconds } = request.body;
      const { maxTokenTtlSeconds } = config.auth;
      if (ttlSeconds > maxTokenTtlSeconds) throw new AppError('bad-request', `body.ttlSeconds: at most ${maxTokenTtlSeconds}`);
      const { token, expiresAt } = await auth.mintToken({ userId, scopes: scopes as Scope[], ttlSeconds });
      return reply.status(201).send({ token, userId, expiresAt: expiresAt.toISOString() });
    },
  );

  app.post(
    '/guests',
    {
      config: { access: 'user', rateLimit: { max: config.http.guestLimitPerMinute } },
      schema: {
        tags,
        summary: 'Lets a guest in',
        description:
          "The invite is the bearer token. The answer is a token of one's own: to enrol, and to join that room. Neither it nor any later one " +
          'lasts longer than the invite.',
        body: guestRequestSchema,
        response: { 201: json(guestSchema, "The guest's own token") },
      },
    },
    async (request, reply) => {
      const invite = callerOf(request);
      const room = invite.kind === 'user' ? invite.scopes.find((scope) => scope.startsWith('invite:'))?.slice('invite:'.length) : undefined;
      if (invite.kind !== 'user' || room === undefined) throw new AppError('forbidden', 'This token is not an invite');
      permit(request, { do: 'enter-as-guest', room });
      const { token, userId, expiresAt, accessEndsAt } = await auth.mintGuest(room, {
        invite,
        previous: request.body?.previous,
        returnWithinSeconds: config.enrolment.guestRetentionDays * DAY_SECONDS,
      });
      return reply
        .status(201)
        .send({ token, userId, roomId: room, expiresAt: expiresAt.toISOString(), accessEndsAt: accessEndsAt.toISOString() });
    },
  );
}
