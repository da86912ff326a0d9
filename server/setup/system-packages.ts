/** The distribution's package manager, where we may use it. */
import { readFile } from 'node:fs/promises';
import { findProgram, runCommand, type CommandResult } from './command.ts';
import type { Progress } from './part.ts';
import { SetupError } from './SetupError.ts';

export interface Distribution {
  /** As /etc/os-release has it: `debian`, `ubuntu`. */
  id: string;
  version: string;
  /** `id` and what it says it is like. */
  family: string[];
}

/** Parses the shell-like `KEY=value` lines of os-release(5). */
export function parseOsRelease(text: string): Distribution {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([A-Z_]+)=(["']?)(.*)\2$/.exec(line.trim());
    if (match) fields.set(match[1] as string, match[3] as string);
  }
  const id = fields.get('ID') ?? process.platform;
  return { id, version: fields.get('VERSION_ID') ?? '', family: [id, ...(fields.get('ID_LIKE') ?? '').split(' ').filter(Boolean)] };
}

export async function distribution(): Promise<Distribution> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return parseOsRelease(text);
}

export const isDebianLike = (system: Distribution): boolean => system.family.includes('debian');

/** What a person types to get the packages. */
export function installCommand(packages: readonly string[]): string {
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  return `${sudo}apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

/** The words before `apt-get` with which this process may install, or null. */
async function privilege(): Promise<string[] | null> {
  if (process.env.GIOCONDA_NO_SYSTEM_INSTALL) return null;
  if (!(await findProgram('apt-get'))) return null;
  if (process.getuid?.() === 0) return [];
  if (!(await findProgram('sudo'))) return null;
  return (await runCommand('sudo', ['-n', 'true'], { timeoutMs: 5000 })).code === 0 ? ['sudo', '-n'] : null;
}

export const mayInstall = async (): Promise<boolean> => (await privilege()) !== null;

/**
 * Installs packages with apt-get, as root or with a sudo that asks nothing.
 * @throws SetupError naming the command to run by hand.
 */
export async function installPackages(packages: readonly string[], progress: Progress): Promise<void> {
  const fix = installCommand(packages);
  const prefix = await privilege();
  if (!prefix)
    throw new SetupError(`these system packages are missing, and this user may not install them: ${packages.join(' ')}`, { fix });
  progress.step(`installing with apt-get: ${packages.join(' ')}`);
  const apt = (args: string[]): Promise<CommandResult> => {
    const words = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', '-o', 'DPkg::Lock::Timeout=300', ...args];
    return runCommand(words[0] as string, words.slice(1), { ownGroup: false, onLine: installed(packages.length, progress) });
  };
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  let result = await apt(install);
  if (result.code !== 0) {
    // A fresh image has no package lists, and old lists name files that are gone.
    await apt(['update']);
    result = await apt(install);
  }
  if (result.code !== 0) throw new SetupError(`apt-get failed:\n${lastLines(result.output, 5)}`, { fix });
}

/** apt says `Setting up NAME` for each package; how many come along as dependencies it says only before. */
function installed(atLeast: number, progress: Progress): (line: string) => void {
  let expected = atLeast;
  let done = 0;
  return (line) => {
    const announced = /^\d+ upgraded, (\d+) newly installed/.exec(line);
    if (announced) expected = Math.max(1, Number(announced[1]));
    const name = /^Setting up (\S+)/.exec(line)?.[1];
    if (name) progress.advance(Math.min(1, ++done / expected), name);
  };
}

export const lastLines = (text: string, count: number): string => text.trimEnd().split('\n').slice(-count).join('\n');
