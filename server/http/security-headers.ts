/** What browsers are told to allow our pages, and nothing more. */
import type { App } from './types.ts';

interface PolicyOptions {
  /** The offline tracker's glue code makes functions from text, in a worker of its own. */
  unsafeEval: boolean;
}

/** wasm for the tracker, blob workers for what bundlers make, and otherwise only what we serve ourselves. */
function contentSecurityPolicy({ unsafeEval }: PolicyOptions): string {
  const directives = {
    'default-src': ["'self'"],
    'script-src': ["'self'", "'wasm-unsafe-eval'", 'blob:', ...(unsafeEval ? ["'unsafe-eval'"] : [])],
    'worker-src': ["'self'", 'blob:'],
    // Older Safari does not count a WebSocket to the same host as 'self'.
    'connect-src': ["'self'", 'ws:', 'wss:', 'blob:', 'data:'],
    'img-src': ["'self'", 'blob:', 'data:'],
    'media-src': ["'self'", 'blob:', 'mediastream:'],
    'style-src': ["'self'"],
    'object-src': ["'none'"],
    'base-uri': ["'none'"],
    'form-action': ["'none'"],
    'frame-ancestors': ["'self'"],
  };
  return Object.entries(directives)
    .map(([name, sources]) => `${name} ${sources.join(' ')}`)
    .join('; ');
}

const strictPolicy = contentSecurityPolicy({ unsafeEval: false });

/** A worker has the policy of its own script's response: only this one script gets the wider one. */
export function policyFor(path: string): string {
  return path.startsWith('/assets/face-mesh-worker') ? contentSecurityPolicy({ unsafeEval: true }) : strictPolicy;
}

export function addSecurityHeaders(app: App, { https, crossOrigin }: { https: boolean; crossOrigin: boolean }): void {
  app.addHook('onRequest', async (_request, reply) => {
    void reply.headers({
      'content-security-policy': strictPolicy,
      'permissions-policy': 'camera=(self), microphone=(self), display-capture=(), geolocation=()',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': crossOrigin ? 'cross-origin' : 'same-origin',
      ...(https && { 'strict-transport-security': 'max-age=31536000' }),
    });
  });
}
