/** The page and the tracker's files: a fixed list, so that no address can lead anywhere else. */
import { basename, dirname } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { StaticAsset } from '../ports.ts';
import type { App } from '../types.ts';

const YEAR_SECONDS = 365 * 24 * 3600;

const forAll = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };

/** GET and HEAD with ETag, ranges and conditional requests. */
export async function addAssetRoutes(app: App, assets: ReadonlyMap<string, StaticAsset>): Promise<void> {
  await app.register(fastifyStatic, { root: import.meta.dirname, serve: false });
  for (const [path, { file, contentType, immutable, anyOrigin = false }] of assets) {
    const cacheControl = immutable ? `public, max-age=${YEAR_SECONDS}, immutable` : 'no-cache';
    app.get(path, { config: { access: 'public', rateLimit: false, metricsLabel: 'asset' }, schema: { hide: true } }, (_request, reply) => {
      void reply.headers({ 'content-type': contentType, 'cache-control': cacheControl, ...(anyOrigin && forAll) });
      return reply.sendFile(basename(file), dirname(file), { cacheControl: false, contentType: false, dotfiles: 'allow' });
    });
  }
}
