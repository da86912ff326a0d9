/** Which pages of other origins may call the API (CORS). */
import type { Config } from '../config/index.ts';

/** A developer's own page, served by another program of this machine. */
const LOCAL_ORIGIN = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

/** The configured ones, and in development mode those of this machine. `*` stands for all. */
export function allowedOrigins({ http, auth }: Pick<Config, 'http' | 'auth'>): (string | RegExp)[] {
  return [...http.corsOrigins, ...(auth.apiKey === null ? [LOCAL_ORIGIN] : [])];
}

/** `origin`: the header's value; undefined where the page's own server is asked. */
export function isOriginAllowed(origin: string | undefined, config: Pick<Config, 'http' | 'auth'>): boolean {
  if (origin === undefined) return true;
  return allowedOrigins(config).some((allowed) =>
    typeof allowed === 'string' ? allowed === '*' || allowed === origin : allowed.test(origin),
  );
}
