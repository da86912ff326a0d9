/** Ctrl-C and its relatives as an AbortSignal, so that work can clear away what it has begun. */
import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Interruption {
  signal: AbortSignal;
  /** 128 + the signal's number, as shells have it; 0 while there was none. */
  readonly exitCode: number;
  /** From here on signals end the process again. */
  close(): void;
}

export function untilInterrupted(): Interruption {
  const controller = new AbortController();
  let exitCode = 0;
  const interrupt = (name: NodeJS.Signals): void => {
    exitCode ||= 128 + constants.signals[name];
    controller.abort(new Error(`interrupted by ${name}`));
  };
  for (const name of signals) process.on(name, interrupt);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    close() {
      for (const name of signals) process.off(name, interrupt);
    },
  };
}
