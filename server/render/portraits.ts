/** Portrait files → what the model's enrolment takes. The same checks as in a call's enrolment. */
import { basename } from 'node:path';
import { AppError } from '../../client/src/protocol/index.ts';
import type { PortraitFraming } from '../portraits/crop.ts';
import type { FaceFinder } from '../portraits/prepare.ts';
import { preparePortraits } from '../portraits/prepare-all.ts';
import type { PreparedPortrait } from '../portraits/crop.ts';
import { readPicture } from './files/picture-file.ts';

const MAX_PORTRAITS = 8;
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
  const prepared = await preparePortraits(
    files.map((file) => ({ read: () => readPicture(file), label: basename(file) })),
    options,
  );
  return prepared.map(({ portrait, warnings }, index) => ({ file: files[index]!, portrait, warnings }));
}
