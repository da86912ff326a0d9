/** Portraits are checked and enrolled in a process apart from the live avatars, so that nobody's picture stutters. */
import type { Logger } from 'pino';
import { AppError, type PortraitWarning } from '../../../client/src/protocol/index.ts';
import type { EnrolmentBackend, EnrolmentResult, ModelInfo } from '../../enrolment/enrolment.ts';
import type { Calls } from './messages.ts';
import { SynthesisProcess } from './SynthesisProcess.ts';

export interface EnrolmentWorkerOptions {
  log: Logger;
  /** Folder of the converted landmark networks. */
  cacheDir: string;
  models: ModelInfo[];
}

/** Far above any portrait; `Enrolment` has the deadline that users see. A process that hangs this long is ended. */
const TIMEOUT_MS = 60_000;

export class EnrolmentWorker implements EnrolmentBackend {
  readonly #options: EnrolmentWorkerOptions;
  /** Started with the first portrait and kept; started again after it died. */
  #process: Promise<SynthesisProcess> | null = null;
  #closed = false;

  constructor(options: EnrolmentWorkerOptions) {
    this.#options = { ...options, log: options.log.child({ part: 'enrolment' }) };
  }

  models(): ModelInfo[] {
    return this.#options.models;
  }

  prepareAndEnrol({ portraits, limits, model, size, signal }: Parameters<EnrolmentBackend['prepareAndEnrol']>[0]): Promise<EnrolmentResult> {
    return this.#ask('enrol', { portraits, limits, model, size, crop: 'head' }, signal);
  }

  checkPortrait(portrait: Buffer, { limits, signal }: Parameters<EnrolmentBackend['checkPortrait']>[1]): Promise<{ warnings: PortraitWarning[] }> {
    return this.#ask('check-portrait', { portrait, limits }, signal);
  }

  /** A job that is given up is not finished in secret: the process ends, and with it whatever else it was asked; the next request starts another. */
  async #ask<N extends 'enrol' | 'check-portrait'>(name: N, request: Calls[N]['request'], signal: AbortSignal): Promise<Calls[N]['answer']> {
    const process = await this.#start();
    const giveUp = (): void => process.close();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      return await process.call(name, request, TIMEOUT_MS);
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  #start(): Promise<SynthesisProcess> {
    if (this.#closed) return Promise.reject(new AppError('shutting-down'));
    this.#process ??= this.#spawn();
    return this.#process;
  }

  async #spawn(): Promise<SynthesisProcess> {
    try {
      const process = await SynthesisProcess.create({ ...this.#options, deadlineMs: TIMEOUT_MS });
      process.events.on('exited', () => (this.#process = null));
      return process;
    } catch (error) {
      this.#process = null;
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // One that never came up has nothing to close.
    await this.#process?.then((process) => process.close(), () => undefined);
  }
}
