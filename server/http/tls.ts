/** The certificate: none, the operator's files, or one of our own that browsers accept after a warning. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { generate } from 'selfsigned';
import { fileTrouble, makeFolder } from '../base/folders.ts';
import { writeAtomically } from '../base/write-atomically.ts';
import { ConfigError, type Config, type SettledConfig } from '../config/index.ts';

export interface TlsMaterial {
  cert: string;
  key: string;
}

const DAY_MS = 24 * 3600 * 1000;
/** Apple's platforms refuse certificates that are valid for longer than 825 days. */
const VALID_DAYS = 398;
const RENEW_BEFORE_DAYS = 30;

/** Everything that this machine may be called by. */
function namesOf({ host, publicUrl, tls }: Config | SettledConfig): string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((found) => found ?? [])
    .map(({ address }) => address.replace(/%.*$/, ''));
  const specific = ['0.0.0.0', '::'].includes(host) ? [] : [host];
  const fromUrl = publicUrl ? [new URL(publicUrl).hostname.replace(/^\[|\]$/g, '')] : [];
  return [...new Set(['localhost', '127.0.0.1', '::1', hostname(), ...specific, ...fromUrl, ...tls.hostnames, ...addresses])].filter(
    (name) => name !== '',
  );
}

/** Also false for what is damaged, and for a key that is another's. */
function isStillGood({ cert, key }: TlsMaterial, names: readonly string[]): boolean {
  try {
    createSecureContext({ cert, key });
  } catch {
    return false;
  }
  const certificate = new X509Certificate(cert);
  const expiresInMs = Date.parse(certificate.validTo) - Date.now();
  return (
    expiresInMs > RENEW_BEFORE_DAYS * DAY_MS &&
    names.every((name) => (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined)
  );
}

/** Node names the file in its error only where it cannot be opened. */
const readNamed = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((error: unknown) => {
    throw Object.assign(error as NodeJS.ErrnoException, { path });
  });

async function readPair(certFile: string, keyFile: string): Promise<TlsMaterial | null> {
  try {
    return { cert: await readNamed(certFile), key: await readNamed(keyFile) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new ConfigError([`tls: the certificate or its key cannot be read: ${fileTrouble(error) ?? (error as Error).message}.`]);
  }
}

/** Kept in the data folder, so that the browser's exception holds over restarts; made anew shortly before it ends or when the names change. */
async function selfSigned(config: Config | SettledConfig): Promise<TlsMaterial> {
  const folder = join(config.dataDir, 'keys');
  await makeFolder(folder, { mode: 0o700 });
  const certFile = join(folder, 'tls-certificate.pem');
  const keyFile = join(folder, 'tls-key.pem');
  const names = namesOf(config);
  const kept = await readPair(certFile, keyFile);
  if (kept && isStillGood(kept, names)) return kept;
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'Gioconda (self-signed)' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate: new Date(Date.now() + VALID_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map((name) => (isIP(name) ? { type: 7 as const, ip: name } : { type: 2 as const, value: name })),
      },
    ],
  });
  await writeAtomically(keyFile, key, { mode: 0o600 });
  await writeAtomically(certFile, cert, { mode: 0o600 });
  return { cert, key };
}

/** Null: plain HTTP. @throws ConfigError when the operator's files cannot be used */
export async function loadTls(config: Config | SettledConfig): Promise<TlsMaterial | null> {
  const { mode, certFile, keyFile } = config.tls;
  if (mode === 'off') return null;
  if (mode === 'self-signed') return selfSigned(config);
  const pair = await readPair(certFile!, keyFile!);
  if (!pair) throw new ConfigError(['tls.certFile or tls.keyFile: there is no such file.']);
  try {
    createSecureContext(pair);
  } catch (error) {
    throw new ConfigError([`tls.certFile and tls.keyFile are not a PEM certificate and its key: ${(error as Error).message}.`]);
  }
  return pair;
}
