/** The folder for what can be made anew. */
import { access, constants } from 'node:fs/promises';
import { fileTrouble, makeFolder } from '../base/folders.ts';
import { SetupError } from './SetupError.ts';

/** Makes it if need be. One that can only be read will do for a start where everything is there. @throws SetupError */
export async function requireCacheFolder(cacheDir: string): Promise<void> {
  try {
    await makeFolder(cacheDir);
    await access(cacheDir, constants.R_OK);
  } catch (error) {
    const trouble = fileTrouble(error);
    if (trouble === null) throw error;
    throw new SetupError(`The cache folder cannot be used: ${trouble}.`, {
      fix: 'name another one: `cacheDir`, GIOCONDA_CACHE_DIR',
      cause: error,
    });
  }
}
