/** Shares this machine among the live avatars: says how fast each is rendered, whether one more fits, and which is in the wrong process. */
import { AppError } from '../../../client/src/protocol/index.ts';
import { serverNow } from '../../base/clock.ts';
import { quantiles } from '../../base/quantiles.ts';
import type { SentFrame, SharingReport } from '../../call/ports.ts';
import { Capacity, type CapacityOptions, type RenderedAvatar } from './Capacity.ts';
import type { PooledSession } from './PooledSession.ts';
import type { SynthesisProcessPort } from './SynthesisProcess.ts';

export interface RateSharingOptions {
  capacity: CapacityOptions;
  sessions: ReadonlyMap<string, PooledSession>;
  processes: ReadonlySet<SynthesisProcessPort>;
  /** Closes the session in its process, and opens it in the least loaded one. */
  move(session: PooledSession): void;
  /** `limit` is a key of the configuration's `synthesis`. */
  onLimit(limit: string): void;
}

export interface Newcomer {
  user: string;
  model: string;
}

const LEARN_INTERVAL_MS = 1000;
/** Whoever has just come will be watched in a moment: counted as if they were, so that a crowd is not let in all at once. */
const FRESH_MS = 10_000;
/** A move costs its viewers a moment without pictures: one at a time, and the same avatar seldom. */
const MOVE_INTERVAL_MS = 2000;
const MOVE_AGAIN_MS = 30_000;
/** Smaller changes are not worth a message. */
const LEAST_CHANGE = 0.5;

export class RateSharing {
  readonly #options: RateSharingOptions;
  readonly #capacity: Capacity;
  readonly #timer: NodeJS.Timeout;
  /** Admitted, and not yet among the sessions. */
  readonly #coming = new Set<Newcomer>();
  readonly #moved = new WeakMap<PooledSession, number>();
  #movedMs = -Infinity;

  constructor(options: RateSharingOptions) {
    this.#options = options;
    this.#capacity = new Capacity(options.capacity);
    this.#timer = setInterval(() => this.#tick(), LEARN_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Newcomers who are admitted, and not open yet. */
  get coming(): number {
    return this.#coming.size;
  }

  /** Runs `open` with a place among those who count. @throws AppError `server-busy`, and what `open` throws */
  async admit<T>(newcomer: Newcomer, open: () => Promise<T>): Promise<T> {
    const { leastFps } = this.#options.capacity;
    const others = [
      ...this.#avatars((session) => this.#counts(session)),
      ...[...this.#coming].map((coming, n) => asAvatar(`coming ${n}`, coming)),
    ];
    if (!this.#capacity.admits(newcomer, others)) {
      this.#options.onLimit('minFramesPerSecond');
      throw new AppError('server-busy', `One more avatar would be shown at less than ${leastFps} frames a second`);
    }
    const coming = { ...newcomer };
    this.#coming.add(coming);
    try {
      return await open();
    } finally {
      this.#coming.delete(coming);
    }
  }

  /** The processes, in the order in which they suit that session: those first that have the least to do without it. */
  byLoad(session: PooledSession): SynthesisProcessPort[] {
    const counts = session.watched ? (other: PooledSession) => other.watched : (other: PooledSession) => this.#counts(other);
    // It has its part in how the machine is shared, wherever it is.
    const avatars = this.#avatars(counts).map((avatar) => (avatar.id === session.id ? { ...avatar, process: null } : avatar));
    const processes = [...this.#options.processes];
    const loads = this.#capacity.loads(avatars, processes.map(keyOf));
    const count = (process: SynthesisProcessPort): number =>
      [...this.#options.sessions.values()].filter((other) => other !== session && other.isIn(process)).length;
    return processes.sort((a, b) => loads.get(keyOf(a))! - loads.get(keyOf(b))! || count(a) - count(b));
  }

  /** Somebody watches now, or nobody does any more; or an avatar has gone. Where no picture flows yet, a better process costs nothing. */
  changed(session: PooledSession): void {
    if (session.watched && this.#misplaced([session])) this.#move(session);
    this.#apply();
  }

  rendered(model: string, frames: readonly SentFrame[]): void {
    for (const { trace } of frames) this.#capacity.took(model, trace.sentMs - trace.synthesisStartMs);
  }

  get report(): SharingReport {
    const models = new Set([...this.#options.sessions.values()].map(({ model }) => model).concat(...this.#capacity.costs.keys()));
    const paces = [...this.#options.sessions.values()].filter(({ pace }) => pace > 0).map(({ pace }) => pace);
    return {
      costs: this.#capacity.costs,
      fits: new Map([...models].map((model) => [model, this.#capacity.fits(model)])),
      lowest: paces.length > 0 ? Math.min(...paces) : null,
      median: paces.length > 0 ? quantiles(paces).p50 : null,
    };
  }

  #tick(): void {
    this.#capacity.learn();
    this.#apply();
    if (serverNow() - this.#movedMs < MOVE_INTERVAL_MS) return;
    const rested = [...this.#options.sessions.values()].filter((session) => serverNow() - this.#lastMoveOf(session) >= MOVE_AGAIN_MS);
    const session = this.#misplaced(rested);
    if (!session) return;
    this.#movedMs = serverNow();
    this.#move(session);
  }

  #lastMoveOf(session: PooledSession): number {
    return this.#moved.get(session) ?? -Infinity;
  }

  #move(session: PooledSession): void {
    this.#moved.set(session, serverNow());
    this.#options.move(session);
  }

  #apply(): void {
    const { fps } = this.#options.capacity;
    const rates = this.#capacity.rates(this.#watched());
    for (const [id, session] of this.#options.sessions) {
      const rate = rates.get(id) ?? 0;
      if (rate > 0 && rate < fps && session.pace > 0 && Math.abs(rate - session.pace) < LEAST_CHANGE) continue;
      session.setPace(rate);
    }
  }

  /** One of the candidates that would be rendered faster in another process. */
  #misplaced(candidates: readonly PooledSession[]): PooledSession | undefined {
    const processes = [...this.#options.processes].filter(({ alive }) => alive).map(keyOf);
    if (processes.length < 2) return undefined;
    const settled = new Set(candidates.filter((session) => session.settled).map(({ id }) => id));
    const id = this.#capacity.misplaced(this.#watched(), processes, settled);
    return id === null ? undefined : this.#options.sessions.get(id);
  }

  #watched(): RenderedAvatar[] {
    return this.#avatars(({ watched }) => watched);
  }

  #counts({ watched, openedMs }: PooledSession): boolean {
    return watched || serverNow() - openedMs < FRESH_MS;
  }

  #avatars(which: (session: PooledSession) => boolean): RenderedAvatar[] {
    return [...this.#options.sessions.values()].filter(which).map((session) => ({
      ...asAvatar(session.id, session),
      process: [...this.#options.processes].filter((process) => session.isIn(process)).map(keyOf)[0] ?? null,
    }));
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

const keyOf = ({ pid }: SynthesisProcessPort): string => String(pid);

const asAvatar = (id: string, { user, model }: Newcomer): RenderedAvatar => ({ id, user, model, process: null });
