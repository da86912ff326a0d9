/** mediasoup's workers: one per core, each with its own WebRtcServer (one UDP and one TCP port for all its transports). */
import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import type { Logger } from 'pino';
import { AppError } from '../../client/src/protocol/errors.ts';
import type { MediaPort, RoomMediaPort } from '../call/ports.ts';
import { routerCodecs } from './codecs.ts';
import type { MediaOptions } from './options.ts';
import { RoomMedia } from './RoomMedia.ts';

interface Slot {
  worker: types.Worker;
  webRtcServer: types.WebRtcServer;
  rooms: Set<RoomMedia>;
}

const RESPAWN_DELAY_MS = 500;

/** libuv's words from inside the worker, as Node would say it. */
function asPortError(error: Error): Error {
  const port = /uv_\w+\(\) failed .*port:(\d+)\]: address already in use/.exec(error.message)?.[1];
  return port
    ? Object.assign(new Error(error.message, { cause: error }), { code: 'EADDRINUSE', port: Number(port), part: 'media' })
    : error;
}

export class MediaWorkers implements MediaPort {
  readonly #options: MediaOptions;
  readonly #log: Logger;
  readonly #slots: (Slot | null)[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #closed = false;

  /**
   * Starts all workers. The worker binary is the one `gioconda setup` made (MEDIASOUP_WORKER_BIN).
   * @throws Error with `code` EADDRINUSE and `port` if another program has a media port
   */
  static async create(options: MediaOptions, log: Logger): Promise<MediaWorkers> {
    const media = new MediaWorkers(options, log.child({ part: 'media' }));
    const started = await Promise.allSettled(Array.from({ length: options.workers }, (_, index) => media.#start(index)));
    const failure = started.find((result) => result.status === 'rejected');
    if (!failure) return media;
    media.close(); // the others must not outlive a start that failed
    throw asPortError(failure.reason as Error);
  }

  private constructor(options: MediaOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  get ready(): boolean {
    return !this.#closed && this.#slots.some((slot) => slot !== null);
  }

  async createRoomMedia(): Promise<RoomMediaPort> {
    const slot = this.#slots.filter((candidate) => candidate !== null).sort((a, b) => a.rooms.size - b.rooms.size)[0];
    if (!slot) throw new AppError('transport-failed', 'No media worker is running at the moment');
    const router = await slot.worker.createRouter({ mediaCodecs: routerCodecs(this.#options.codec) });
    const room = new RoomMedia(router, slot.webRtcServer, this.#options);
    slot.rooms.add(room);
    router.observer.once('close', () => slot.rooms.delete(room));
    // mediasoup closes the routers of a dead worker before it says that the worker died.
    router.once('workerclose', () => {
      if (!this.#closed) room.died();
    });
    return room;
  }

  async #start(index: number): Promise<void> {
    const worker = await mediasoup.createWorker({ logLevel: 'warn', logTags: ['info', 'ice', 'dtls', 'rtp', 'srtp', 'rtcp', 'sctp'] });
    const webRtcServer = await this.#listen(worker, index).catch((error: unknown) => {
      worker.close();
      throw error;
    });
    if (this.#closed) return worker.close();
    const slot: Slot = { worker, webRtcServer, rooms: new Set() };
    this.#slots[index] = slot;
    worker.on('died', (error) => this.#onDied(index, slot, error));
  }

  #listen(worker: types.Worker, index: number): Promise<types.WebRtcServer> {
    const { listenIp, announcedAddress, basePort, enableUdp, enableTcp } = this.#options;
    const common = { ip: listenIp, ...(announcedAddress ? { announcedAddress } : {}), ...(basePort ? { port: basePort + index } : {}) };
    return worker.createWebRtcServer({
      listenInfos: [
        ...(enableUdp ? [{ protocol: 'udp' as const, ...common }] : []),
        ...(enableTcp ? [{ protocol: 'tcp' as const, ...common }] : []),
      ],
    });
  }

  #onDied(index: number, slot: Slot, error: Error): void {
    if (this.#closed) return;
    this.#log.error({ err: error, index }, 'media worker died, starting another');
    this.#slots[index] = null;
    this.#respawn(index);
  }

  #respawn(index: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#start(index).catch((error: unknown) => {
        this.#log.error({ err: error, index }, 'media worker does not start, trying again');
        if (!this.#closed) this.#respawn(index);
      });
    }, RESPAWN_DELAY_MS);
    this.#timers.add(timer);
  }

  /** For operators and tests. */
  get pids(): number[] {
    return this.#slots.flatMap((slot) => (slot ? [slot.worker.pid] : []));
  }

  /** CPU time of all workers so far, ms (user + system); for benchmarks and metrics. */
  async cpuMs(): Promise<number> {
    const running = this.#slots.filter((slot) => slot !== null);
    const usages = await Promise.all(running.map(({ worker }) => worker.getResourceUsage()));
    return usages.reduce((sum, { ru_utime, ru_stime }) => sum + ru_utime + ru_stime, 0);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const slot of this.#slots) slot?.worker.close();
  }
}
