/** The richer data beside a developer's checkout; tests use it where it is and pass where it is not. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../shared/data/', import.meta.url));

/** The path of a file or folder below ../shared/data, or null. */
export function sharedData(name: string): string | null {
  return existsSync(root + name) ? root + name : null;
}
