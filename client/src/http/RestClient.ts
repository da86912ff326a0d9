/// <reference lib="dom" preserve="true" />
import { AppError, errorBodySchema } from '../protocol/index.ts';
import type { ErrorCode } from '../protocol/index.ts';
import { Attempt } from './Attempt.ts';
import type { AttemptOptions } from './Attempt.ts';
import { explainUnreachable } from './origin.ts';
import { postForm } from './post-form.ts';
import { serverOrigin } from './server-address.ts';
import { TokenSource } from './TokenSource.ts';
import type { TokenFunction } from './TokenSource.ts';

export interface RestClientOptions {
  /** The server's origin. */
  url: string;
  /** Bearer token for every request, or how to get one; null sends none. */
  token: string | TokenFunction | TokenSource | null;
  /** Instead of the platform's, for tests. */
  fetch?: ((url: string, init?: RequestInit) => Promise<Response>) | undefined;
}

export type { AttemptOptions as RequestOptions } from './Attempt.ts';

interface Schema<T> {
  parse(value: unknown): T;
}

export interface UploadOptions<T> extends AttemptOptions {
  schema: Schema<T>;
  /** Upload progress 0..1, where the platform can tell it. */
  onProgress?: ((fraction: number) => void) | undefined;
}

/** A refusal that is about one of several portraits. */
export class PortraitRefusal extends AppError {
  /** Counted from 0, in the order they were sent. */
  readonly portrait: number;

  constructor(error: AppError, portrait: number) {
    super(error.code, undefined, { cause: error });
    this.message = error.message;
    this.name = 'PortraitRefusal';
    this.portrait = portrait;
  }
}

const TIMEOUT_MS = 30_000;
/** Portraits over a slow line, then the server's own work. Where progress can be told, without any progress. */
const UPLOAD_TIMEOUT_MS = 180_000;

interface Request {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  body?: object | FormData | null;
}

/** What came back, read to its end. */
export interface RawAnswer {
  status: number;
  /** Parsed JSON, a Blob where one was asked for, or null where it is neither. */
  body: unknown;
}

/** Sends one request with one token. */
type Send = (token: string | null, attempt: Attempt) => Promise<RawAnswer>;

/** The HTTP API under `/api/v1`: JSON in and out, every failure an AppError. */
export class RestClient {
  readonly #url: string;
  readonly #tokens: TokenSource | null;
  readonly #ownFetch: RestClientOptions['fetch'];

  /** @throws AppError `bad-request` for an address that is none. */
  constructor({ url, token, fetch: ownFetch }: RestClientOptions) {
    this.#ownFetch = ownFetch;
    this.#url = serverOrigin(url);
    this.#tokens = token === null ? null : TokenSource.of(token);
  }

  async get<T>(path: string, schema: Schema<T>, options: AttemptOptions = {}): Promise<T> {
    return this.#json({ method: 'GET', path }, schema, options);
  }

  async getBlob(path: string, options: AttemptOptions = {}): Promise<Blob> {
    const request = { method: 'GET', path } as const;
    return (await this.#exchange((token, attempt) => this.#fetch(request, token, attempt, 'blob'), options)) as Blob;
  }

  async post<T>(path: string, body: object | FormData | null, schema: Schema<T>, options: AttemptOptions = {}): Promise<T> {
    return this.#json({ method: 'POST', path, body }, schema, options);
  }

  async delete(path: string, options: AttemptOptions = {}): Promise<void> {
    await this.#exchange((token, attempt) => this.#fetch({ method: 'DELETE', path }, token, attempt, 'json'), options);
  }

  /** A form with files. */
  async upload<T>(
    path: string,
    form: FormData,
    { schema, onProgress, signal, timeoutMs = UPLOAD_TIMEOUT_MS }: UploadOptions<T>,
  ): Promise<T> {
    const request = { method: 'POST', path, body: form } as const;
    if (!onProgress || this.#ownFetch || typeof XMLHttpRequest === 'undefined') return this.#json(request, schema, { signal, timeoutMs });
    const send: Send = (token, attempt) => postForm({ url: this.#address(path), token, form, onProgress, attempt });
    return understood(request, schema, await this.#exchange(send, { signal, timeoutMs }));
  }

  #address(path: string): string {
    return new URL(`/api/v1${path}`, this.#url).href;
  }

  async #json<T>(request: Request, schema: Schema<T>, options: AttemptOptions): Promise<T> {
    const body = await this.#exchange((token, attempt) => this.#fetch(request, token, attempt, 'json'), options);
    return understood(request, schema, body);
  }

  /** One request, and once more where the token has expired and another can be had. Gives the body of a success. */
  #exchange(send: Send, { signal, timeoutMs = TIMEOUT_MS }: AttemptOptions): Promise<unknown> {
    return new Attempt({ signal, timeoutMs }).run(async (attempt) => {
      const token = (await this.#tokens?.get()) ?? null;
      let answer = await this.#send(send, token, attempt);
      if (token !== null && this.#tokens?.renewable && answer.status === 401)
        answer = await this.#send(send, await this.#tokens.replace(token), attempt);
      if (answer.status < 200 || answer.status >= 300) throw errorOf(answer.status, answer.body);
      return answer.body;
    });
  }

  async #send(send: Send, token: string | null, attempt: Attempt): Promise<RawAnswer> {
    try {
      return await send(token, attempt);
    } catch (cause) {
      if (cause instanceof AppError || attempt.signal.aborted) throw cause;
      throw await explainUnreachable(this.#url, cause, attempt.signal);
    }
  }

  async #fetch({ method, path, body }: Request, token: string | null, attempt: Attempt, kind: 'json' | 'blob'): Promise<RawAnswer> {
    const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
    const isForm = typeof FormData !== 'undefined' && body instanceof FormData;
    if (body && !isForm) headers['content-type'] = 'application/json';
    const response = await (this.#ownFetch ?? fetch)(this.#address(path), {
      method,
      headers,
      signal: attempt.signal,
      ...(body && { body: isForm ? body : JSON.stringify(body) }),
    });
    if (response.ok && kind === 'blob') return { status: response.status, body: await response.blob() };
    return { status: response.status, body: parsed(await response.text()) };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // A page of a proxy, or no body: what is made of it depends on the status.
    return null;
  }
}

/** @throws AppError `protocol-version` for an answer that is not as agreed: another version, or no Gioconda server at all. */
function understood<T>({ method, path }: Request, schema: Schema<T>, body: unknown): T {
  try {
    return schema.parse(body);
  } catch (cause) {
    throw new AppError('protocol-version', `The answer to ${method} ${path} is not understood; is this the address of a Gioconda server?`, {
      cause,
    });
  }
}

/** `body`: the parsed JSON of an answer that is no success, or null. */
export function errorOf(status: number, body: unknown): AppError {
  const parsed = errorBodySchema.safeParse(body);
  if (parsed.success) {
    const { portrait, ...wire } = parsed.data.error;
    const error = AppError.fromWire(wire);
    return portrait === undefined ? error : new PortraitRefusal(error, portrait);
  }
  // A proxy in between answered, or a server that is another version.
  const byStatus: Record<number, ErrorCode> = {
    401: 'token-invalid',
    403: 'forbidden',
    404: 'not-found',
    413: 'payload-too-large',
    429: 'rate-limited',
  };
  return new AppError(byStatus[status] ?? (status >= 500 ? 'server-unreachable' : 'bad-request'));
}
