/**
 * Files by the sha256 of what they hold. A file appears whole or not at all (temporary file, fsync, rename, fsync of the folder), is the
 * same for everybody who puts the same bytes, and is compared with its name when it is read. What refers to it is the database's business.
 */
import { randomBytes } from 'node:crypto';
import { open, mkdir, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder } from '../base/folders.ts';
import { sha256Of } from '../base/large-bytes.ts';

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const shaPattern = /^[0-9a-f]{64}$/;

/** The file is gone, or not what its name says. */
export class ContentLost extends Error {
  readonly sha: string;

  constructor(sha: string, reason: 'missing' | 'damaged', options?: ErrorOptions) {
    super(`Stored file ${sha} is ${reason}.`, options);
    this.name = 'ContentLost';
    this.sha = sha;
  }
}

export class ContentStore {
  readonly #folder: string;
  readonly #temporary: string;

  private constructor(folder: string) {
    this.#folder = join(folder, 'content');
    this.#temporary = join(folder, 'incoming');
  }

  /** One that is there already, to be read: makes no folders. */
  static open(folder: string): ContentStore {
    return new ContentStore(folder);
  }

  static async create(folder: string): Promise<ContentStore> {
    const store = new ContentStore(folder);
    await makeFolder(store.#folder, { mode: FOLDER_MODE });
    await makeFolder(store.#temporary, { mode: FOLDER_MODE });
    return store;
  }

  /** Where the bytes lie; two characters of sharding keep folders small. @throws ContentLost for what is no hash: a record is damaged */
  path(sha: string): string {
    if (!shaPattern.test(sha)) throw new ContentLost(sha, 'damaged');
    return join(this.#folder, sha.slice(0, 2), sha);
  }

  /** @returns the sha256 under which the bytes can be had again. */
  async put(bytes: Uint8Array): Promise<string> {
    const sha = await sha256Of(bytes);
    const path = this.path(sha);
    // Size as a cheap check; a damaged file is found by `read` and replaced by the next put.
    if ((await sizeOf(path)) === bytes.byteLength && (await this.#isSound(sha))) return sha;
    const folder = dirname(await this.place(sha));
    const temporary = join(this.#temporary, `${sha}.${randomBytes(6).toString('hex')}`);
    try {
      await writeSynced(temporary, bytes);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(folder);
    return sha;
  }

  /** @throws ContentLost */
  async read(sha: string): Promise<Buffer> {
    let bytes: Buffer;
    try {
      bytes = await readFile(this.path(sha));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new ContentLost(sha, 'missing', { cause: error });
      throw error;
    }
    if ((await sha256Of(bytes)) !== sha) throw new ContentLost(sha, 'damaged');
    return bytes;
  }

  async remove(sha: string): Promise<void> {
    if (!shaPattern.test(sha)) return;
    const path = this.path(sha);
    await rm(path, { force: true });
    await syncFolder(join(this.#folder, sha.slice(0, 2)));
  }

  /** Every stored file; what has another name than a hash is not ours, and is left alone. */
  async *list(): AsyncGenerator<{ sha: string; path: string }> {
    for (const shard of await readdir(this.#folder, { withFileTypes: true }).catch(none)) {
      if (!shard.isDirectory()) continue;
      for (const name of await readdir(join(this.#folder, shard.name))) {
        if (shaPattern.test(name) && name.startsWith(shard.name)) yield { sha: name, path: join(this.#folder, shard.name, name) };
      }
    }
  }

  /** Removes half-written files, which nobody was ever told of; only while nothing is being put. @returns how many */
  async clearIncoming(): Promise<number> {
    const names = await readdir(this.#temporary);
    await Promise.all(names.map((name) => rm(join(this.#temporary, name), { force: true, recursive: true })));
    return names.length;
  }

  /** Bytes on disk, or null when it is not there. */
  async size(sha: string): Promise<number | null> {
    return shaPattern.test(sha) ? sizeOf(this.path(sha)) : null;
  }

  /** Makes the folder for a file that is moved or linked here. @returns the file's path */
  async place(sha: string): Promise<string> {
    const path = this.path(sha);
    await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE });
    return path;
  }

  /** Writes and removes a small file: a full or read-only disk throws. */
  async probe(): Promise<void> {
    const path = join(this.#temporary, `probe.${randomBytes(6).toString('hex')}`);
    try {
      await writeSynced(path, new Uint8Array(16));
    } finally {
      await rm(path, { force: true });
    }
  }

  async #isSound(sha: string): Promise<boolean> {
    return this.read(sha).then(
      () => true,
      () => false,
    );
  }
}

/** A folder that is not there has nothing in it. */
function none(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

async function sizeOf(path: string): Promise<number | null> {
  return stat(path).then(
    (found) => found.size,
    () => null,
  );
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', FILE_MODE);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A renamed file survives a power cut only once its folder is on the disk as well. */
async function syncFolder(path: string): Promise<void> {
  let folder;
  try {
    folder = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
