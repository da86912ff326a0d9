/** Uploads are counted before they are read: how many are under way, and how many bytes they may put into memory. */
import type { IncomingMessage } from 'node:http';
import { AppError } from '../../client/src/protocol/index.ts';
import type { Config } from '../config/index.ts';
import { Shares } from '../limits/Shares.ts';
import { Upload } from './Upload.ts';

export interface UploadsOptions {
  limits: Config['limits'];
  /** Of all files of one request. */
  maxUploadBytes: number;
  onLimit: (limit: string) => void;
}

/** Who sends, and from where. `user` is null for the API key: it sends for many. */
export interface Uploader {
  user: string | null;
  address: string;
}

/** For the text fields and the parts' headers. */
const FORM_BYTES = 320 * 1024;

/** One thing that is shared, and how it is limited. */
interface Share {
  key: string;
  who: string;
  most: number;
  mostBytes: number;
  limits: readonly [count: string, bytes: string];
}

export class Uploads {
  readonly #options: UploadsOptions;
  readonly #count = new Shares();
  readonly #bytes = new Shares();

  constructor(options: UploadsOptions) {
    this.#options = options;
  }

  /** Uploads under way and the bytes reserved for them, for the metrics. */
  get inProgress(): { count: number; bytes: number } {
    return { count: this.#count.held('all'), bytes: this.#bytes.held('all') };
  }

  /**
   * Takes a place for `work`, which reads the body and uses what was in it. A body of known length is reserved as a whole, another one as
   * it comes. @throws AppError `upload-limit`, `upload-stalled`, `payload-too-large`, and what `work` throws
   */
  async during<T>(request: IncomingMessage, uploader: Uploader, work: (upload: Upload) => Promise<T>): Promise<T> {
    const { limits, maxUploadBytes } = this.#options;
    const known = Number(request.headers['content-length'] ?? 0);
    if (known > maxUploadBytes + FORM_BYTES)
      throw new AppError('payload-too-large', `The form has ${known} bytes; pictures may have ${maxUploadBytes} in all`);
    const shares = this.#sharesOf(uploader);
    this.#takePlace(shares);
    this.#takeBytes(shares, known);
    for (const { key } of shares) this.#count.add(key, 1);
    const upload = new Upload(request, { reserved: known, stallMs: limits.uploadStallMs, take: (bytes) => this.#takeBytes(shares, bytes) });
    try {
      return await work(upload);
    } finally {
      const { reserved } = upload;
      upload.close();
      for (const { key } of shares) {
        this.#count.remove(key, 1);
        this.#bytes.remove(key, reserved);
      }
    }
  }

  #sharesOf({ user, address }: Uploader): Share[] {
    const { limits } = this.#options;
    const shares: Share[] = [
      {
        key: `address ${address}`,
        who: 'One address',
        most: limits.uploadsPerAddress,
        mostBytes: limits.uploadBytesPerAddress,
        limits: ['uploadsPerAddress', 'uploadBytesPerAddress'],
      },
      { key: 'all', who: 'The server', most: limits.uploads, mostBytes: limits.uploadBytes, limits: ['uploads', 'uploadBytes'] },
    ];
    if (user !== null)
      shares.unshift({
        key: `user ${user}`,
        who: 'One user',
        most: limits.uploadsPerUser,
        mostBytes: limits.uploadBytesPerUser,
        limits: ['uploadsPerUser', 'uploadBytesPerUser'],
      });
    return shares;
  }

  #takePlace(shares: readonly Share[]): void {
    const full = shares.find(({ key, most }) => !this.#count.fits(key, 1, most));
    if (!full) return;
    this.#options.onLimit(full.limits[0]);
    throw new AppError('upload-limit', `${full.who} may have ${full.most} uploads under way`);
  }

  /** Reserves `bytes` with every share, or with none. */
  #takeBytes(shares: readonly Share[], bytes: number): void {
    for (const { key, who, mostBytes, limits } of shares) {
      if (this.#bytes.fits(key, bytes, mostBytes)) continue;
      this.#options.onLimit(limits[1]);
      throw new AppError('upload-limit', `${who} may have ${mostBytes} bytes of uploads under way`);
    }
    for (const { key } of shares) this.#bytes.add(key, bytes);
  }
}
