/**
 * How many avatars this machine renders, and how fast: from what a frame was measured to take. Knows no processes and no clock: it is told
 * what was measured and who is there, and says who gets what.
 */
import { quantiles } from '../../base/quantiles.ts';
import { fairRates, type Claim } from '../../limits/fair-rates.ts';

export interface CapacityOptions {
  /** How many processes render at the same time. */
  cores: number;
  /** Of these, the share that rendering may take: the rest is for media, signalling and whatever else runs. */
  share: number;
  /** Frames a second: what all get where there is enough, and the least that a newcomer must get. */
  fps: number;
  leastFps: number;
  /** Milliseconds for a frame of that model as measured before, or null. */
  knownMs?: ((model: string) => number | null) | undefined;
}

export interface RenderedAvatar {
  id: string;
  user: string;
  model: string;
  /** Which process renders it; null while none does. */
  process: string | null;
}

/** Until the first frames tell. */
const UNMEASURED_MS = 10;
/** Of a process's time. The rest is for packets, reports and what else its one thread does. */
const PROCESS_SHARE = 0.95;
/** Of what has just been measured against what was believed before; once a second, so that a busy moment is not taken for the machine. */
const TRUST = 0.3;
const LEAST_SAMPLES = 5;
const MOST_MEDIANS = 4;
/** Of a second: a smaller gain is not worth a move. */
const LEAST_GAIN_MS = 20;

export class Capacity {
  readonly #options: CapacityOptions;
  readonly #costs = new Map<string, number>();
  readonly #samples = new Map<string, number[]>();

  constructor(options: CapacityOptions) {
    this.#options = options;
  }

  /** Models that were rendered, with the milliseconds that a frame of theirs takes in the mean. */
  get costs(): ReadonlyMap<string, number> {
    return this.#costs;
  }

  /** Milliseconds for a frame. */
  costOf(model: string): number {
    return this.#costs.get(model) ?? this.#options.knownMs?.(model) ?? UNMEASURED_MS;
  }

  /** A frame took so long, ms. */
  took(model: string, durationMs: number): void {
    if (!Number.isFinite(durationMs) || durationMs < 0) return;
    const samples = this.#samples.get(model);
    if (samples) samples.push(durationMs);
    else this.#samples.set(model, [durationMs]);
  }

  /** Once a second: learns from the frames since the last time. */
  learn(): void {
    for (const [model, samples] of this.#samples) {
      if (samples.length < LEAST_SAMPLES) continue;
      const cost = typical(samples);
      const before = this.#costs.get(model);
      this.#costs.set(model, before === undefined ? cost : before + TRUST * (cost - before));
      this.#samples.delete(model);
    }
  }

  /** How many avatars of that model are rendered well, each of another user. */
  fits(model: string): { atFullRate: number; atLowestRate: number } {
    const { fps, leastFps } = this.#options;
    const frames = this.#total / this.costOf(model);
    return { atFullRate: Math.floor(frames / fps), atLowestRate: Math.floor(frames / leastFps) };
  }

  /** Frames a second for each of those that are watched. */
  rates(watched: readonly RenderedAvatar[]): Map<string, number> {
    const shared = this.#machineRates(watched);
    const rates = new Map(shared);
    // A process has one thread: where its avatars together want more than that, they share it in the same way.
    for (const [process, own] of Map.groupBy(watched, (avatar) => avatar.process)) {
      if (process === null) continue;
      const claims = own.map((avatar) => this.#claim(avatar, shared.get(avatar.id)!));
      for (const [id, rate] of fairRates(claims, PROCESS_SHARE * 1000)) rates.set(id, rate);
    }
    return rates;
  }

  /** Whether one more can be rendered at the lowest rate at least. The first one always is: there is nothing to wait for. */
  admits(newcomer: { user: string; model: string }, others: readonly RenderedAvatar[]): boolean {
    if (others.length === 0) return true;
    const all = [...others, { ...newcomer, id: '', process: null }];
    return this.#machineRates(all).get('')! >= this.#options.leastFps;
  }

  /** Milliseconds of work a second that each process has with these avatars, as the machine is shared among all of them. */
  loads(avatars: readonly RenderedAvatar[], processes: readonly string[]): Map<string, number> {
    const rates = this.#machineRates(avatars);
    const loads = new Map(processes.map((process) => [process, 0]));
    for (const { id, model, process } of avatars) {
      const load = process === null ? undefined : loads.get(process);
      if (load !== undefined) loads.set(process!, load + this.costOf(model) * rates.get(id)!);
    }
    return loads;
  }

  /**
   * The avatar that takes most off a crowded process by moving to the least loaded of `processes`; null where no move helps much.
   * @param candidates which may be moved
   */
  misplaced(watched: readonly RenderedAvatar[], processes: readonly string[], candidates: ReadonlySet<string>): string | null {
    const rates = this.#machineRates(watched);
    const workOf = ({ id, model }: RenderedAvatar): number => this.costOf(model) * rates.get(id)!;
    const loads = this.loads(watched, processes);
    const least = Math.min(...loads.values());
    let best = { id: null as string | null, gain: LEAST_GAIN_MS };
    for (const avatar of watched) {
      const load = avatar.process === null ? 0 : (loads.get(avatar.process) ?? 0);
      if (!candidates.has(avatar.id) || load <= PROCESS_SHARE * 1000) continue;
      // What the fuller one of the two has less than before.
      const gain = Math.min(workOf(avatar), load - least - workOf(avatar));
      if (gain > best.gain) best = { id: avatar.id, gain };
    }
    return best.id;
  }

  get #total(): number {
    return this.#options.cores * this.#options.share * 1000;
  }

  #machineRates(watched: readonly RenderedAvatar[]): Map<string, number> {
    return fairRates(
      watched.map((avatar) => this.#claim(avatar, this.#options.fps)),
      this.#total,
    );
  }

  #claim({ id, user, model }: Omit<RenderedAvatar, 'process'>, most: number): Claim {
    return { id, user, cost: this.costOf(model), most };
  }
}

/** The mean, for that is what adds up; but a frame that was held up by something else counts no more than a few others. */
function typical(samples: readonly number[]): number {
  const most = MOST_MEDIANS * quantiles(samples).p50;
  return samples.reduce((sum, ms) => sum + Math.min(ms, most), 0) / samples.length;
}
