/** Where the store's parts lie below the data folder. */
import { join } from 'node:path';

export function storePaths(dataDir: string): { folder: string; lock: string; database: string; quarantine: string } {
  const folder = join(dataDir, 'store');
  return { folder, lock: join(folder, 'lock.sqlite'), database: join(folder, 'gioconda.sqlite'), quarantine: join(folder, 'quarantine') };
}
