/**
 * What becomes of an error that nobody caught: it is reported, the process gets a moment to end what it has begun, and it ends with a code of its
 * own. Going on would mean going on in a state that nobody has thought of; every process of ours is started again by its parent or by the
 * system's supervisor.
 */
import type { Logger } from 'pino';

/** sysexits.h EX_SOFTWARE. */
export const EXIT_FAULT = 70;
const CLOSE_GRACE_MS = 2000;

export interface FatalErrorOptions {
  /** Must have written when it returns. */
  report(error: unknown): void;
  /** Ends calls, files and processes; given two seconds. Without it the process ends in the same turn. */
  close?(): unknown;
}

let current: FatalErrorOptions | null = null;

/** For the whole process. Called again, as by a command that knows more than its command line did, it replaces what was said before. */
export function endOnUncaughtErrors(options: FatalErrorOptions): void {
  const first = current === null;
  current = options;
  if (!first) return;
  let ending = false;
  const end = (error: unknown): void => {
    current!.report(error);
    // A second one, perhaps of the ending itself, must not keep it.
    if (ending) return;
    ending = true;
    const { close, report } = current!;
    if (!close) process.exit(EXIT_FAULT);
    // Also where nothing keeps the event loop alive that long.
    process.exitCode = EXIT_FAULT;
    setTimeout(() => process.exit(EXIT_FAULT), CLOSE_GRACE_MS);
    void Promise.resolve()
      .then(() => close())
      .catch(report)
      .then(() => process.exit(EXIT_FAULT));
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}

/** The same for a process with a log, whose warnings (`process.emitWarning`) go into the log as well instead of onto standard error. */
export function logFatalErrors(log: Logger, close?: () => unknown): void {
  endOnUncaughtErrors({
    report: (error) => log.fatal({ err: error }, 'an error that nobody caught ends this process'),
    ...(close ? { close } : {}),
  });
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    // Of Node itself: nobody who reads our log can act on it.
    if (warning.name !== 'ExperimentalWarning') log.warn({ err: warning }, 'process warning');
  });
}
