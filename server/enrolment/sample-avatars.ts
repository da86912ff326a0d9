/** The avatars that are there at the first start, so that a newcomer needs no picture of anybody. Their portraits lie in `models/samples`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SAMPLES_USER } from '../auth/scopes.ts';
import type { Logger } from '../base/log.ts';
import type { Enrolment } from './enrolment.ts';

interface Sample {
  file: string;
  name: string;
  /** Whom the picture shows, and why nobody has to be asked. */
  subject: string;
  statement: string;
}

const samples: readonly Sample[] = [
  {
    file: 'mona-lisa.jpg',
    name: 'Mona Lisa',
    subject: 'Leonardo da Vinci, Mona Lisa (about 1503 to 1506)',
    statement: 'The painting is in the public domain; nobody has to agree.',
  },
  {
    file: 'statue.jpg',
    name: 'Marble statue',
    subject: 'A statue rendered for this project',
    statement: 'The statue shows no real person; nobody has to agree.',
  },
  {
    file: 'ines.jpg',
    name: 'Ines',
    subject: 'A person rendered for this project',
    statement: 'The rendered person does not exist; nobody has to agree.',
  },
];

export interface SampleOptions {
  enrolment: Pick<Enrolment, 'create' | 'delete' | 'samples' | 'weights'>;
  /** Holds the portraits. */
  folder: string;
  log: Logger;
  /** The server closes: what fails from then on is not reported. */
  signal: AbortSignal;
}

/** Enrols what is missing, one after the other, and removes samples of an earlier version or another model. Logs what fails: calls work without samples. */
export async function ensureSamples({ enrolment, folder, log, signal }: SampleOptions): Promise<void> {
  try {
    const current = new Set<string>();
    for (const sample of samples) current.add(await enrol(sample, enrolment, folder));
    for (const { id } of enrolment.samples()) if (!current.has(id)) await enrolment.delete(id);
  } catch (error) {
    if (!signal.aborted) log.warn({ err: error }, 'sample avatars are missing: the next start tries again');
  }
}

/** @returns the avatar's id */
async function enrol({ file, name, subject, statement }: Sample, enrolment: SampleOptions['enrolment'], folder: string): Promise<string> {
  const consent = { subject, statement, givenAt: new Date(0).toISOString() };
  const portraits = [await readFile(join(folder, file))];
  const { avatar } = await enrolment.create({ owner: SAMPLES_USER, portraits, consent, name });
  // Of a new version of the model, before somebody waits for it.
  await enrolment.weights(avatar.id);
  return avatar.id;
}
