/** Portrait files → what the model's enrolment takes. The same checks as in a call's enrolment. */
import { basename } from 'node:path';
import { AppError } from '../../client/src/protocol/index.ts';
import { PortraitError } from '../enrolment/PortraitError.ts';
import type { PortraitFraming } from '../enrolment/portrait-crop.ts';
import { preparePortrait, type FaceFinder } from '../enrolment/portrait-prepare.ts';
import type { PreparedPortrait } from '../synthesis/types.ts';
import { readPicture } from './picture-file.ts';

const MAX_PORTRAITS = 8;
/** One of several portraits may well show an open mouth or closed eyes: the others show the rest. */
const harmlessAmongOthers: ReadonlySet<string> = new Set(['eyes-closed', 'mouth-open', 'turned']);

export interface LoadedPortrait {
  file: string;
  portrait: PreparedPortrait;
  warnings: { code: string; message: string }[];
}

export interface LoadPortraitsOptions {
  landmarker: FaceFinder;
  /** Side of the model's picture. */
  size: number;
  crop: PortraitFraming;
}

/** @throws AppError `portrait-count`; PortraitError, its message beginning with the file's name; FileError `missing`, `unreadable` */
export async function loadPortraits(files: readonly string[], options: LoadPortraitsOptions): Promise<LoadedPortrait[]> {
  if (files.length < 1 || files.length > MAX_PORTRAITS) throw new AppError('portrait-count', `${files.length} portraits were given`);
  const loaded: LoadedPortrait[] = [];
  for (const [index, file] of files.entries()) {
    const { portrait, warnings } = await about(file, index, async () => preparePortrait(await readPicture(file), options));
    loaded.push({ file, portrait, warnings: warnings.filter(({ code }) => files.length === 1 || !harmlessAmongOthers.has(code)) });
  }
  return loaded;
}

async function about<T>(file: string, index: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const refusal = new PortraitError(error.code, index, undefined, { cause: error });
    refusal.message = `${basename(file)}: ${error.message}`;
    throw refusal;
  }
}
