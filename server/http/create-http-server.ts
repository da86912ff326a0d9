/** Puts the HTTP side together: limits, headers, rights, document, routes. socket.io attaches to the same `server`. */
import cors from '@fastify/cors';
import multipart from '@fastify/multipart';
import rateLimit from '@fastify/rate-limit';
import { fastify, LogController, type FastifyServerOptions } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { AppError } from '../../client/src/protocol/index.ts';
import { enforceAccess } from './access.ts';
import { addressKey } from './client-address.ts';
import { allowedOrigins } from './origins.ts';
import { answerBrokenRequest, handleError, handleNotFound } from './errors.ts';
import { describeApi } from './openapi.ts';
import { limitConnections } from './limit-connections.ts';
import type { HttpServerOptions } from './ports.ts';
import { addAssetRoutes } from './routes/assets.ts';
import { addAvatarRoutes } from './routes/avatars.ts';
import { addInformationRoutes, addOperationRoutes } from './routes/operation.ts';
import { addRevocationRoutes } from './routes/revocations.ts';
import { addRoomRoutes } from './routes/rooms.ts';
import { addTokenRoutes } from './routes/tokens.ts';
import { addSecurityHeaders } from './security-headers.ts';
import { loadTls } from './tls.ts';
import type { App } from './types.ts';

export type { App } from './types.ts';

const JSON_BODY_BYTES = 64 * 1024;
const KEEP_ALIVE_MS = 65_000;
const CONNECTION_CHECK_MS = 5000;

async function createApp({ config, log }: HttpServerOptions): Promise<App> {
  const tls = await loadTls(config);
  // How soon node notices that a request takes too long; its own 30 s would make shorter limits meaningless.
  const connections = { connectionsCheckingInterval: Math.min(config.http.requestTimeoutMs, CONNECTION_CHECK_MS) };
  const options = {
    ...(tls ? { https: { ...tls, ...connections } } : { http: connections }),
    loggerInstance: log.child({ part: 'http' }),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: JSON_BODY_BYTES,
    requestTimeout: config.http.requestTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Sockets that stay open (socket.io) must not hold up the end.
    forceCloseConnections: true,
    trustProxy: config.http.trustedProxies.length > 0 ? [...config.http.trustedProxies] : false,
    // Refused before there is a route: the same shape of answer.
    frameworkErrors: (error, request, reply) => void handleError(error, request, reply),
    clientErrorHandler: answerBrokenRequest,
    routerOptions: { maxParamLength: 200 },
  } satisfies FastifyServerOptions & { https?: object; http?: object };
  // With TLS the server is node:https's, which has the same interface.
  return fastify(options as FastifyServerOptions) as unknown as App;
}

async function addLimits(app: App, { config }: HttpServerOptions): Promise<void> {
  const { rateLimitPerMinute } = config.http;
  const origins = allowedOrigins(config);
  if (origins.length > 0) {
    await app.register(cors, {
      origin: origins.includes('*') ? '*' : origins,
      methods: ['GET', 'HEAD', 'POST', 'DELETE'],
      allowedHeaders: ['authorization', 'content-type'],
      maxAge: 3600,
    });
  }
  await app.register(rateLimit, {
    global: true,
    max: rateLimitPerMinute,
    timeWindow: 60_000,
    cache: 10_000,
    keyGenerator: (request) => addressKey(request.ip),
    errorResponseBuilder: (_request, { after }) => new AppError('rate-limited', `Too many requests; again in ${after}`),
  });
  await app.register(multipart, { throwFileSizeLimit: true });
}

function measure(app: App, { metrics }: HttpServerOptions): void {
  app.addHook('onResponse', async (request, reply) => {
    const { url, config } = request.routeOptions;
    metrics.httpAnswered({
      method: request.method,
      route: config.metricsLabel ?? url ?? 'unmatched',
      status: reply.statusCode,
      seconds: reply.elapsedTime / 1000,
    });
  });
}

/** Ready to `listen`; `app.server` is the node server for socket.io. The caller closes it. */
export async function createHttpServer(options: HttpServerOptions): Promise<App> {
  const { config, auth, assets } = options;
  const app = await createApp(options);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(handleError);
  addSecurityHeaders(app, {
    https: config.tls.mode === 'files',
    crossOrigin: allowedOrigins(config).length > 0,
    publicUrl: config.publicUrl,
    frameAncestors: config.http.frameAncestors,
  });
  measure(app, options);
  await addLimits(app, options);
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, handleNotFound);
  enforceAccess(app, auth);
  await describeApi(app);
  await app.register(
    async (api) => {
      const scoped = api as unknown as App;
      scoped.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'no-store'));
      addAvatarRoutes(scoped, options);
      addRoomRoutes(scoped, options);
      addRevocationRoutes(scoped, options);
      addTokenRoutes(scoped, options);
      addInformationRoutes(scoped, options);
    },
    { prefix: '/api/v1' },
  );
  addOperationRoutes(app, options);
  await addAssetRoutes(app, assets);
  limitConnections(app.server, {
    most: config.limits.httpConnectionsPerAddress,
    trustedProxies: config.http.trustedProxies,
    onLimit: () => options.metrics.limitReached('httpConnectionsPerAddress'),
  });
  await app.ready();
  return app;
}
