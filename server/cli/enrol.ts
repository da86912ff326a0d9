/** `gioconda enrol`: portraits become an avatar, in the local data folder or at a running server. */
import { basename } from 'node:path';
import { AppError, type AvatarInfo, type Consent } from '../../client/src/protocol/index.ts';
import { PortraitError, portraitOf } from '../portraits/PortraitError.ts';
import { loadConfig, type Config } from '../config/index.ts';
import { readPicture } from '../render/files/picture-file.ts';
import { ensureSetup } from '../setup/index.ts';
import { SetupError } from '../setup/SetupError.ts';
import type { EnrolOptions } from './options.ts';
import { enrolAtServer, type EnrolRequest } from './remote-enrolment.ts';

const DEFAULT_STATEMENT = 'I agree that these portraits of me are made into an avatar that others see in video calls.';

export async function run(options: EnrolOptions): Promise<number> {
  const { config } = loadConfig({ file: options.config, overrides: { dataDir: options.data } });
  const consent: Consent = {
    subject: options.consentBy,
    givenAt: new Date().toISOString(),
    statement: options.consentStatement ?? DEFAULT_STATEMENT,
  };
  const portraits = await Promise.all(options.portraits.map(async (file) => ({ name: basename(file), bytes: await readPicture(file) })));
  const request: EnrolRequest = { portraits, consent, name: options.name, model: options.model, owner: options.owner };
  const result = await aboutFiles(options.portraits, () =>
    options.server ? enrolAtServer(serverOf(options, config), request) : enrolHere(config, request),
  );
  if (options.json) console.log(JSON.stringify({ ...result.avatar, created: result.created }, null, 2));
  else console.log(describe(result, options.portraits, consent).join('\n'));
  return 0;
}

function serverOf({ server = '', apiKey }: EnrolOptions, config: Config): { url: string; apiKey: string } {
  const key = apiKey ?? config.auth.apiKey;
  if (!key) throw new SetupError('enrolling at a server needs its API key', { fix: 'Set GIOCONDA_AUTH_API_KEY, or give --api-key.' });
  if (!URL.canParse(server) || !/^https?:$/.test(new URL(server).protocol))
    throw new SetupError(`${server} is not the address of a server`, { fix: 'Give it as https://host or http://localhost:7000.' });
  return { url: server, apiKey: key };
}

/** Into the data folder, with the parts that the server uses. */
async function enrolHere(config: Config, { portraits, consent, name, model, owner }: EnrolRequest): Promise<EnrolResult> {
  await ensureSetup({ only: ['landmark-models', 'models'], cacheDir: config.cacheDir });
  const { openLocalEnrolment } = await import('./local-enrolment.ts');
  const local = await openLocalEnrolment(config);
  try {
    return await local.enrolment.create({
      owner: owner ?? local.owner,
      portraits: portraits.map(({ bytes }) => bytes),
      consent,
      name,
      model,
    });
  } finally {
    await local.close();
  }
}

interface EnrolResult {
  avatar: AvatarInfo;
  /** False: it was there already. */
  created: boolean;
}

/** A refusal of one portrait begins with its file's name. */
async function aboutFiles<T>(files: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const index = portraitOf(error);
    if (index === undefined || !(error instanceof AppError)) throw error;
    const refusal = new PortraitError(error.code, index, undefined, { cause: error });
    refusal.message = `${basename(files[index] ?? '')}: ${withoutNumber(error.message)}`;
    throw refusal;
  }
}

function describe({ avatar, created }: EnrolResult, files: readonly string[], consent: Consent): string[] {
  const portraits = avatar.portraits === 1 ? 'one portrait' : `${avatar.portraits} portraits`;
  return [
    created
      ? `Enrolled ${avatar.name} from ${portraits}: ${avatar.id}`
      : `These portraits are enrolled already: ${avatar.id} (${avatar.name})`,
    ...(created ? [`  model ${avatar.model}; consent recorded of ${consent.subject}: "${consent.statement}"`] : []),
    ...avatar.warnings.map(({ portrait, message }) => `  Note: ${basename(files[portrait] ?? '')}: ${withoutNumber(message)}`),
  ];
}

/** The file's name says which portrait is meant. */
const withoutNumber = (message: string): string => message.replace(/^Portrait \d+: /, '');
