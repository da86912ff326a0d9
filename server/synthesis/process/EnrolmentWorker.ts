/** Portraits are checked and enrolled in a process apart from the live avatars, so that nobody's picture stutters. */
import type { Logger } from 'pino';
import { AppError, type PortraitWarning } from '../../../client/src/protocol/index.ts';
import type { EnrolmentBackend, EnrolmentResult, ModelInfo } from '../../enrolment/ports.ts';
import { SerialQueue } from '../../base/SerialQueue.ts';
import type { Calls } from './messages.ts';
import { SynthesisProcess, type SpawnSynthesisProcess, type SynthesisProcessPort } from './SynthesisProcess.ts';

export interface EnrolmentWorkerOptions {
  log: Logger;
  /** Folder of the converted landmark networks. */
  cacheDir: string;
  models: ModelInfo[];
  /** Starts the process; tests bring their own. */
  spawn?: SpawnSynthesisProcess;
}

/** Far above any portrait; `Enrolment` has the deadline that users see. A process that hangs this long is ended. */
const TIMEOUT_MS = 60_000;

export class EnrolmentWorker implements EnrolmentBackend {
  readonly #options: EnrolmentWorkerOptions;
  /** Started with the first portrait and kept; started again after it died. */
  #process: Promise<SynthesisProcessPort> | null = null;
  readonly #jobs = new SerialQueue();
  #closed = false;

  constructor(options: EnrolmentWorkerOptions) {
    this.#options = { ...options, log: options.log.child({ part: 'enrolment' }) };
  }

  models(): ModelInfo[] {
    return this.#options.models;
  }

  prepareAndEnrol({
    portraits,
    limits,
    model,
    size,
    signal,
  }: Parameters<EnrolmentBackend['prepareAndEnrol']>[0]): Promise<EnrolmentResult> {
    return this.#ask('enrol', { portraits, limits, model, size, crop: 'head' }, signal);
  }

  checkPortrait(
    portrait: Buffer,
    { limits, signal }: Parameters<EnrolmentBackend['checkPortrait']>[1],
  ): Promise<{ warnings: PortraitWarning[] }> {
    return this.#ask('check-portrait', { portrait, limits }, signal);
  }

  /** One job after the other, also if `Enrolment` gives one up and sends the next: together they would only share the same cores, and all of their pictures would be in memory at once. */
  async #ask<N extends 'enrol' | 'check-portrait'>(
    name: N,
    request: Calls[N]['request'],
    signal: AbortSignal,
  ): Promise<Calls[N]['answer']> {
    return this.#jobs.run(() => this.#work(name, request, signal));
  }

  /** A job that is given up is not finished in secret: the process ends, and the next job starts another. */
  async #work<N extends 'enrol' | 'check-portrait'>(
    name: N,
    request: Calls[N]['request'],
    signal: AbortSignal,
  ): Promise<Calls[N]['answer']> {
    const process = await this.#start();
    signal.throwIfAborted(); // given up while it waited: nothing was done for it yet
    const giveUp = (): void => process.close();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      return await process.call(name, request, TIMEOUT_MS);
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  #start(): Promise<SynthesisProcessPort> {
    if (this.#closed) return Promise.reject(new AppError('shutting-down'));
    this.#process ??= this.#spawn();
    return this.#process;
  }

  #spawn(): Promise<SynthesisProcessPort> {
    const spawn = this.#options.spawn ?? SynthesisProcess.create;
    const starting = spawn({ ...this.#options, deadlineMs: TIMEOUT_MS, background: true });
    const ended = (): void => {
      if (this.#process === starting) this.#process = null;
    };
    starting.then((process) => process.events.on('exited', ended), ended);
    return starting;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // One that never came up has nothing to close.
    await this.#process?.then(
      (process) => process.close(),
      () => undefined,
    );
  }
}
