/**
 * Who may call a route. Each route says in its `config` what it takes; from that follow the check, which runs before anything of the
 * body is read, and the `security`, parameters and refusals in the OpenAPI document.
 */
import type { FastifyRequest, RouteOptions } from 'fastify';
import { AppError, type ErrorCode } from '../../client/src/protocol/index.ts';
import type { Authority } from '../auth/Authority.ts';
import { authorise, type Action, type Principal } from '../auth/authorise.ts';
import { refusals } from './responses.ts';
import type { App } from './types.ts';

/** `token`: any valid token or the API key, the handler asks further. `application`: the API key only. `user`: a token, not the key. */
export type RouteAccess = 'public' | 'token' | 'user' | 'application';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Needed by every route. */
    access?: RouteAccess;
    /** Errors of the route's own, for the document. */
    errors?: readonly ErrorCode[];
    /** How the metrics call it, where the pattern says too much. */
    metricsLabel?: string;
  }
  interface FastifyRequest {
    principal: Principal;
  }
}

/** What generated clients call their methods. */
const operationIds: Readonly<Record<string, string>> = {
  'GET /avatars': 'listAvatars',
  'POST /avatars': 'createAvatar',
  'GET /avatars/:avatar': 'getAvatar',
  'DELETE /avatars/:avatar': 'deleteAvatar',
  'GET /avatars/:avatar/preview': 'getAvatarPreview',
  'GET /avatars/:avatar/consent': 'getAvatarConsent',
  'POST /portraits/check': 'checkPortrait',
  'GET /rooms': 'listRooms',
  'POST /rooms': 'createRoom',
  'GET /rooms/:room': 'getRoom',
  'DELETE /rooms/:room': 'closeRoom',
  'POST /rooms/:room/invites': 'createInvite',
  'DELETE /rooms/:room/invites': 'revokeInvites',
  'DELETE /rooms/:room/invites/:invite': 'revokeInvite',
  'DELETE /rooms/:room/participants/:participant': 'removeParticipant',
  'DELETE /users/:user/tokens': 'revokeTokens',
  'GET /revocations': 'listRevocations',
  'DELETE /revocations/:revocation': 'takeRevocationBack',
  'POST /tokens': 'createToken',
  'POST /guests': 'enterAsGuest',
  'GET /config/client': 'getClientConfig',
  'GET /models': 'listModels',
  'GET /healthz': 'getHealth',
  'GET /readyz': 'getReadiness',
  'GET /metrics': 'getMetrics',
  'GET /openapi.json': 'getOpenApi',
};

/** The document's `securitySchemes`. */
export const securitySchemes = {
  token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: "A participant's token; an invite where guests are let in." },
  apiKey: { type: 'http', scheme: 'bearer', description: "The API key of the application's own server." },
} as const;

const security: Record<RouteAccess, Record<string, string[]>[]> = {
  public: [],
  token: [{ token: [] }, { apiKey: [] }],
  user: [{ token: [] }],
  application: [{ apiKey: [] }],
};

const tokenErrors: ErrorCode[] = ['token-missing', 'token-invalid', 'token-expired', 'access-revoked', 'api-key-invalid', 'forbidden'];

const accessErrors: Record<RouteAccess, ErrorCode[]> = {
  public: [],
  token: tokenErrors,
  user: tokenErrors,
  application: tokenErrors,
};

function describeAccess(route: RouteOptions, access: RouteAccess): void {
  const { schema = {} } = route;
  const codes: ErrorCode[] = [...accessErrors[access], ...(route.config?.errors ?? []), 'rate-limited', 'internal'];
  if (schema.params || schema.body || schema.querystring) codes.push('bad-request');
  if (schema.body) codes.push('payload-too-large');
  const { method, url } = route;
  const operationId = operationIds[`${String(method)} ${url.replace(/^\/api\/v1/, '')}`];
  // HEAD comes with GET and is not in the document.
  if (operationId === undefined && method !== 'HEAD') throw new Error(`Route ${String(method)} ${url} has no operationId.`);
  route.schema = {
    ...schema,
    ...(operationId !== undefined && { operationId }),
    security: security[access],
    response: { ...(schema.response as object), ...refusals(codes) },
  };
}

/** Call before the routes are added. */
export function enforceAccess(app: App, auth: Authority): void {
  app.decorateRequest('principal', null);
  app.addHook('onRoute', (route) => {
    if (route.schema?.hide) return;
    const access = route.config?.access;
    if (!access) throw new Error(`Route ${String(route.method)} ${route.url} does not say who may call it.`);
    describeAccess(route as RouteOptions, access);
    if (access === 'public') return;
    const check = async (request: FastifyRequest): Promise<void> => {
      request.principal = await auth.principalOf(request.headers.authorization);
      if (!request.principal) throw new AppError('token-missing');
      if (access === 'application' && request.principal.kind !== 'application') throw new AppError('forbidden');
      if (access === 'user' && request.principal.kind !== 'user')
        throw new AppError('forbidden', "This takes a participant's token, not the API key");
    };
    // After the rate limit, which is there already, so that guessing is slowed down too.
    route.onRequest = [...[route.onRequest ?? []].flat(), check];
  });
}

/** @throws AppError `forbidden` */
export function permit(request: FastifyRequest, action: Action): void {
  if (!authorise(request.principal, action)) throw new AppError('forbidden');
}

/** The caller of a route that is not public. */
export function callerOf(request: FastifyRequest): NonNullable<Principal> {
  if (!request.principal) throw new AppError('token-missing');
  return request.principal;
}
