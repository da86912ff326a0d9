/** For the page before it has a token, and for whoever runs the server. */
import { z } from 'zod';
import { PROTOCOL_VERSION, clientConfigSchema, modelListSchema, readinessSchema, type ClientConfig } from '../../../client/src/protocol/index.ts';
import { permit } from '../access.ts';
import { OPENAPI_PATH } from '../openapi.ts';
import type { HealthPart, HttpServerOptions } from '../ports.ts';
import type { App } from '../types.ts';
import { version } from '../version.ts';

const tags = ['operation'];
/** Orchestrators ask often, and from one address. */
const unlimited = { rateLimit: false as const };

function clientConfig({ config }: HttpServerOptions): ClientConfig {
  const { enrolment, rooms, synthesis, video } = config;
  return {
    version,
    protocol: PROTOCOL_VERSION,
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

async function partsOf({ health, log }: HttpServerOptions): Promise<HealthPart[]> {
  try {
    return await health();
  } catch (error) {
    log.error({ err: error }, 'health check failed');
    return [{ name: 'health', ok: false, detail: 'The check itself failed; see the log.' }];
  }
}

/** Below `/api/v1`. */
export function addInformationRoutes(app: App, options: HttpServerOptions): void {
  app.get('/config/client', {
    config: { access: 'public' },
    schema: { tags, summary: 'What a client has to know before it has a token', response: { 200: clientConfigSchema } },
  }, async () => clientConfig(options));

  app.get('/models', {
    config: { access: 'token' },
    schema: { tags, summary: 'The models that avatars can be driven with', response: { 200: modelListSchema } },
  }, async (request) => {
    permit(request, { do: 'list-models' });
    return { models: options.enrolment.models() };
  });
}

/** Outside of `/api/v1`. */
export function addOperationRoutes(app: App, options: HttpServerOptions): void {
  const { config, metrics } = options;

  app.get('/healthz', {
    config: { access: 'public', ...unlimited },
    schema: { tags, summary: 'The process is up', response: { 200: z.object({ ok: z.literal(true), version: z.string() }) } },
  }, async () => ({ ok: true as const, version }));

  app.get('/readyz', {
    config: { access: 'public', ...unlimited },
    schema: { tags, summary: 'The server can take calls', response: { 200: readinessSchema.describe('It can'), 503: readinessSchema.describe('It cannot: see the parts') } },
  }, async (_request, reply) => {
    const parts = await partsOf(options);
    const ready = parts.every((part) => part.ok);
    return reply.status(ready ? 200 : 503).send({ ready, parts });
  });

  app.get('/metrics', {
    config: { access: config.metrics.requireKey ? 'application' : 'public', ...unlimited },
    schema: { tags, summary: 'Prometheus metrics', response: { 200: { description: 'Text exposition format', content: { 'text/plain': { schema: z.string() } } } } },
  }, async (_request, reply) => reply.type(metrics.contentType).serializer(String).send(await metrics.text()));

  app.get(OPENAPI_PATH, {
    config: { access: 'public' },
    schema: { tags, summary: 'This document', response: { 200: z.record(z.string(), z.unknown()).describe('OpenAPI 3.1') } },
  }, async () => app.swagger() as unknown as Record<string, unknown>);
}
