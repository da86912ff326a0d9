/** `npm ci` refuses a lockfile that lacks one package of another platform, and `npm install` then writes it anew. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../server/base/paths.ts';

interface Locked {
  version?: string;
  integrity?: string;
  link?: boolean;
  inBundle?: boolean;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}
type Lockfile = Record<string, Locked>;

/** Where node would find `name` from the folder `from`. */
function resolve(lock: Lockfile, from: string, name: string): Locked | undefined {
  for (let folder = from; ; folder = folder.replace(/\/?(node_modules\/)?(@[^/]+\/)?[^/]+$/, '')) {
    const found = lock[folder ? `${folder}/node_modules/${name}` : `node_modules/${name}`];
    if (found || folder === '') return found;
  }
}

/** What `from` asks for and the lockfile lacks, or has in another version than the one that is asked for exactly. */
function missing(lock: Lockfile): string[] {
  return Object.entries(lock).flatMap(([from, { dependencies, optionalDependencies, devDependencies }]) =>
    Object.entries({ ...dependencies, ...optionalDependencies, ...devDependencies }).flatMap(([name, range]) => {
      const found = resolve(lock, from, name);
      const exact = /^\d+\.\d+\.\d+(-[\w.]+)?$/.test(range);
      return found && (found.link || (found.version && (!exact || found.version === range)))
        ? []
        : [`${from || 'the root'} → ${name}@${range}`];
    }),
  );
}

describe('package-lock.json', () => {
  const lock = (JSON.parse(readFileSync(join(repositoryRoot, 'package-lock.json'), 'utf8')) as { packages: Lockfile }).packages;
  const manifest = (folder: string): Locked => JSON.parse(readFileSync(join(repositoryRoot, folder, 'package.json'), 'utf8')) as Locked;
  const workspaces = Object.keys(lock).filter((path) => path !== '' && !path.includes('node_modules/'));

  it('has every package that another one asks for, those of other platforms too', () => {
    expect(Object.keys(lock).length).toBeGreaterThan(200);
    expect(missing(lock)).toEqual([]);
  });

  it('says the same as the package.json files', () => {
    expect(workspaces).toContain('client');
    for (const folder of ['', ...workspaces]) {
      const { dependencies, devDependencies, optionalDependencies } = manifest(folder);
      expect(lock[folder], folder).toMatchObject(
        JSON.parse(JSON.stringify({ dependencies, devDependencies, optionalDependencies })) as object,
      );
    }
  });

  it('knows the hash of everything that is fetched', () => {
    const fetched = Object.entries(lock).filter(([path, { link, inBundle }]) => path.includes('node_modules/') && !link && !inBundle);
    expect(fetched.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path)).toEqual([]);
  });

  it('the check itself sees a missing package of another platform, and one in another version', () => {
    const broken: Lockfile = {
      '': { dependencies: { a: '^1.0.0' } },
      'node_modules/a': { version: '1.2.0', optionalDependencies: { 'a-darwin': '1.2.0', 'a-linux': '1.2.0' } },
      'node_modules/a-linux': { version: '1.1.0' },
    };
    expect(missing(broken)).toEqual(['node_modules/a → a-darwin@1.2.0', 'node_modules/a → a-linux@1.2.0']);
  });
});
