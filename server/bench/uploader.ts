/** A process that uploads as much as one request may have, again and again: eight portraits, each new to the server. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { getPriority, setPriority } from 'node:os';
import { join } from 'node:path';
import { Gioconda } from '../../client/src/Gioconda.ts';
import { repositoryRoot } from '../base/paths.ts';
import type { FromUploader, ToUploader, UploadTimes } from './messages.ts';
import { benchConsent } from './people.ts';

const KINDS = ['neutral', 'smile', 'mouth-open', 'turned-left', 'turned-right', 'neutral', 'smile', 'mouth-open'];
/** A client, elsewhere in life. */
const NICER = 5;
const MOST_NICE = 19;

const send = (message: FromUploader): void => void process.send?.(message);
const uploads: UploadTimes[] = [];
let stopped = false;

/** A JPEG file may have anything behind its image; so it is as large as asked for, and new. */
async function largePortrait(kind: string, bytes: number): Promise<Blob> {
  const image = await readFile(join(repositoryRoot, `test/fixtures/portraits/anna-${kind}.jpg`));
  return new Blob([new Uint8Array(image), new Uint8Array(randomBytes(bytes - image.byteLength))]);
}

async function upload({ url, token, bytes }: Extract<ToUploader, { type: 'upload' }>): Promise<void> {
  const gioconda = await Gioconda.connect({ url, token });
  send({ type: 'uploading' });
  while (!stopped) {
    const portraits = await Promise.all(KINDS.map((kind) => largePortrait(kind, Math.floor(bytes / KINDS.length))));
    const startedMs = performance.now();
    const { id } = await gioconda.enrol({ portraits, consent: benchConsent, name: 'Upload' });
    uploads.push({ bytes, ms: performance.now() - startedMs });
    await gioconda.deleteAvatar(id);
  }
  send({ type: 'uploaded', uploads });
}

setPriority(Math.min(MOST_NICE, getPriority() + NICER));
process.once('disconnect', () => process.exit(0)); // never outlive the benchmark
process.on('message', (message: ToUploader) => {
  if (message.type === 'stop') return void (stopped = true);
  upload(message).catch((error: unknown) => send({ type: 'failed', message: error instanceof Error ? error.message : String(error) }));
});
