/** Our own build of mediasoup's worker: the sources from its npm package, the libraries from the distribution. */
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, freemem, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeAtomically } from '../../base/write-atomically.ts';
import { findProgram, runCommand } from '../command.ts';
import type { Progress } from '../part.ts';
import { SetupError } from '../SetupError.ts';
import { distribution, installCommand, installPackages, isDebianLike, lastLines } from '../system-packages.ts';
import { subprojectsFolder } from './cache-key.ts';
import { starts } from './smoke-test.ts';
import { applyEdits } from './source-edits.ts';

/** Names in Debian 12 and newer, Ubuntu 22.04 and newer. */
export const buildPackages: readonly string[] = [
  'g++',
  'meson',
  'ninja-build',
  'pkg-config',
  'libuv1-dev',
  'libssl-dev',
  'libsrtp2-dev',
  'libabsl-dev',
  'libflatbuffers-dev',
  'flatbuffers-compiler',
];
const programs = ['g++', 'meson', 'ninja', 'pkg-config', 'flatc'];
const libraries = ['libuv', 'openssl', 'libsrtp2', 'flatbuffers', 'absl_strings', 'absl_optional', 'absl_memory'];

export interface BuildOptions {
  /** The installed mediasoup package. */
  packageFolder: string;
  /** Where the binary goes; its folder gets the build's log too. */
  target: string;
  progress: Progress;
}

/** Programs and pkg-config names that a build needs and that are not here. */
export async function missingForBuild(): Promise<string[]> {
  const missing: string[] = [];
  for (const name of programs) if (!(await findProgram(name))) missing.push(name);
  if (missing.includes('pkg-config')) return missing;
  for (const name of libraries) {
    if ((await runCommand('pkg-config', ['--exists', name])).code !== 0) missing.push(name);
  }
  return missing;
}

async function ensureTools(progress: Progress): Promise<void> {
  const missing = await missingForBuild();
  if (missing.length === 0) return;
  if (!isDebianLike(await distribution())) {
    throw new SetupError(
      `building mediasoup's worker needs ${missing.join(', ')}. We know the packages of Debian and Ubuntu only (${buildPackages.join(' ')}); install their equivalents`,
    );
  }
  await installPackages(buildPackages, progress);
  const still = await missingForBuild();
  if (still.length > 0)
    throw new SetupError(`still missing after installation: ${still.join(', ')}`, { fix: installCommand(buildPackages) });
}

/** One compiler at work needs up to a gigabyte here; more of them than fit make the machine swap. */
export function buildJobs(cores: number, freeBytes: number): number {
  return Math.max(1, Math.min(cores, Math.floor(freeBytes / 2 ** 30)));
}

/** ninja tells `[n/m] what`; anything else is no progress. */
export function ninjaProgress(line: string): { fraction: number; text: string } | null {
  const match = /^\[(\d+)\/(\d+)\]\s+(.*)$/.exec(line);
  if (!match || Number(match[2]) === 0) return null;
  const file = /([\w.-]+)\.(?:cpp|cc|c)\.o\b/.exec(match[3] as string)?.[1];
  return { fraction: Number(match[1]) / Number(match[2]), text: file ?? 'linking' };
}

/**
 * Builds in a temporary folder and renames the finished binary into place.
 * @throws SetupError when a tool is missing and may not be installed, or the build fails.
 */
export async function buildWorker({ packageFolder, target, progress }: BuildOptions): Promise<void> {
  await ensureTools(progress);
  const work = await mkdtemp(join(tmpdir(), 'gioconda-worker-'));
  try {
    const sources = join(work, 'worker');
    await cp(join(packageFolder, 'worker'), sources, { recursive: true });
    await rm(join(sources, 'out'), { recursive: true, force: true });
    await rm(join(sources, 'subprojects'), { recursive: true, force: true });
    await cp(subprojectsFolder, join(sources, 'subprojects'), { recursive: true });
    await applyEdits(sources);
    const binary = await compile({ work, sources, log: `${target}.log`, progress });
    if (!(await starts(binary))) throw new SetupError('the worker was built, but does not start on this machine');
    await install(binary, target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface CompileOptions {
  work: string;
  sources: string;
  log: string;
  progress: Progress;
}

async function compile({ work, sources, log, progress }: CompileOptions): Promise<string> {
  const build = join(work, 'build');
  const jobs = Number(process.env.MEDIASOUP_BUILD_JOBS) || buildJobs(availableParallelism(), freemem());
  const steps: [program: string, args: string[]][] = [
    ['meson', ['setup', build, sources, '--buildtype', 'release', '-Db_ndebug=true', '--wrap-mode', 'nodownload']],
    ['ninja', ['-C', build, '-j', String(jobs), 'mediasoup-worker']],
    ['strip', [join(build, 'mediasoup-worker')]],
  ];
  progress.step(`building mediasoup's worker with ${jobs} compiler${jobs === 1 ? '' : 's'} at a time: some minutes, once`);
  const lines: string[] = [];
  await mkdir(dirname(log), { recursive: true });
  for (const [program, args] of steps) {
    const result = await runCommand('nice', ['-n', '10', program, ...args], {
      onLine: (line) => {
        lines.push(line);
        const told = program === 'ninja' ? ninjaProgress(line) : null;
        if (told) progress.advance(told.fraction, told.text);
      },
    });
    if (result.code === 0) continue;
    await writeFile(log, lines.join('\n'));
    throw new SetupError(`${program} failed with code ${result.code}; the whole log is in ${log}\n${lastLines(result.output, 15)}`);
  }
  return join(build, 'mediasoup-worker');
}

/** The temporary folder may be another file system, from which a rename would not be atomic: copy beside the place first. */
async function install(binary: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await writeAtomically(target, async (beside) => {
    await cp(binary, beside);
    await chmod(beside, 0o755);
  });
}
