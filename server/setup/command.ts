/** Child processes of the set-up: run to the end, output kept, lines handed on as they come. */
import { spawn } from 'node:child_process';
import { constants as accessModes } from 'node:fs';
import { access } from 'node:fs/promises';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { SetupError } from './SetupError.ts';

export interface CommandOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Killed after this; 0 or absent: never. */
  timeoutMs?: number;
  onLine?: (line: string) => void;
  signal?: AbortSignal;
  /** A process group of its own, killed as a whole (ninja and its compilers). False for what must never be cut off, like dpkg. */
  ownGroup?: boolean;
}

export interface CommandResult {
  /** The exit code; 127 where the program could not be run, 128 + n where signal n ended it, 124 after the timeout. */
  code: number;
  /** stdout and stderr as they came, the last 200 lines. */
  output: string;
}

const keptLines = 200;

/**
 * A program that cannot be run is a result too, and no rejection.
 * @throws SetupError when this process is asked to end meanwhile: what was begun is cleaned up on the way out.
 */
export function runCommand(program: string, args: string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { timeoutMs = 0, onLine, cwd, env, signal, ownGroup = true } = options;
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: ownGroup });
    let timedOut = false;
    const stop = (): void => {
      timedOut = true;
      if (!ownGroup) child.kill('SIGTERM');
      else if (child.pid !== undefined) killGroup(child.pid);
    };
    const timer = timeoutMs > 0 ? setTimeout(stop, timeoutMs) : undefined;
    signal?.addEventListener('abort', stop, { once: true });
    let interrupted = false;
    const release = onInterrupt(() => {
      interrupted = true;
      // What has our group gets Ctrl-C by itself.
      if (ownGroup) stop();
    });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        if (lines.length > keptLines) lines.shift();
        onLine?.(line);
      });
    }
    const finish = (code: number): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      release();
      if (interrupted) reject(new SetupError('stopped'));
      else resolve({ code: timedOut ? 124 : code, output: lines.join('\n') });
    };
    child.once('error', (error) => {
      lines.push(error.message);
      finish(127);
    });
    child.once('close', (code, name) => finish(code ?? 128 + (name ? constants.signals[name] : 0)));
  });
}

const interrupts = new Set<() => void>();
const interruptAll = (): void => interrupts.forEach((handler) => handler());
const endSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** One listener for any number of commands; none while there is no command, so that a signal ends us as usual. */
function onInterrupt(handler: () => void): () => void {
  if (interrupts.size === 0) for (const signal of endSignals) process.on(signal, interruptAll);
  interrupts.add(handler);
  return () => {
    interrupts.delete(handler);
    if (interrupts.size === 0) for (const signal of endSignals) process.off(signal, interruptAll);
  };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The full path of a program on PATH, or null. */
export async function findProgram(name: string, path: string = process.env.PATH ?? ''): Promise<string | null> {
  for (const folder of path.split(delimiter).filter((entry) => entry !== '')) {
    const candidate = join(folder, name);
    if (await isExecutable(candidate)) return candidate;
  }
  return null;
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, accessModes.X_OK).then(
    () => true,
    () => false,
  );
}
