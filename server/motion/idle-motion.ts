/**
 * A calm face with nobody behind it: breathing, a slowly wandering head, glances and blinks. A function of time and seed,
 * smooth everywhere, never repeating soon.
 */
import { motionLayout, restMotion } from './motion.ts';
import type { Motion } from './motion.ts';
import { smoothstep } from './scalars.ts';

const L = motionLayout;
const degrees = Math.PI / 180;

/** Lids shut faster than they open. */
const blink = { closeMs: 90, holdMs: 40, openMs: 170, minPauseMs: 2000, maxPauseMs: 6000 } as const;
const glance = { moveMs: 120, minPauseMs: 900, maxPauseMs: 3200, reach: 0.07 } as const;
/** Head centre above the pivot in the neck, face sizes: a head turns about its neck, not about its nose. */
export const neckPivot = { down: 0.75, behind: 0.45 } as const;

/** Slow waves per pose entry: amplitude and frequencies that share no small multiple. */
const waves = [
  { at: L.rotation, amplitude: 1.1 * degrees, hz: [0.061, 0.143] },
  { at: L.rotation + 1, amplitude: 1.9 * degrees, hz: [0.047, 0.117] },
  { at: L.rotation + 2, amplitude: 0.9 * degrees, hz: [0.053, 0.097] },
] as const;
const breathHz = 0.24;

/** A small reproducible generator (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class IdleMotion {
  readonly #random: () => number;
  readonly #phases: number[];
  readonly #motion = restMotion();
  #originMs: number | null = null;
  #blinkMs = 0;
  #glanceMs = 0;
  #from: [number, number] = [0, 0];
  #to: [number, number] = [0, 0];

  constructor(seed: number) {
    this.#random = randomFrom(seed);
    this.#phases = Array.from({ length: waves.length * 2 + 1 }, () => this.#random() * 2 * Math.PI);
  }

  /** @param timeMs must not run back by more than a blink. The motion is valid until the next call. */
  at(timeMs: number): Motion {
    if (this.#originMs === null) {
      this.#originMs = timeMs;
      this.#blinkMs = this.#pause(timeMs, blink);
      this.#glanceMs = this.#pause(timeMs, glance);
    }
    const m = this.#motion;
    const t = (timeMs - this.#originMs) / 1000;
    waves.forEach(({ at, amplitude, hz }, i) => {
      const slow = Math.sin(2 * Math.PI * hz[0] * t + this.#phases[i * 2]!);
      const quick = Math.sin(2 * Math.PI * hz[1] * t + this.#phases[i * 2 + 1]!);
      m[at] = amplitude * (0.7 * slow + 0.3 * quick);
    });
    const breath = Math.sin(2 * Math.PI * breathHz * t + this.#phases.at(-1)!);
    const [pitch, yaw, roll] = [m[L.rotation]!, m[L.rotation + 1]!, m[L.rotation + 2]!];
    m[L.translation] = neckPivot.down * roll - neckPivot.behind * yaw;
    m[L.translation + 1] = neckPivot.behind * pitch + 0.006 * breath;
    m[L.logScale] = 0.003 * breath;
    this.#blink(timeMs);
    this.#glance(timeMs);
    return m;
  }

  #pause(timeMs: number, { minPauseMs, maxPauseMs }: { minPauseMs: number; maxPauseMs: number }): number {
    return timeMs + minPauseMs + this.#random() * (maxPauseMs - minPauseMs);
  }

  #blink(timeMs: number): void {
    const { closeMs, holdMs, openMs } = blink;
    const since = timeMs - this.#blinkMs;
    const shut = smoothstep(0, closeMs, since) * (1 - smoothstep(closeMs + holdMs, closeMs + holdMs + openMs, since));
    if (since > closeMs + holdMs + openMs) this.#blinkMs = this.#pause(timeMs, blink);
    this.#motion[L.closure] = shut;
    this.#motion[L.closure + 1] = shut;
  }

  #glance(timeMs: number): void {
    const done = smoothstep(0, glance.moveMs, timeMs - this.#glanceMs);
    for (const a of [0, 1] as const) {
      const value = this.#from[a] + done * (this.#to[a] - this.#from[a]);
      this.#motion[L.gaze + a] = value;
      this.#motion[L.gaze + 2 + a] = value;
    }
    if (timeMs - this.#glanceMs < glance.moveMs) return;
    if (done >= 1 && timeMs > this.#glanceMs + glance.moveMs) {
      this.#from = this.#to;
      this.#to = [(this.#random() * 2 - 1) * glance.reach, (this.#random() * 2 - 1) * glance.reach * 0.4];
      this.#glanceMs = this.#pause(timeMs, glance);
    }
  }
}
