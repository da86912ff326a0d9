/** The changes that mediasoup's C++ sources need before they build with a distribution's libraries. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SetupError } from '../SetupError.ts';

export interface SourceEdit {
  /** Below mediasoup's `worker` folder. */
  file: string;
  from: string;
  to: string;
}

export const sourceEdits: readonly SourceEdit[] = [
  {
    // Debian 12 has meson 1.0, Ubuntu 22.04 has 0.61. The files use nothing newer than 0.58 (asked of meson itself, which
    // warns of features beyond the version named here).
    file: 'meson.build',
    from: "meson_version: '>= 1.1.0'",
    to: "meson_version: '>= 0.58.0'",
  },
  {
    // BIO_CB_RETURN is a flag that comes together with the operation, never alone. Compared by ==, every finished
    // BIO_ctrl() is answered with 1: also OpenSSL's question whether this BIO does kernel TLS. mediasoup's own OpenSSL is
    // built without kernel TLS and does not ask; Debian's asks, believes the yes, sets up no write buffer and crashes in the
    // first DTLS handshake.
    file: 'src/RTC/DtlsTransport.cpp',
    from: '(operationType == BIO_CB_RETURN)',
    to: '((operationType & BIO_CB_RETURN) == BIO_CB_RETURN)',
  },
];

/** @throws SetupError when the sources are not the ones we know: better no worker than one that crashes in a call. */
export async function applyEdits(workerFolder: string, edits: readonly SourceEdit[] = sourceEdits): Promise<void> {
  for (const { file, from, to } of edits) {
    const path = join(workerFolder, file);
    const text = await readFile(path, 'utf8');
    if (text.includes(to)) continue;
    if (!text.includes(from)) throw new SetupError(`mediasoup's ${file} has changed: our build recipe does not fit this version`);
    await writeFile(path, text.replaceAll(from, to));
  }
}
