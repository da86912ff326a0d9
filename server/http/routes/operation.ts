/** For the page before it has a token, and for whoever runs the server. */
import { z } from 'zod';
import {
  PROTOCOL_VERSION,
  clientConfigSchema,
  modelListSchema,
  readinessSchema,
  type ClientConfig,
} from '../../../client/src/protocol/index.ts';
import { permit } from '../access.ts';
import { isOriginAllowed } from '../origins.ts';
import { OPENAPI_PATH } from '../openapi.ts';
import type { HealthPart, HttpServerOptions } from '../ports.ts';
import { json } from '../responses.ts';
import type { App } from '../types.ts';
import { version } from '../../base/version.ts';

const tags = ['operation'];
const PROBE_INTERVAL_MS = 1000;
/** Orchestrators ask often, and from one address. */
const unlimited = { rateLimit: false as const };

function clientConfig({ config }: HttpServerOptions, origin: string | undefined): ClientConfig {
  const { enrolment, rooms, synthesis, video } = config;
  return {
    version,
    protocol: PROTOCOL_VERSION,
    originAllowed: isOriginAllowed(origin, config),
    tracker: '/assets/tracker.json',
    model: synthesis.model,
    limits: {
      maxPortraits: enrolment.maxPortraits,
      maxPortraitBytes: enrolment.maxBytes,
      maxUploadBytes: enrolment.maxUploadBytes,
      maxPortraitPixels: enrolment.maxPixels,
      maxParticipants: rooms.maxParticipants,
      maxDisplayNameLength: 64,
    },
    video: { size: video.size, framesPerSecond: video.framesPerSecond, codec: video.codec },
  };
}

/** The probe writes to the disk: however often we are asked, it runs once a second at most. */
function atMostEvery<T>(intervalMs: number, work: () => Promise<T>): () => Promise<T> {
  let last: { result: Promise<T>; atMs: number } | null = null;
  return () => {
    if (!last || performance.now() - last.atMs >= intervalMs) last = { result: work(), atMs: performance.now() };
    return last.result;
  };
}

async function partsOf({ health, log }: HttpServerOptions, probeStore: () => Promise<void>): Promise<HealthPart[]> {
  const failed =
    (name: string) =>
    (error: unknown): HealthPart[] => {
      log.error({ err: error, part: name }, 'health check failed'); // `name` would be cut: it is a person's
      return [{ name, ok: false, detail: 'See the log.' }];
    };
  const parts = await Promise.all([
    probeStore().then((): HealthPart[] => [{ name: 'store', ok: true }], failed('store')),
    Promise.resolve().then(health).catch(failed('health')),
  ]);
  return parts.flat();
}

/** Below `/api/v1`. */
export function addInformationRoutes(app: App, options: HttpServerOptions): void {
  app.get(
    '/config/client',
    {
      config: { access: 'public' },
      schema: {
        tags,
        summary: 'What a client has to know before it has a token',
        response: { 200: json(clientConfigSchema, 'Versions, limits and defaults') },
      },
    },
    async (request, reply) => {
      // To every page, for a browser tells a page that is not let in nothing at all: from this answer it learns why.
      void reply.headers({ 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin', vary: 'Origin' });
      return clientConfig(options, request.headers.origin);
    },
  );

  app.get(
    '/models',
    {
      config: { access: 'token' },
      schema: { tags, summary: 'The models that avatars can be driven with', response: { 200: json(modelListSchema, 'The models') } },
    },
    async (request) => {
      permit(request, { do: 'list-models' });
      return { models: options.enrolment.models() };
    },
  );
}

/** Outside of `/api/v1`. */
export function addOperationRoutes(app: App, options: HttpServerOptions): void {
  const { config, enrolment, metrics } = options;
  const probeStore = atMostEvery(PROBE_INTERVAL_MS, () => enrolment.probe());

  app.get(
    '/healthz',
    {
      config: { access: 'public', ...unlimited },
      schema: { tags, summary: 'The process is up', response: { 200: json(z.object({ ok: z.literal(true), version: z.string() }), 'Up') } },
    },
    async () => ({ ok: true as const, version }),
  );

  app.get(
    '/readyz',
    {
      config: { access: 'public', ...unlimited },
      schema: {
        tags,
        summary: 'The server can take calls',
        response: { 200: json(readinessSchema, 'It can'), 503: json(readinessSchema, 'It cannot: see the parts') },
      },
    },
    async (_request, reply) => {
      const parts = await partsOf(options, probeStore);
      const ready = parts.every((part) => part.ok);
      return reply.status(ready ? 200 : 503).send({ ready, parts });
    },
  );

  app.get(
    '/metrics',
    {
      config: { access: config.metrics.requireKey ? 'application' : 'public', ...unlimited },
      schema: {
        tags,
        summary: 'Prometheus metrics',
        response: { 200: { description: 'Text exposition format', content: { 'text/plain': { schema: z.string() } } } },
      },
    },
    async (_request, reply) =>
      reply
        .type(metrics.contentType)
        .serializer(String)
        .send(await metrics.text()),
  );

  app.get(
    OPENAPI_PATH,
    {
      config: { access: 'public' },
      schema: { tags, summary: 'This document', response: { 200: json(z.record(z.string(), z.unknown()), 'OpenAPI 3.1') } },
    },
    async () => app.swagger() as unknown as Record<string, unknown>,
  );
}
