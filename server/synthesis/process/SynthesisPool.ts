/** All synthesis processes of this server: places live avatars and replaces what dies. */
import type { Logger } from 'pino';
import { AppError } from '../../../client/src/protocol/index.ts';
import type { SharingReport, SynthesisPort, SynthesisSessionPort } from '../../call/ports.ts';
import type { CapacityOptions } from './Capacity.ts';
import type { AvatarSource, PacketCounts, VideoSettings } from './messages.ts';
import { serverNow } from '../../base/clock.ts';
import type { ModelChoice } from './open-renderer.ts';
import { PooledSession } from './PooledSession.ts';
import { RateSharing } from './RateSharing.ts';
import { SynthesisProcess, type SpawnSynthesisProcess, type SynthesisProcessPort } from './SynthesisProcess.ts';

export interface SynthesisPoolOptions {
  workers: number;
  /** Open at the same time, watched or not. */
  maxAvatars: number;
  /** How many are rendered, and how fast. */
  capacity: CapacityOptions;
  deadlineMs: number;
  cacheDir: string;
  /** Loaded by each process as it starts. */
  models?: readonly ModelChoice[];
  /** The repository's own unless given. */
  modelsDirectory?: string;
  /** See `SynthesisProcessOptions`. */
  replay?: string | undefined;
  video: VideoSettings;
  log: Logger;
  /** Finds (or makes anew) the generated weights. @throws AppError `avatar-not-found`, `model-unknown`. */
  resolve(avatarId: string, model: string): Promise<AvatarSource>;
  onRestart?(): void;
  /** Landmark packets that drove nothing. */
  onPacketsDropped?(outcome: DroppedPackets, count: number): void;
  /** `limit` is a key of the configuration's `synthesis`. */
  onLimit?(limit: string): void;
  /** Starts a process; tests bring their own. */
  spawn?: SpawnSynthesisProcess;
}

/** A newer one came first; not a packet at all; no process to take it. */
export type DroppedPackets = 'superseded' | 'invalid' | 'unclaimed';

const RESPAWN_DELAY_MS = 1000;
/** An avatar that cannot be reopened is tried again after this, then after twice as long each time. */
const RETRY_MS = 250;
/** Faults of one avatar, each less than a minute after the one before, until it is closed. */
const MOST_FAULTS = 3;
/** Processes that end further apart than this have nothing to do with each other. */
const QUIET_MS = 10_000;
const MOST_RETRY_MS = 8000;

export class SynthesisPool implements SynthesisPort {
  readonly #options: SynthesisPoolOptions;
  readonly #processes = new Set<SynthesisProcessPort>();
  readonly #sessions = new Map<string, PooledSession>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Being opened right now: a process that dies meanwhile must not open them twice. */
  readonly #placing = new Set<PooledSession>();
  readonly #retries = new Map<PooledSession, NodeJS.Timeout>();
  readonly #sharing: RateSharing;
  /** Blamed for a fault, and not open again yet. They wait until all processes are there: another fault must find a place for the neighbours. */
  readonly #suspects = new Set<PooledSession>();
  #ends = 0;
  #lastEndMs = -Infinity;
  #closed = false;

  static async create(options: SynthesisPoolOptions): Promise<SynthesisPool> {
    const pool = new SynthesisPool(options);
    try {
      await Promise.all(Array.from({ length: options.workers }, () => pool.#spawn()));
    } catch (error) {
      pool.close();
      throw error;
    }
    return pool;
  }

  private constructor(options: SynthesisPoolOptions) {
    this.#options = { ...options, log: options.log.child({ part: 'synthesis' }) };
    this.#sharing = new RateSharing({
      capacity: options.capacity,
      sessions: this.#sessions,
      processes: this.#processes,
      move: (session) => session.leave(),
      onLimit: (limit) => options.onLimit?.(limit),
    });
  }

  get ready(): boolean {
    return [...this.#processes].some((process) => process.alive);
  }

  /** Live avatars that are rendered, and those that nobody watches. */
  get avatars(): { rendered: number; idle: number } {
    const rendered = [...this.#sessions.values()].filter(({ watched }) => watched).length;
    return { rendered, idle: this.#sessions.size - rendered };
  }

  /** What the machine was measured to render, and how fast it does. */
  get sharing(): SharingReport {
    return this.#sharing.report;
  }

  /** For operators, tests and benchmarks. */
  get processes(): { pid: number | undefined; sessions: number; rssBytes: number; cpuMs: number }[] {
    return [...this.#processes].map((process) => ({
      pid: process.pid,
      sessions: this.#load(process),
      rssBytes: process.rssBytes,
      cpuMs: process.cpuMs,
    }));
  }

  async open(options: Parameters<SynthesisPort['open']>[0]): Promise<SynthesisSessionPort> {
    const session = await this.#newSession(options);
    try {
      await this.#place(session);
    } catch (error) {
      session.close();
      throw this.#closed ? new AppError('shutting-down') : error;
    }
    return session;
  }

  async #newSession({ avatarId, model, output, user }: Parameters<SynthesisPort['open']>[0]): Promise<PooledSession> {
    if (this.#closed) throw new AppError('shutting-down');
    if (this.#sessions.size + this.#sharing.coming >= this.#options.maxAvatars) {
      this.#options.onLimit?.('maxAvatars');
      throw new AppError('capacity');
    }
    const source = await this.#sharing.admit({ user, model }, () => this.#options.resolve(avatarId, model));
    const session = new PooledSession({
      user,
      source,
      output,
      video: this.#options.video,
      resolve: this.#options.resolve,
      onClosed: (closed) => this.#forget(closed),
      onWatched: (changed) => this.#sharing.changed(changed),
      onRendered: ({ model: rendered }, frames) => this.#sharing.rendered(rendered, frames),
      onLost: (lost) => this.#reopen(lost),
      onDropped: (outcome) => this.#options.onPacketsDropped?.(outcome, 1),
    });
    this.#sessions.set(session.id, session);
    return session;
  }

  #forget(session: PooledSession): void {
    this.#sessions.delete(session.id);
    this.#suspects.delete(session);
    this.#cancelRetry(session);
    this.#sharing.changed(session);
  }

