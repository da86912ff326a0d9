/** The command `gioconda`. A subcommand's code is loaded when it runs: `--help` and `doctor` need nothing of the rest. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../client/src/protocol/errors.ts';
import { FileError } from '../render/files/FileError.ts';
import { fileTrouble } from '../base/folders.ts';
import { endOnUncaughtErrors } from '../base/fatal-errors.ts';
import { repositoryRoot } from '../base/paths.ts';
import { SetupError } from '../setup/SetupError.ts';
import { StoreError } from '../store/StoreError.ts';
import { createProgram, type Runners } from './program.ts';

const runners: Runners = {
  start: async (options) => (await import('./start.ts')).run(options),
  setup: async (options) => (await import('./setup.ts')).run(options),
  doctor: async (options) => (await import('./doctor.ts')).run(options),
  enrol: async (options) => (await import('./enrol.ts')).run(options),
  store: {
    check: async (options) => (await import('./store.ts')).check(options),
    backup: async (target, options) => (await import('./store.ts')).backup(target, options),
    restore: async (source, options) => (await import('./store.ts')).bringBack(source, options),
  },
  render: async (options) => (await import('./render.ts')).run(options),
  bench: async (options) => (await import('./bench.ts')).run(options),
};

/** What was expected to go wrong is told in a sentence; a mistake of ours with its stack. */
async function explain(error: unknown): Promise<string> {
  // Loaded by now, or the error is none of it.
  const { ConfigError } = await import('../config/index.ts');
  if (error instanceof SetupError) return error.fix ? `${error.message}\n→ ${error.fix}` : error.message;
  if (error instanceof ConfigError || error instanceof FileError) return error.message;
  if (error instanceof AppError && error.code !== 'internal') return error.message;
  if (error instanceof StoreError) return error.message;
  // Where no part of ours has said more about it.
  const trouble = fileTrouble(error);
  if (trouble !== null) return `A file or folder cannot be used: ${trouble}.`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The launcher is gone without a word (killed): this process ends as if it had been told to. */
function endWithLauncher(): void {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
}

const { version } = JSON.parse(await readFile(join(repositoryRoot, 'package.json'), 'utf8')) as { version: string };
endWithLauncher();
// `start` reports to its log instead as soon as it has one.
endOnUncaughtErrors({ report: (error) => console.error('gioconda: an error that nobody caught:', error) });
try {
  await createProgram(version, runners, (exitCode) => {
    process.exitCode = exitCode;
  }).parseAsync();
} catch (error) {
  console.error(`gioconda: ${await explain(error)}`);
  process.exitCode = error instanceof StoreError ? error.exitCode : 1;
}
