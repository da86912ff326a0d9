/** Where a worker is cached: what it is made of decides the folder's name, so nothing stale is ever used. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Distribution } from '../system-packages.ts';

export const subprojectsFolder = join(dirname(fileURLToPath(import.meta.url)), 'subprojects');

export interface WorkerTraits {
  /** mediasoup's version. */
  version: string;
  system: Pick<Distribution, 'id' | 'version'>;
  arch: string;
  recipe: string;
}

/** e.g. `3.27.1-debian12-x64-0123456789ab`. */
export function cacheKey({ version, system, arch, recipe }: WorkerTraits): string {
  return `${version}-${system.id}${system.version}-${arch}-${recipe}`.replace(/[^\w.+-]/g, '_');
}

/** A short hash of everything that the result of a build depends on and that lies in this repository. */
export async function recipeHash(folder: string = subprojectsFolder, edits: string = ''): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash('sha256').update(edits);
  for (const file of files) hash.update(`\0${relative(folder, file)}\0`).update(await readFile(file));
  return hash.digest('hex').slice(0, 12);
}
