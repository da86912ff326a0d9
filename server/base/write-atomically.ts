/** A file is whole or absent, and its old content stays until the new one is complete. */
import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';

/** Writes a file at the path it is given, which is in the folder of the target (a rename is atomic in one file system only). */
export type FileWriter = (temporary: string) => Promise<unknown>;

/**
 * Writes beside `path` and renames, so that another process, a crash or a full disk never leaves half a file there.
 * @param content bytes, text, or a function that makes the file
 * @throws what writing throws; then nothing is left behind and `path` is as it was
 */
export async function writeAtomically(
  path: string,
  content: Uint8Array | string | FileWriter,
  { mode = 0o666 }: { mode?: number } = {},
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    // Flushed before the rename: after a power cut some file systems keep the name and lose the content.
    await (typeof content === 'function' ? content(temporary) : writeFile(temporary, content, { mode, flush: true }));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
