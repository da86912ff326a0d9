/** mediasoup's workers: one per core, each with its own WebRtcServer (one UDP and one TCP port for all its transports). */
import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';
import type { Logger } from 'pino';
import { AppError } from '../../client/src/protocol/errors.ts';
import { endAll } from '../base/end-all.ts';
import type { MediaPort, RoomMediaPort } from '../call/ports.ts';
import { routerCodecs } from './codecs.ts';
import { mediaLogListeners } from './media-log.ts';
import type { MediaOptions } from './options.ts';
import { RoomMedia } from './RoomMedia.ts';
import { WorkerHealth } from './WorkerHealth.ts';

interface Slot {
  worker: types.Worker;
  webRtcServer: types.WebRtcServer;
  rooms: Set<RoomMedia>;
  health: WorkerHealth;
}

/** One worker's answer to "can you work?". */
export interface WorkerState {
  name: string;
  ok: boolean;
  detail?: string;
}

const RESPAWN_DELAY_MS = 500;
/** How long a worker may take to end by itself. */
const END_GRACE_MS = 2000;

/** A worker that is broken or stopped does not end when it is asked to. */
function endWorker(worker: types.Worker): void {
  const { pid } = worker;
  const timer = setTimeout(() => endAll(() => void process.kill(pid, 'SIGKILL')), END_GRACE_MS);
  worker.once('subprocessclose', () => clearTimeout(timer));
  endAll(() => worker.close());
}

/** libuv's words from inside the worker, as Node would say it; and what the worker's own program lacks. */
function asStartError(error: Error): Error {
  const { message } = error;
  const told = (code: string, more: object = {}): Error =>
    Object.assign(new Error(message, { cause: error }), { code, part: 'media', ...more });
  const port = /uv_\w+\(\) failed .*port:(\d+)\]: address already in use/.exec(message)?.[1];
  if (port) return told('EADDRINUSE', { port: Number(port) });
  if (message.includes('address not available')) return told('EADDRNOTAVAIL');
  if (message.startsWith('invalid IP')) return told('EINVAL');
  if (/^spawn .* (ENOENT|EACCES|ENOEXEC)$/.test(message)) return told('ENOENT');
  return error;
}

/**
 * mediasoup ends its workers by itself when the process is told to end: before anybody in a call has been told why, and at the same time as
 * we do. We end them, in our order.
 */
function leaveSignalsToUs(worker: types.Worker): void {
  const { onSignal } = worker as { onSignal?: unknown };
  if (typeof onSignal !== 'function') return;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, onSignal as () => void);
}

export class MediaWorkers implements MediaPort {
  readonly #options: MediaOptions;
  readonly #log: Logger;
  readonly #slots: (Slot | null)[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #closed = false;

  /**
   * Starts all workers. The worker binary is the one `gioconda setup` made (MEDIASOUP_WORKER_BIN).
   * @throws Error with `part` media and a `code`: EADDRINUSE (and `port`) if another program has a media port, EADDRNOTAVAIL or EINVAL for an
   * address that is not this machine's, ENOENT without a worker binary
   */
  static async create(options: MediaOptions, log: Logger): Promise<MediaWorkers> {
    const media = new MediaWorkers(options, log.child({ part: 'media' }));
    // One for the process, whichever workers it belongs to.
    mediasoup.setLogEventListeners(mediaLogListeners(media.#log));
    const started = await Promise.allSettled(Array.from({ length: options.workers }, (_, index) => media.#start(index)));
    const failure = started.find((result) => result.status === 'rejected');
    if (!failure) return media;
    media.close(); // the others must not outlive a start that failed
    throw asStartError(failure.reason as Error);
  }

  private constructor(options: MediaOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  get ready(): boolean {
    return this.states.every(({ ok }) => ok);
  }

  /** Each worker, named as in the log. */
  get states(): WorkerState[] {
    return Array.from({ length: this.#options.workers }, (_, index) => {
      const name = `media-worker-${index}`;
      const slot = this.#slots[index];
      if (this.#closed || !slot) return { name, ok: false, detail: 'It is not running.' };
      return slot.health.ok ? { name, ok: true } : { name, ok: false, detail: 'It does not answer and is being replaced.' };
    });
  }

  async createRoomMedia(): Promise<RoomMediaPort> {
    const slot = this.#slots
      .filter((candidate) => candidate?.health.ok)
      .map((candidate) => candidate!)
      .sort((a, b) => a.rooms.size - b.rooms.size)[0];
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
    leaveSignalsToUs(worker);
    const webRtcServer = await this.#listen(worker, index).catch((error: unknown) => {
      endWorker(worker);
      throw error;
    });
    if (this.#closed) return endWorker(worker);
    const health = new WorkerHealth({
      ask: () => worker.getResourceUsage(),
      timeoutMs: this.#options.workerTimeoutMs,
      onFailed: (reason) => this.#onUnhealthy(index, worker, reason),
    });
    this.#slots[index] = { worker, webRtcServer, rooms: new Set(), health };
    worker.on('died', (error) => this.#onDied(index, health, error));
  }

  /** Nothing can be asked of it any more, not even to end. What follows is the same as when it dies by itself. */
  #onUnhealthy(index: number, worker: types.Worker, reason: Error): void {
    this.#log.error({ err: reason, worker: `media-worker-${index}`, pid: worker.pid }, 'media worker does not answer, ending it');
    endAll(() => void process.kill(worker.pid, 'SIGKILL'));
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

  #onDied(index: number, health: WorkerHealth, error: Error): void {
    health.close();
    if (this.#closed) return;
    this.#log.error({ err: error, worker: `media-worker-${index}` }, 'media worker died, starting another');
    this.#slots[index] = null;
    this.#respawn(index);
  }

  #respawn(index: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#start(index).catch((error: unknown) => {
        this.#log.error({ err: error, worker: `media-worker-${index}` }, 'media worker does not start, trying again');
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
    for (const slot of this.#slots) {
      if (!slot) continue;
      slot.health.close();
      endWorker(slot.worker);
    }
  }
}
