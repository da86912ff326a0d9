/// <reference lib="dom" preserve="true" />
/** What a page of another origin may learn of why a request failed: browsers tell scripts nothing of a refusal by CORS. */
import * as z from 'zod/mini';
import { AppError, clientConfigSchema } from '../protocol/index.ts';

/** The page's origin where it is another one than the server's; null outside of a browser. */
export function foreignOrigin(serverUrl: string): string | null {
  const own = typeof location === 'undefined' ? undefined : location.origin;
  return own === undefined || own === serverUrl ? null : own;
}

export function originRefused(origin: string, cause?: unknown): AppError {
  return new AppError('origin-refused', `The server does not let pages of ${origin} call it`, { cause });
}

const answerSchema = z.pick(clientConfigSchema, { protocol: true, originAllowed: true });

/**
 * A request got no answer: because of the network, or because of CORS. `GET /config/client` is answered to pages of any origin, so
 * where that comes through and says no, it was CORS.
 */
export async function explainUnreachable(serverUrl: string, cause: unknown, signal: AbortSignal): Promise<AppError> {
  const origin = foreignOrigin(serverUrl);
  if (origin === null) return new AppError('server-unreachable', undefined, { cause });
  const answer = await fetch(`${serverUrl}/api/v1/config/client`, { signal })
    .then(async (response) => answerSchema.safeParse(await response.json()))
    .catch(() => null);
  if (answer?.success && answer.data.originAllowed === false) return originRefused(origin, cause);
  const detail = `No answer from ${serverUrl} to a page of ${origin}; a proxy in between may refuse other origins`;
  return new AppError('server-unreachable', detail, { cause });
}
