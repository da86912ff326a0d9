/// <reference lib="dom" preserve="true" />
/** One request to the HTTP API, its path, body and answer typed by the OpenAPI document. */
import type { paths } from './api.ts';
import { ApiError } from './ApiError.ts';
import type { ErrorCode } from './ApiError.ts';

export type Method = 'get' | 'post' | 'delete';

/** What a success brings: JSON, else nothing. */
export type AnswerOf<P extends keyof paths, M extends Method> = paths[P][M] extends { responses: infer R }
  ? { [S in keyof R & (200 | 201)]: R[S] extends { content: { 'application/json': infer Body } } ? Body : unknown }[keyof R & (200 | 201)]
  : never;

type Given<T, K extends string> = T extends { parameters: Record<K, infer V> } ? V : undefined;
type JsonBody<T> = T extends { requestBody?: { content: { 'application/json': infer Body } } } ? Body : undefined;

/** What the request needs: its path's parameters and so on, as the document names them. */
export interface RequestParts<P extends keyof paths, M extends Method> {
  path?: Given<paths[P][M], 'path'>;
  query?: Record<string, string>;
  json?: JsonBody<paths[P][M]>;
  form?: FormData;
}

export interface Connection {
  origin: string;
  apiKey: string;
  /** 0: none. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/** The answer as it came, if it is a success. @throws ApiError */
export async function send<P extends keyof paths, M extends Method>(
  { origin, apiKey, timeoutMs, signal }: Connection,
  method: M,
  pattern: P,
  { path, query, json, form }: RequestParts<P, M>,
): Promise<Response> {
  const filled = pattern.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent((path as Record<string, string>)[name] ?? ''));
  const url = new URL(filled, origin);
  for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
  const timeout = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, {
    method: method.toUpperCase(),
    headers: { authorization: `Bearer ${apiKey}`, ...(json !== undefined && { 'content-type': 'application/json' }) },
    body: form ?? (json === undefined ? null : JSON.stringify(json)),
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  }).catch((cause: unknown) => {
    throw unanswered(cause, { aborted: signal?.aborted ?? false, late: timeout.aborted });
  });
  if (response.ok) return response;
  throw refused(response.status, await response.json().catch(() => null));
}

/** The same, as JSON. @throws ApiError */
export async function ask<P extends keyof paths, M extends Method>(
  connection: Connection,
  method: M,
  pattern: P,
  parts: RequestParts<P, M> = {},
): Promise<AnswerOf<P, M>> {
  const response = await send(connection, method, pattern, parts);
  try {
    return (await response.json()) as AnswerOf<P, M>;
  } catch (cause) {
    const message = `The answer to ${method.toUpperCase()} ${pattern} is not JSON; is this the address of a Gioconda server?`;
    throw new ApiError({ code: 'protocol-version', message, retryable: false }, { status: response.status, cause });
  }
}

function unanswered(cause: unknown, { aborted, late }: { aborted: boolean; late: boolean }): ApiError {
  if (aborted)
    return new ApiError({ code: 'aborted', message: 'The request was given up by its AbortSignal.', retryable: false }, { cause });
  if (late) return new ApiError({ code: 'deadline', message: 'The server took too long; try again.', retryable: true }, { cause });
  const message = 'The server does not answer: check its address and the network.';
  return new ApiError({ code: 'server-unreachable', message, retryable: true }, { cause });
}

/** `body`: as the server sends it, or whatever a proxy in between has sent. */
function refused(status: number, body: unknown): ApiError {
  const error = (body as { error?: { code?: unknown; message?: unknown; retryable?: unknown; portrait?: unknown } } | null)?.error;
  if (typeof error?.code === 'string' && typeof error.message === 'string') {
    const portrait = typeof error.portrait === 'number' ? error.portrait : undefined;
    return new ApiError(
      { code: error.code as ErrorCode, message: error.message, retryable: error.retryable === true, portrait },
      { status },
    );
  }
  const code: ErrorCode = status >= 500 ? 'server-unreachable' : 'bad-request';
  const message = `Something else than Gioconda answered with the status ${status}.`;
  return new ApiError({ code, message, retryable: status >= 500 }, { status });
}
