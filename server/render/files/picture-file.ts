import { readFile } from 'node:fs/promises';
import { unreadable } from './FileError.ts';

/** @throws FileError `missing`, `unreadable` */
export async function readPicture(file: string): Promise<Buffer> {
  return readFile(file).catch((error: unknown) => {
    throw unreadable(file, error);
  });
}
