/** Runs the command `gioconda` as a person would: its launcher, in a process of its own, under another program (`strace`) if need be. */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const launcher = fileURLToPath(new URL('../../server/bin/gioconda.mjs', import.meta.url));

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  child: ChildProcess;
  /** What standard output shows so far. */
  stdout(): string;
  finished: Promise<Finished>;
  /** Resolves when standard error shows this. */
  shows(text: string): Promise<void>;
}

export function start(args: readonly string[], env: Record<string, string | undefined> = {}, under: readonly string[] = []): Running {
  // the model is named, so that no test depends on how fast the machine is
  const [program, ...before] = [...under, process.execPath] as unknown as [string, ...string[]];
  const child = spawn(program, [...before, launcher, ...args], {
    env: { ...process.env, GIOCONDA_SYNTHESIS_MODEL: 'warp', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
    for (const watcher of watchers) watcher();
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
  });
  const shows = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const watch = (): void => {
        if (output.stderr.includes(text)) resolve();
      };
      watchers.add(watch);
      watch();
      void finished.then(() => reject(new Error(`ended without showing "${text}": ${output.stderr}`)));
    });
  return { child, finished, shows, stdout: () => output.stdout };
}

export const gioconda = (args: readonly string[], env?: Record<string, string>): Promise<Finished> => start(args, env).finished;
