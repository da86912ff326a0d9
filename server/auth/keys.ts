/** The API key and the secret that signs tokens: configured, or made once and kept where only we can read. */
import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/index.ts';

export interface Keys {
  apiKey: string;
  tokenSecret: string;
  /** The API key was made just now: the moment to show it, once. */
  created: boolean;
  /** No API key is configured. */
  developmentMode: boolean;
}

/** Cut off, or overwritten: to sign with what is left would be to sign with what can be guessed. */
export class DamagedKey extends Error {
  constructor(file: string) {
    super(
      `${file} is damaged: bring it back from a backup, or remove it, and a new one is made. ` +
        'With a new api-key the application needs that one; with a new token-secret all tokens and invites that were given out end.',
    );
    this.name = 'DamagedKey';
  }
}

/** Mode 0600; two processes that start together agree on the first one's. */
function loadOrCreate(file: string, make: () => string): { value: string; created: boolean } {
  const read = (): string | null => {
    try {
      return readFileSync(file, 'utf8').trim() || null;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      // Node names the file only where it cannot be opened.
      throw Object.assign(error as NodeJS.ErrnoException, { path: file });
    }
  };
  const existing = read();
  if (existing && !/^[\x21-\x7e]{16,}$/.test(existing)) throw new DamagedKey(file);
  if (existing) {
    chmodSync(file, 0o600);
    return { value: existing, created: false };
  }
  const value = make();
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(temporary, `${value}\n`, { mode: 0o600, flush: true });
  try {
    // A link appears whole or not at all, and never over another's.
    linkSync(temporary, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    // There, but empty: a disk that was full.
    if (!read()) renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
  return { value: read() ?? value, created: true };
}

/** Printing the key is the caller's, at the first start only. @throws DamagedKey, and what the file system throws */
export function loadOrCreateKeys(config: Pick<Config, 'dataDir' | 'auth'>): Keys {
  const { apiKey, tokenSecret } = config.auth;
  const folder = join(config.dataDir, 'keys');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const key = apiKey
    ? { value: apiKey, created: false }
    : loadOrCreate(join(folder, 'api-key'), () => `gio_${randomBytes(24).toString('base64url')}`);
  const secret = tokenSecret ?? loadOrCreate(join(folder, 'token-secret'), () => randomBytes(32).toString('base64url')).value;
  return { apiKey: key.value, tokenSecret: secret, created: key.created, developmentMode: apiKey === null };
}
