import { AppError } from '../protocol/index.ts';
import { monotonicNowMs } from './ports.ts';
import type { MonotonicClock, RequestFunction } from './ports.ts';

interface Sample {
  offsetMs: number;
  roundTripMs: number;
}

const BURST = 6;
const BURST_GAP_MS = 120;
const REFRESH_MS = 10_000;
const KEPT_SAMPLES = 24;

/**
 * The offset between this machine's monotonic clock and the server's, as in NTP (RFC 5905, section 8): the error of one
 * exchange is at most half of its round trip, so the fastest exchanges count and the others are noise.
 */
export class ClockFilter {
  readonly #samples: Sample[] = [];

  add(sample: Sample): void {
    this.#samples.push(sample);
    if (this.#samples.length > KEPT_SAMPLES) this.#samples.shift();
  }

  /** Forgets everything, e.g. after the server restarted on another machine. */
  reset(): void {
    this.#samples.length = 0;
  }

  get settled(): boolean {
    return this.#samples.length > 0;
  }

  get roundTripMs(): number {
    return this.#samples.length === 0 ? 0 : Math.min(...this.#samples.map((sample) => sample.roundTripMs));
  }

  /** Median offset of the fastest quarter of the samples. */
  get offsetMs(): number {
    if (this.#samples.length === 0) return 0;
    const byRoundTrip = [...this.#samples].sort((a, b) => a.roundTripMs - b.roundTripMs);
    const fastest = byRoundTrip.slice(0, Math.max(1, Math.ceil(byRoundTrip.length / 4))).map((sample) => sample.offsetMs);
    fastest.sort((a, b) => a - b);
    const middle = fastest.length >> 1;
    return fastest.length % 2 === 1 ? fastest[middle]! : (fastest[middle - 1]! + fastest[middle]!) / 2;
  }
}

/** Keeps the server's time known while the link is up: a burst at the start, then an exchange every ten seconds. */
export class ServerClock {
  readonly #filter = new ClockFilter();
  readonly #request: RequestFunction;
  readonly #now: MonotonicClock;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #generation = 0;
  #restarted = false;

  constructor(request: RequestFunction, now: MonotonicClock = monotonicNowMs) {
    this.#request = request;
    this.#now = now;
  }

  get nowMs(): number {
    return this.#now() + this.#filter.offsetMs;
  }

  get offsetMs(): number {
    return this.#filter.offsetMs;
  }

  get roundTripMs(): number {
    return this.#filter.roundTripMs;
  }

  /** From this page's `performance.now()` timeline to the server's clock. */
  fromPerformanceMs(performanceMs: number): number {
    return performance.timeOrigin + performanceMs + this.#filter.offsetMs;
  }

  /** Resolves after the first exchange, so that the very first frame already carries the server's time. */
  async start(): Promise<void> {
    this.stop();
    const generation = ++this.#generation;
    this.#restarted = true;
    await this.#exchange(generation);
    this.#schedule(generation, 1);
  }

  stop(): void {
    this.#generation++;
    clearTimeout(this.#timer);
  }

  #schedule(generation: number, done: number): void {
    if (generation !== this.#generation) return;
    this.#timer = setTimeout(
      () => {
        void this.#exchange(generation).then(() => this.#schedule(generation, done + 1));
      },
      done < BURST ? BURST_GAP_MS : REFRESH_MS,
    );
  }

  async #exchange(generation: number): Promise<void> {
    const sentMs = this.#now();
    try {
      const { serverTimeMs } = await this.#request('sync-clock', {});
      if (generation !== this.#generation) return;
      const receivedMs = this.#now();
      // Only now: until the new server has answered, the old offset is a far better guess than none.
      if (this.#restarted) this.#filter.reset();
      this.#restarted = false;
      this.#filter.add({ offsetMs: serverTimeMs - (sentMs + receivedMs) / 2, roundTripMs: receivedMs - sentMs });
    } catch (error) {
      // A lost exchange only means one sample less; when the link is really down the call hears of it elsewhere.
      if (!(error instanceof AppError)) throw error;
    }
  }
}
