/** What is remembered of one face in view: where it was last, what it looks like, whether it lives. */
import { LifeSigns } from './LifeSigns.ts';
import { lookAt, unlikeness, type FacePlace, type Likeness } from './likeness.ts';

/** A face of a frame, as any tracker gives it. */
export interface SeenFace {
  /** [478, 3] isotropic, in one unit for all frames (picture widths). */
  points: Float32Array;
  /** 0..1. */
  confidence: number;
}

/** A face of the frame in hand, measured once. */
export interface MeasuredFace {
  face: SeenFace;
  /** Among the faces of its frame. */
  index: number;
  place: FacePlace;
  likeness: Likeness;
}

export const measured = (face: SeenFace, index: number): MeasuredFace => ({
  face,
  index,
  ...lookAt(face.points),
});

/** The mean look goes over so many frames, then follows slowly: glasses and beards come and go. */
const MEAN_FRAMES = 60;
/** Frames further apart than this have nothing to do with each other. */
export const PAUSE_MS = 250;

export class KnownFace {
  readonly firstMs: number;
  readonly #life = new LifeSigns();
  readonly #look: Likeness;
  #last: MeasuredFace;
  #seenMs: number;
  #frames = 0;

  constructor(first: MeasuredFace, timeMs: number) {
    this.firstMs = timeMs;
    this.#look = first.likeness.slice();
    this.#last = first;
    this.#seenMs = timeMs;
    this.see(first, timeMs);
  }

  get alive(): boolean {
    return this.#life.alive;
  }

  get frames(): number {
    return this.#frames;
  }

  get last(): MeasuredFace {
    return this.#last;
  }

  get seenMs(): number {
    return this.#seenMs;
  }

  see(now: MeasuredFace, timeMs: number): void {
    if (timeMs - this.#seenMs > PAUSE_MS) this.#life.interrupt();
    this.#frames += 1;
    const share = 1 / Math.min(this.#frames, MEAN_FRAMES);
    for (let k = 0; k < this.#look.length; k++) this.#look[k]! += share * (now.likeness[k]! - this.#look[k]!);
    this.#last = now;
    this.#seenMs = timeMs;
    this.#life.observe(now.face.points, now.place);
  }

  /** How far another's look, or that of one frame, lies from this face's mean: see `unlikeness`. */
  unlike(other: KnownFace | MeasuredFace): number {
    return unlikeness(this.#look, other instanceof KnownFace ? other.#look : other.likeness);
  }

  /** Way in face widths, and growth as a natural logarithm, from where this one was last. */
  distanceTo({ place }: MeasuredFace): { way: number; growth: number } {
    const before = this.#last.place;
    return {
      way: Math.hypot(place.x - before.x, place.y - before.y) / Math.max(before.size, place.size),
      growth: Math.abs(Math.log(place.size / before.size)),
    };
  }
}
