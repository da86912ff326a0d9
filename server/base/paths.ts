/** Folders of the set-up. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
/** Portraits of the sample avatars. */
export const samplesFolder = join(repositoryRoot, 'models/samples');
/** The Face Landmarker model that browsers are given. */
export const trackerModelPath = join(repositoryRoot, 'models/tracker/face_landmarker.task');

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * For what can be made anew and is worth sharing between clones: the built worker, fetched models.
 * `GIOCONDA_CACHE_DIR`, or else the user's cache folder (XDG base directories; macOS has its own).
 */
export function cacheFolder(env: Environment = process.env, platform: string = process.platform): string {
  if (env.GIOCONDA_CACHE_DIR) return resolve(env.GIOCONDA_CACHE_DIR);
  // The specification says that a relative XDG_CACHE_HOME is invalid and to be ignored.
  if (env.XDG_CACHE_HOME?.startsWith('/')) return join(env.XDG_CACHE_HOME, 'gioconda');
  const home = env.HOME ?? homedir();
  return platform === 'darwin' ? join(home, 'Library/Caches/gioconda') : join(home, '.cache/gioconda');
}

/** The folder of an installed npm package, wherever npm hoisted it, or null. */
export function packageFolder(name: string, from: string = repositoryRoot): string | null {
  const folders = createRequire(join(from, 'package.json')).resolve.paths(name) ?? [];
  return folders.map((folder) => join(folder, name)).find((candidate) => existsSync(join(candidate, 'package.json'))) ?? null;
}

export async function packageVersion(name: string): Promise<string | null> {
  const folder = packageFolder(name);
  if (!folder) return null;
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version?: string };
  return manifest.version ?? null;
}
