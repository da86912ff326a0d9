/** The parent's side of the drivers' process. */
import { fileURLToPath } from 'node:url';
import { ChildLink } from './ChildLink.ts';
import type { DriverCount, DriversRequest, FromDrivers, ToDrivers } from './messages.ts';

const ENTRY = fileURLToPath(new URL('./drivers.ts', import.meta.url));

export class DriverProcess {
  readonly #link = new ChildLink<ToDrivers, FromDrivers>(ENTRY, 'drivers');

  /** Resolves when all of them are in their rooms and send. @throws AppError `deadline`, `internal` */
  static async create(request: DriversRequest): Promise<DriverProcess> {
    const drivers = new DriverProcess();
    try {
      await drivers.#link.ask({ type: 'play', request }, 'driving');
      return drivers;
    } catch (error) {
      drivers.close();
      throw error;
    }
  }

  /** What each has sent so far. */
  async count(): Promise<DriverCount[]> {
    return (await this.#link.ask({ type: 'count' }, 'counted')).counts;
  }

  close(): void {
    this.#link.close();
  }
}
