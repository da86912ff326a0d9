/** Portrait files, or those that an avatar was made from → what the model's enrolment takes. The same checks as in a call's enrolment. */
import { basename } from 'node:path';
import { AppError } from '../../client/src/protocol/index.ts';
import type { PortraitFraming } from '../portraits/crop.ts';
import type { FaceFinder } from '../portraits/prepare.ts';
import { preparePortraits } from '../portraits/prepare-all.ts';
import type { PreparedPortrait } from '../portraits/crop.ts';
import { readPicture } from './files/picture-file.ts';

const MAX_PORTRAITS = 8;

/** A file, or a picture that an avatar was made from. */
export type PortraitInput = string | { name: string; bytes: Buffer };

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
export async function loadPortraits(inputs: readonly PortraitInput[], options: LoadPortraitsOptions): Promise<LoadedPortrait[]> {
  if (inputs.length < 1 || inputs.length > MAX_PORTRAITS) throw new AppError('portrait-count', `${inputs.length} portraits were given`);
  const sources = inputs.map((input) =>
    typeof input === 'string' ? { read: () => readPicture(input), label: basename(input) } : { read: () => input.bytes, label: input.name },
  );
  const prepared = await preparePortraits(sources, options);
  return prepared.map(({ portrait, warnings }, index) => ({ file: nameOf(inputs[index]!), portrait, warnings }));
}

const nameOf = (input: PortraitInput): string => (typeof input === 'string' ? input : input.name);
