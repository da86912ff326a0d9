/**
 * Counts the time during which this store was open. Dates come from a clock that can be set wrong, by years; what is deleted for its
 * age is therefore measured in time of operation: the system's monotonic clock, summed up in the database in bounded steps.
 */
import type { DatabaseSync } from 'node:sqlite';

/** A process that was stopped, or a machine that slept, did not operate meanwhile: no step is longer. */
export const LONGEST_STEP_MS = 2 * 60_000;

export class OperatingClock {
  readonly #database: DatabaseSync;
  readonly #monotonicMs: () => number;
  #countedMs: number;
  #lastMs: number;

  private constructor(database: DatabaseSync, monotonicMs: () => number) {
    this.#database = database;
    this.#monotonicMs = monotonicMs;
    this.#countedMs = Number((database.prepare('SELECT operated_ms FROM operation').get() as { operated_ms: number }).operated_ms);
    this.#lastMs = monotonicMs();
  }

  static create(database: DatabaseSync, { monotonicMs = () => performance.now() }: { monotonicMs?: () => number } = {}): OperatingClock {
    return new OperatingClock(database, monotonicMs);
  }

  /** Milliseconds of operation since the store was made. */
  get nowMs(): number {
    return Math.round(this.#countedMs + this.#stepMs());
  }

  /** To be called every minute. @returns how far the clock went; @throws what SQLite throws when it cannot be written, and counts all the same */
  advance(): number {
    const stepMs = this.#stepMs();
    this.#countedMs += stepMs;
    this.#lastMs = this.#monotonicMs();
    this.#database.prepare('UPDATE operation SET operated_ms = max(operated_ms, ?)').run(Math.round(this.#countedMs));
    return stepMs;
  }

  #stepMs(): number {
    return Math.min(LONGEST_STEP_MS, Math.max(0, this.#monotonicMs() - this.#lastMs));
  }
}