  #load(process: SynthesisProcessPort): number {
    let sessions = 0;
    for (const session of this.#sessions.values()) if (session.isIn(process)) sessions++;
    return sessions;
  }

  #leastLoaded(session: PooledSession): SynthesisProcessPort {
    const process = this.#sharing.byLoad(session).find(({ alive }) => alive);
    if (!process) throw new AppError('synthesis-failed', 'No synthesis process is running at the moment');
    return process;
  }

  async #spawn(): Promise<void> {
    const process = await (this.#options.spawn ?? SynthesisProcess.create)(this.#options);
    if (this.#closed) return process.close();
    this.#processes.add(process);
    const shownBy = (sessionId: string): PooledSession | undefined => {
      const session = this.#sessions.get(sessionId);
      return session?.isIn(process) ? session : undefined;
    };
    process.events.on('sent', ({ sessions }) => {
      for (const sent of sessions) shownBy(sent.sessionId)?.handleSent(sent);
    });
    process.events.on('state', ({ sessionId, state }) => shownBy(sessionId)?.handleState(state));
    process.events.on('neutral', ({ sessionId, neutral }) => shownBy(sessionId)?.handleNeutral(neutral));
    process.events.on('fault', ({ sessionId }) => {
      const session = shownBy(sessionId);
      if (session) this.#onFault(session);
    });
    process.events.on('packets', (counts) => this.#countDropped(counts));
    process.events.on('exited', () => this.#onExited(process));
    this.#reassign();
  }

  /** An avatar whose frames keep failing is closed before it takes down process after process with its neighbours. */
  #onFault(session: PooledSession): void {
    session.detach();
    if (session.countFault(serverNow()) >= MOST_FAULTS) {
      this.#options.log.error({ faults: MOST_FAULTS }, 'an avatar is closed: its frames keep failing');
      return session.fail(new AppError('synthesis-failed', 'The avatar cannot be rendered'));
    }
    this.#suspects.add(session);
    this.#later(session, RETRY_MS, () => this.#reopenSuspect(session));
  }

  #reopenSuspect(session: PooledSession): void {
    if (this.#processes.size < this.#options.workers) return this.#later(session, RETRY_MS, () => this.#reopenSuspect(session));
    this.#suspects.delete(session);
    this.#reopen(session);
  }

  #later(session: PooledSession, delayMs: number, work: () => void): void {
    this.#cancelRetry(session);
    this.#retries.set(session, setTimeout(work, delayMs));
  }

  /** Its avatars go on at once in another process, or in the next one as soon as that is up. */
  #onExited(process: SynthesisProcessPort): void {
    this.#processes.delete(process);
    for (const session of this.#sessions.values()) if (session.isIn(process)) session.detach();
    if (this.#closed) return;
    this.#options.onRestart?.();
    this.#reassign();
    this.#respawn(this.#restartDelay());
  }

  /** None after a quiet time; each further end within that time doubles it. */
  #restartDelay(): number {
    const nowMs = serverNow();
    this.#ends = nowMs - this.#lastEndMs > QUIET_MS ? 0 : this.#ends + 1;
    this.#lastEndMs = nowMs;
    return this.#ends === 0 ? 0 : Math.min(MOST_RETRY_MS, RETRY_MS * 2 ** (this.#ends - 1));
  }

  #reassign(): void {
    for (const session of this.#sessions.values()) if (!this.#suspects.has(session)) this.#reopen(session);
  }

  /** Where it is not open already; without any process the next one reassigns it. */
  #reopen(session: PooledSession, attempt = 0): void {
    this.#cancelRetry(session);
    if (!this.ready || this.#closed || session.open || session.closed || this.#placing.has(session)) return;
    this.#place(session).catch((error: unknown) => {
      if (session.closed) return;
      this.#options.log.error({ err: error }, 'an avatar cannot be reopened, trying again');
      this.#later(session, Math.min(MOST_RETRY_MS, RETRY_MS * 2 ** attempt), () => this.#reopen(session, attempt + 1));
    });
  }

  #cancelRetry(session: PooledSession): void {
    clearTimeout(this.#retries.get(session));
    this.#retries.delete(session);
  }

  #countDropped({ malformed, superseded }: PacketCounts): void {
    if (malformed > 0) this.#options.onPacketsDropped?.('invalid', malformed);
    if (superseded > 0) this.#options.onPacketsDropped?.('superseded', superseded);
  }

  async #place(session: PooledSession): Promise<void> {
    this.#placing.add(session);
    try {
      await session.openIn(this.#leastLoaded(session));
    } finally {
      this.#placing.delete(session);
    }
  }

  #respawn(delayMs: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#spawn().catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'synthesis process does not start, trying again');
        if (!this.#closed) this.#respawn(RESPAWN_DELAY_MS);
      });
    }, delayMs);
    this.#timers.add(timer);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#sharing.close();
    for (const session of [...this.#sessions.values()]) session.close();
    for (const process of this.#processes) process.close();
  }
}
