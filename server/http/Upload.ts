/** One body on its way in: counts what comes beyond the reservation, and gives up when nothing comes. */
import type { IncomingMessage } from 'node:http';
import { AppError } from '../../client/src/protocol/index.ts';

export interface UploadOptions {
  /** Bytes that are reserved already. */
  reserved: number;
  /** The longest silence. */
  stallMs: number;
  /** Reserves more. @throws AppError `upload-limit` */
  take: (bytes: number) => void;
}

export class Upload {
  readonly #request: IncomingMessage;
  readonly #options: UploadOptions;
  readonly #failed = Promise.withResolvers<never>();
  #timer: NodeJS.Timeout;
  #received = 0;
  #reserved: number;

  constructor(request: IncomingMessage, options: UploadOptions) {
    this.#request = request;
    this.#options = options;
    this.#reserved = options.reserved;
    this.#failed.promise.catch(() => undefined);
    this.#timer = setTimeout(() => this.#stalled(), options.stallMs);
  }

  get reserved(): number {
    return this.#reserved;
  }

  /** Settles as `reading` does, or fails as soon as the upload has to be given up. @throws AppError `upload-stalled`, `upload-limit` */
  async read<T>(reading: Promise<T>): Promise<T> {
    const count = (chunk: Buffer): void => this.#arrived(chunk.byteLength);
    this.#request.on('data', count);
    reading.catch(() => undefined); // one that is given up may fail later, unheard
    try {
      return await Promise.race([reading, this.#failed.promise]);
    } finally {
      this.#request.off('data', count);
      clearTimeout(this.#timer);
    }
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #arrived(bytes: number): void {
    this.#timer.refresh();
    this.#received += bytes;
    const more = this.#received - this.#reserved;
    if (more <= 0) return;
    try {
      this.#options.take(more);
      this.#reserved += more;
    } catch (error) {
      this.#giveUp(error as AppError);
    }
  }

  #stalled(): void {
    this.#giveUp(new AppError('upload-stalled', `Nothing came for ${this.#options.stallMs / 1000} s`));
  }

  /** What the parser holds is let go; the rest of the body is not kept. */
  #giveUp(error: AppError): void {
    this.#request.unpipe();
    this.#request.resume();
    this.#failed.reject(error);
  }
}
