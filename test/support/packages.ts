/** The packages as somebody who installs them gets them: packed, and installed into an empty folder outside of the repository. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '../../server/base/paths.ts';

declare module 'vitest' {
  interface ProvidedContext {
    packages: InstalledPackages;
  }
}

export interface InstalledPackages {
  /** Name → path of its tarball. */
  tarballs: Record<string, string>;
  /** A folder with the packages, React and TypeScript in its `node_modules`. */
  folder: string;
  /** What npm said while it installed them. */
  warnings: string;
}

const run = promisify(execFile);

/** Runs a command to its end. @throws Error with all that it said. */
export async function runIn(cwd: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  try {
    const { stdout, stderr } = await run(command, args, { cwd, env: { ...foreign(process.env), ...env }, maxBuffer: 1 << 26 });
    return stdout + stderr;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed in ${cwd}:\n${stdout}${stderr}`, { cause: error });
  }
}

/** Without the settings of this repository's `.npmrc`, which npm hands to its scripts, `npm test` among them. */
function foreign(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = /^npm_(config_(ignore_scripts|onnxruntime.*|omit_lockfile.*|loglevel|fund|audit|local_prefix)|package_|lifecycle_)/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)));
}

/** For `./node`; installed apart, for npm warns of a package below it. */
const webRtc = '@roamhq/wrtc@^0.10';

/** Beside our own packages: React for `./react`, and the compiler that most people have. */
const others = {
  react: '^19',
  'react-dom': '^19',
  '@types/react': '^19',
  '@types/react-dom': '^19',
  '@types/node': '^20',
  typescript: '~5.9',
};

export async function installPackages(): Promise<InstalledPackages> {
  const root = await mkdtemp(join(tmpdir(), 'gioconda-packages-'));
  const packed = join(root, 'packed');
  const folder = join(root, 'app');
  await Promise.all([mkdir(packed), mkdir(folder)]);
  await runIn(repositoryRoot, 'npm', ['run', '--silent', 'pack', '--', '--pack-destination', packed]);
  const tarballs = Object.fromEntries(
    (await readdir(packed)).map((file) => [`@gioconda/${/^gioconda-(\w+)-/.exec(file)?.[1]}`, join(packed, file)]),
  );
  const dependencies = { ...Object.fromEntries(Object.entries(tarballs).map(([name, file]) => [name, `file:${file}`])), ...others };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  const warnings = await runIn(folder, 'npm', ['install', '--no-audit', '--no-fund', '--prefer-offline']);
  await runIn(folder, 'npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', webRtc]);
  return { tarballs, folder, warnings };
}

export async function removePackages({ folder }: InstalledPackages): Promise<void> {
  await rm(join(folder, '..'), { recursive: true, force: true });
}
