/// <reference lib="dom" />
import { AppError, errorBodySchema } from '../protocol/index.ts';
import type { ErrorCode } from '../protocol/index.ts';

export interface RestClientOptions {
  /** The server's origin. */
  url: string;
  /** Bearer token for every request; null sends none. */
  getToken: () => Promise<string | null> | string | null;
}

interface Schema<T> {
  parse(value: unknown): T;
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

/** The HTTP API under `/api/v1`: JSON in and out, every failure an AppError. */
export class RestClient {
  readonly #options: RestClientOptions;

  constructor(options: RestClientOptions) {
    this.#options = options;
  }

  async get<T>(path: string, schema: Schema<T>): Promise<T> {
    return schema.parse(await (await this.#send('GET', path)).json());
  }

  async getBlob(path: string): Promise<Blob> {
    return (await this.#send('GET', path)).blob();
  }

  async post<T>(path: string, body: object | FormData | null, schema: Schema<T>): Promise<T> {
    return schema.parse(await (await this.#send('POST', path, body)).json());
  }

  async delete(path: string): Promise<void> {
    await this.#send('DELETE', path);
  }

  /** A form with upload progress 0..1, where the platform can tell it. */
  async upload<T>(
    path: string,
    form: FormData,
    options: { schema: Schema<T>; onProgress?: ((fraction: number) => void) | undefined },
  ): Promise<T> {
    const { schema, onProgress } = options;
    if (!onProgress || typeof XMLHttpRequest === 'undefined') return this.post(path, form, schema);
    const { status, body } = await exchangeWithProgress({ url: this.#url(path), token: await this.#options.getToken(), form, onProgress });
    if (status < 200 || status >= 300) throw errorOf(status, body);
    return schema.parse(body);
  }

  #url(path: string): string {
    return new URL(`/api/v1${path}`, this.#options.url).href;
  }

  async #send(method: string, path: string, body?: object | FormData | null): Promise<Response> {
    const token = await this.#options.getToken();
    const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
    const isForm = typeof FormData !== 'undefined' && body instanceof FormData;
    if (body && !isForm) headers['content-type'] = 'application/json';
    const response = await fetch(this.#url(path), { method, headers, ...(body && { body: isForm ? body : JSON.stringify(body) }) }).catch(
      (cause: unknown) => {
        throw new AppError('server-unreachable', undefined, { cause });
      },
    );
    if (response.ok) return response;
    throw errorOf(response.status, await response.json().catch(() => null));
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

interface UploadExchange {
  url: string;
  token: string | null;
  form: FormData;
  onProgress: (fraction: number) => void;
}

function exchangeWithProgress({ url, token, form, onProgress }: UploadExchange): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', url);
    request.responseType = 'json';
    if (token) request.setRequestHeader('authorization', `Bearer ${token}`);
    request.upload.onprogress = ({ loaded, total, lengthComputable }) => {
      if (lengthComputable) onProgress(loaded / total);
    };
    request.onload = () => resolve({ status: request.status, body: request.response as unknown });
    request.onerror = () => reject(new AppError('server-unreachable'));
    request.send(form);
  });
}
