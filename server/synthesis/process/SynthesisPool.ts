/** All synthesis processes of this server: places live avatars and replaces what dies. */
import type { Logger } from 'pino';
import { AppError } from '../../../client/src/protocol/index.ts';
import type { SynthesisPort, SynthesisSessionPort } from '../../call/ports.ts';
import type { AvatarSource, VideoSettings } from './messages.ts';
import { PooledSession } from './PooledSession.ts';
import { SynthesisProcess } from './SynthesisProcess.ts';

export interface SynthesisPoolOptions {
  workers: number;
  maxAvatars: number;
  deadlineMs: number;
  cacheDir: string;
  video: VideoSettings;
  log: Logger;
  /** Finds (or makes anew) the generated weights. @throws AppError `avatar-not-found`, `model-unknown`. */
  resolve(avatarId: string, model: string): Promise<AvatarSource>;
  onRestart?(): void;
}

const RESPAWN_DELAY_MS = 1000;

export class SynthesisPool implements SynthesisPort {
  readonly #options: SynthesisPoolOptions;
  readonly #processes = new Set<SynthesisProcess>();
  readonly #sessions = new Map<string, PooledSession>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Being opened right now: a process that dies meanwhile must not open them twice. */
  readonly #placing = new Set<PooledSession>();
  #closed = false;

  static async create(options: SynthesisPoolOptions): Promise<SynthesisPool> {
    const pool = new SynthesisPool(options);
    await Promise.all(Array.from({ length: options.workers }, () => pool.#spawn()));
    return pool;
  }

  private constructor(options: SynthesisPoolOptions) {
    this.#options = { ...options, log: options.log.child({ part: 'synthesis' }) };
  }

  get ready(): boolean {
    return [...this.#processes].some((process) => process.alive);
  }

  /** For operators, tests and benchmarks. */
  get processes(): { pid: number | undefined; sessions: number; rssBytes: number; cpuMs: number }[] {
    return [...this.#processes].map((process) => ({ pid: process.pid, sessions: this.#load(process), rssBytes: process.rssBytes, cpuMs: process.cpuMs }));
  }

  async open({ avatarId, model }: { avatarId: string; model: string }): Promise<SynthesisSessionPort> {
    if (this.#sessions.size >= this.#options.maxAvatars) throw new AppError('capacity');
    const source = await this.#options.resolve(avatarId, model);
    const session = new PooledSession({
      source,
      video: this.#options.video,
      resolve: this.#options.resolve,
      onClosed: (closed) => this.#sessions.delete(closed.id),
    });
    this.#sessions.set(session.id, session);
    try {
      await this.#place(session);
    } catch (error) {
      session.close();
      throw error;
    }
    return session;
  }

  #load(process: SynthesisProcess): number {
    let sessions = 0;
    for (const session of this.#sessions.values()) if (session.process === process) sessions++;
    return sessions;
  }

  #leastLoaded(): SynthesisProcess {
    const [process] = [...this.#processes].filter((candidate) => candidate.alive).sort((a, b) => this.#load(a) - this.#load(b));
    if (!process) throw new AppError('synthesis-failed', 'No synthesis process is running at the moment');
    return process;
  }

  async #spawn(): Promise<void> {
    const process = await SynthesisProcess.create(this.#options);
    if (this.#closed) return process.close();
    this.#processes.add(process);
    process.events.on('frame', ({ sessionId, frame }) => this.#sessions.get(sessionId)?.handleFrame(frame));
    process.events.on('state', ({ sessionId, state }) => this.#sessions.get(sessionId)?.handleState(state));
    process.events.on('exited', () => this.#onExited(process));
    this.#adopt();
  }

  /** Its avatars go on at once in another process, or in the next one as soon as that is up. */
  #onExited(process: SynthesisProcess): void {
    this.#processes.delete(process);
    for (const session of this.#sessions.values()) if (session.process === process) session.orphan();
    if (this.#closed) return;
    this.#options.onRestart?.();
    this.#adopt();
    this.#respawn(0);
  }

  #adopt(): void {
    if (!this.ready) return;
    for (const session of this.#sessions.values()) {
      if (session.process || session.closed || this.#placing.has(session)) continue;
      this.#place(session).catch((error: unknown) => this.#options.log.error({ err: error }, 'an avatar cannot be reopened'));
    }
  }

  async #place(session: PooledSession): Promise<void> {
    this.#placing.add(session);
    try {
      await session.openIn(this.#leastLoaded());
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
    for (const session of [...this.#sessions.values()]) session.close();
    for (const process of this.#processes) process.close();
  }
}
