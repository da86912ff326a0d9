/** The repository as `npm ci --omit=dev` leaves it: its files, and of node_modules only what the lockfile does not mark as of development. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { repositoryRoot } from '../../server/base/paths.ts';

interface LockedPackage {
  dev?: boolean;
  devOptional?: boolean;
  link?: boolean;
  resolved?: string;
}

/** Hard links where both lie in one file system: node_modules is large. */
function place(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

/** Everything below a folder but packages nested in it, which the lockfile names by themselves. */
function placeFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) placeFolder(source, target);
    else if (entry.isFile()) place(source, target);
  }
}

export class ProductionTree {
  /** Outside of the repository, so that nothing is found above it. */
  readonly folder = mkdtempSync(join(tmpdir(), 'gioconda-production-'));

  constructor() {
    const { stdout } = spawnSync('git', ['ls-files', '-z'], { cwd: repositoryRoot, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 });
    for (const file of stdout.split('\0').filter((name) => name !== '' && existsSync(join(repositoryRoot, name)))) {
      mkdirSync(dirname(join(this.folder, file)), { recursive: true });
      place(join(repositoryRoot, file), join(this.folder, file));
    }
    const { packages } = JSON.parse(readFileSync(join(repositoryRoot, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, LockedPackage>;
    };
    for (const [path, locked] of Object.entries(packages)) if (path.includes('node_modules/')) this.#install(path, locked);
  }

  #install(path: string, { dev, devOptional, link, resolved }: LockedPackage): void {
    if (dev || devOptional) return;
    const [from, to] = [join(repositoryRoot, path), join(this.folder, path)];
    mkdirSync(dirname(to), { recursive: true });
    if (link) symlinkSync(join(this.folder, resolved!), to);
    // Optional packages of other platforms are not there.
    else if (existsSync(from)) placeFolder(from, to);
  }

  has(packageName: string): boolean {
    return existsSync(join(this.folder, 'node_modules', packageName));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
