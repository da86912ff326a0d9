/** The parent's side of the drivers' process. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { AppError } from '../../client/src/protocol/index.ts';
import type { DriverCount, DriversRequest, FromDrivers, ToDrivers } from './messages.ts';

const ENTRY = fileURLToPath(new URL('./drivers.ts', import.meta.url));
const ANSWER_TIMEOUT_MS = 60_000;

export class DriverProcess {
  readonly #child: ChildProcess;

  /** Resolves when all of them are in their rooms and send. */
  static async create(request: DriversRequest): Promise<DriverProcess> {
    const child = fork(ENTRY, [], { execArgv: ['--disable-warning=ExperimentalWarning'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const drivers = new DriverProcess(child);
    await drivers.#ask({ type: 'play', request }, 'driving');
    return drivers;
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** What each has sent so far. */
  async count(): Promise<DriverCount[]> {
    return (await this.#ask({ type: 'count' }, 'counted')).counts;
  }

  #ask<T extends FromDrivers['type']>(message: ToDrivers, type: T): Promise<Extract<FromDrivers, { type: T }>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(() => reject(new AppError('deadline', 'The drivers do not answer'))), ANSWER_TIMEOUT_MS);
      const onMessage = (answer: FromDrivers): void => {
        if (answer.type === 'failed') settle(() => reject(new AppError('internal', `The drivers failed: ${answer.message}`)));
        if (answer.type === type) settle(() => resolve(answer as Extract<FromDrivers, { type: T }>));
      };
      const onExit = (): void => settle(() => reject(new AppError('internal', 'The drivers’ process ended; is @roamhq/wrtc installed?')));
      const settle = (then: () => void): void => {
        clearTimeout(timer);
        this.#child.off('message', onMessage).off('exit', onExit);
        then();
      };
      this.#child.on('message', onMessage).on('exit', onExit);
      this.#child.send(message);
    });
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
