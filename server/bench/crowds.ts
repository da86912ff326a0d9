/** Who drives and watches in a measured call: browsers and libwebrtc, or many without pictures. */
import { fileURLToPath } from 'node:url';
import { ChildLink } from './ChildLink.ts';
import { DriverProcess } from './DriverProcess.ts';
import type { DriverCount, DriversRequest, FromLightMembers, ToLightMembers } from './messages.ts';
import type { ViewerResult } from './presented.ts';
import { ViewerBrowser } from './ViewerBrowser.ts';

export interface Crowd {
  /** Name and version of the browser that presents, or null. */
  readonly browser: string | null;
  /** Resolves when all of them send. */
  drive(request: Omit<DriversRequest, 'watched'>): Promise<void>;
  /** One viewer for each token; resolves when each sees its avatar. */
  watch(tokens: string[]): Promise<void>;
  /** Viewers forget what they have seen. */
  reset(): Promise<void>;
  /** What each driver has sent so far. */
  counts(): Promise<DriverCount[]>;
  /** CPU time of its processes so far, ms; null if not known. */
  cpuMs(): Promise<number | null>;
  results(): Promise<ViewerResult[]>;
  close(): Promise<void>;
}

/** Drivers on libwebrtc, viewers in Chromium. */
export class RealCrowd implements Crowd {
  readonly #viewers: ViewerBrowser | null;
  #drivers: DriverProcess | null = null;

  static async create(options: { executablePath: string | null; url: string }): Promise<RealCrowd> {
    const { executablePath, url } = options;
    return new RealCrowd(executablePath ? await ViewerBrowser.create({ executablePath, url }) : null);
  }

  private constructor(viewers: ViewerBrowser | null) {
    this.#viewers = viewers;
  }

  get browser(): string | null {
    return this.#viewers ? `Chromium ${this.#viewers.version}` : null;
  }

  async drive(request: Omit<DriversRequest, 'watched'>): Promise<void> {
    this.#drivers = await DriverProcess.create({ ...request, watched: this.#viewers !== null });
  }

  async watch(tokens: string[]): Promise<void> {
    for (const token of tokens) await this.#viewers?.watch(token);
  }

  async reset(): Promise<void> {
    await this.#viewers?.reset();
  }

  async counts(): Promise<DriverCount[]> {
    return (await this.#drivers?.count()) ?? [];
  }

  async cpuMs(): Promise<null> {
    return null;
  }

  async results(): Promise<ViewerResult[]> {
    return (await this.#viewers?.results()) ?? [];
  }

  async close(): Promise<void> {
    this.#drivers?.close();
    await this.#viewers?.close();
  }
}

const LIGHT_ENTRY = fileURLToPath(new URL('./light-members.ts', import.meta.url));

/** Drivers in one process, viewers in another. */
export class LightCrowd implements Crowd {
  readonly browser = null;
  readonly #drivers = new ChildLink<ToLightMembers, FromLightMembers>(LIGHT_ENTRY, 'drivers');
  readonly #viewers = new ChildLink<ToLightMembers, FromLightMembers>(LIGHT_ENTRY, 'viewers');
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async drive(request: Omit<DriversRequest, 'watched'>): Promise<void> {
    await this.#drivers.ask({ type: 'drive', request: { ...request, watched: true } }, 'driving');
  }

  async watch(tokens: string[]): Promise<void> {
    await this.#viewers.ask({ type: 'watch', url: this.#url, tokens }, 'watching');
  }

  async reset(): Promise<void> {
    await this.#viewers.ask({ type: 'reset' }, 'forgotten');
  }

  async counts(): Promise<DriverCount[]> {
    return (await this.#drivers.ask({ type: 'count' }, 'counted')).counts;
  }

  async cpuMs(): Promise<number> {
    const answers = await Promise.all([this.#drivers, this.#viewers].map((link) => link.ask({ type: 'count' }, 'counted')));
    return answers.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
  }

  async results(): Promise<ViewerResult[]> {
    return (await this.#viewers.ask({ type: 'results' }, 'seen')).results;
  }

  async close(): Promise<void> {
    this.#drivers.close();
    this.#viewers.close();
  }
}
