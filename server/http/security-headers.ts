/** What browsers are told to allow our pages, and nothing more. */
import type { App } from './types.ts';

interface PolicyOptions {
  /** Host and port that the page was loaded from; null if the request named none that could be one. */
  host: string | null;
  frameAncestors: readonly string[];
}

/** wasm for the tracker, blob workers for what bundlers make, and otherwise only what we serve ourselves. */
function contentSecurityPolicy({ host, frameAncestors }: PolicyOptions): string {
  const directives = {
    'default-src': ["'self'"],
    'script-src': ["'self'", "'wasm-unsafe-eval'", 'blob:'],
    'worker-src': ["'self'", 'blob:'],
    // Older Safari does not count a WebSocket to the same host as 'self'.
    'connect-src': ["'self'", ...(host ? [`ws://${host}`, `wss://${host}`] : []), 'blob:', 'data:'],
    'img-src': ["'self'", 'blob:', 'data:'],
    'media-src': ["'self'", 'blob:', 'mediastream:'],
    'style-src': ["'self'"],
    'object-src': ["'none'"],
    'base-uri': ["'none'"],
    'form-action': ["'none'"],
    'frame-ancestors': frameAncestors.length > 0 ? [...frameAncestors] : ["'none'"],
  };
  return Object.entries(directives)
    .map(([name, sources]) => `${name} ${sources.join(' ')}`)
    .join('; ');
}

/** A name or an address, with or without a port: nothing that could add to a header. */
const HOST = /^([\w.-]{1,253}|\[[\da-f:.]{2,45}\])(:\d{1,5})?$/i;

export interface HeaderOptions {
  https: boolean;
  crossOrigin: boolean;
  /** Where a proxy may pass on another `Host`. */
  publicUrl: string | null;
  frameAncestors: readonly string[];
}

export function addSecurityHeaders(app: App, { https, crossOrigin, publicUrl, frameAncestors }: HeaderOptions): void {
  const publicHost = publicUrl === null ? null : new URL(publicUrl).host;
  app.addHook('onRequest', async (request, reply) => {
    const host = publicHost ?? (HOST.test(request.host) ? request.host : null);
    void reply.headers({
      'content-security-policy': contentSecurityPolicy({ host, frameAncestors }),
      'permissions-policy': 'camera=(self), microphone=(self), display-capture=(), geolocation=()',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': crossOrigin ? 'cross-origin' : 'same-origin',
      ...(https && { 'strict-transport-security': 'max-age=31536000' }),
    });
  });
}
