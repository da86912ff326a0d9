/** Fetches one file, once, and trusts it only by its hash. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeAtomically } from '../base/write-atomically.ts';
import { SetupError } from './SetupError.ts';

export interface PinnedFile {
  url: string;
  bytes: number;
  /** Lower-case hexadecimal. */
  sha256: string;
}

export interface DownloadOptions {
  /** For the answer's first byte, and then for each further piece. */
  idleMs?: number;
  onProgress?: (fraction: number) => void;
  fetch?: typeof fetch;
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** True when the file is there with the right size; with `thorough` also by hash. */
export async function isIntact(path: string, file: Omit<PinnedFile, 'url'>, thorough: boolean): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile() || found.size !== file.bytes) return false;
  return !thorough || (await sha256Of(path)) === file.sha256;
}

/**
 * Downloads beside `path` and renames only what has the right hash, so that a broken connection, a full disk or a wrong
 * file never leaves anything under the real name.
 * @throws SetupError with the reason.
 */
export async function download(file: PinnedFile, path: string, options: DownloadOptions = {}): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  try {
    await writeAtomically(path, async (partial) => {
      const sha256 = await receive(file, partial, options);
      if (sha256 !== file.sha256)
        throw new SetupError(
          `${file.url}: not the file we know (sha256 ${sha256.slice(0, 12)}…, expected ${file.sha256.slice(0, 12)}…); not used`,
        );
    });
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(`${file.url}: ${reasonOf(error)}`, { cause: error });
  }
}

async function receive(file: PinnedFile, partial: string, options: DownloadOptions): Promise<string> {
  const { idleMs = 5000, onProgress, fetch: get = fetch } = options;
  const watchdog = new AbortController();
  const timer = setTimeout(() => watchdog.abort(new SetupError(`${file.url}: no answer for ${idleMs / 1000} s`)), idleMs);
  try {
    const response = await get(file.url, { signal: watchdog.signal });
    if (!response.ok || !response.body) throw new SetupError(`${file.url}: the server answered ${response.status}`);
    const hash = createHash('sha256');
    const handle = await open(partial, 'wx');
    let received = 0;
    try {
      for await (const chunk of response.body) {
        timer.refresh();
        received += chunk.byteLength;
        if (received > file.bytes) throw new SetupError(`${file.url}: longer than the ${file.bytes} bytes expected; not used`);
        hash.update(chunk);
        await handle.writeFile(chunk);
        onProgress?.(received / file.bytes);
      }
    } finally {
      await handle.close();
    }
    if (received < file.bytes) throw new SetupError(`${file.url}: ended after ${received} of ${file.bytes} bytes`);
    return hash.digest('hex');
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message} (${cause.message})` : message;
}
