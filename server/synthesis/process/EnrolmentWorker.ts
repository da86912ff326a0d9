/** Portraits are checked and enrolled in a process apart from the live avatars, so that nobody's picture stutters. */
import type { Logger } from 'pino';
import { AppError, type PortraitWarning } from '../../../client/src/protocol/index.ts';
import type { EnrolmentBackend, EnrolmentResult, ModelInfo } from '../../enrolment/enrolment.ts';
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

  async prepareAndEnrol(job: { portraits: Buffer[]; model: string; size: number }): Promise<EnrolmentResult> {
    return (await this.#start()).call('enrol', { portraits: job.portraits, model: job.model, size: job.size, crop: 'head' }, TIMEOUT_MS);
  }

  async checkPortrait(portrait: Buffer): Promise<{ warnings: PortraitWarning[] }> {
    return (await this.#start()).call('check-portrait', { portrait }, TIMEOUT_MS);
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

  /** Starts the process ahead of the first portrait. */
  async warm(): Promise<void> {
    await this.#start();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // One that never came up has nothing to close.
    await this.#process?.then((process) => process.close(), () => undefined);
  }
}
