/**
 * Notices that another person drives: a cut of a film, somebody who takes the seat. Looks are compared only where the landmarks break off
 * (a pause, a look that changes from one frame to the next), so that a person who turns, laughs or moves fast stays the same; and at length
 * where the head stays in its place, for a hand before a face bends a tracker's mesh to somebody else's for as long as it is there.
 */
import { lookAt, unlikeness, type FacePlace, type Likeness } from '../../client/src/faces/likeness.ts';
import { multiply, rotationVector } from '../../client/src/faces/rigid-fit.ts';

/** A look this far from the mean of the last frames is a break: one person's frames are less than once in a thousand. */
const JUMP = 4.5;
const RECENT = 3;
/** Another's look is this far from what was learned (`unlikeness`). */
const ANOTHER = 6;
/** So many frames must agree: where the head is elsewhere, of another size or turned from one frame to the next, and where it is not. */
const FRAMES = { moved: 12, inPlace: 45 } as const;
/** Face widths, natural logarithm, radians. */
const MOVED = { way: 0.12, growth: 0.08, turn: 0.14 } as const;
/** A break matters for so long. */
const WATCH_MS = 3000;
/** Before as many frames nothing is known of the person. */
const LEAST_KNOWN = 15;
/** The mean goes over so many frames, then follows slowly. */
const MEAN_FRAMES = 150;

export class PersonWatch {
  #look: Likeness | null = null;
  #known = 0;
  #recent: Likeness[] = [];
  #place: FacePlace | null = null;
  #brokenMs = -Infinity;
  #needed: number = FRAMES.inPlace;
  #strange = 0;

  /**
   * @param points [478, 3] isotropic, any unit
   * @param paused whether frames are missing before this one
   * @returns true once when somebody else is there; what was known is then forgotten
   */
  observe(points: Float32Array, timeMs: number, paused: boolean): boolean {
    const { place, likeness: look } = lookAt(points);
    const jumped = this.#recent.length === RECENT && unlikeness(meanOf(this.#recent), look) > JUMP;
    if (paused || jumped) this.#break(place, timeMs);
    this.#recent = [...this.#recent, look].slice(-RECENT);
    this.#place = place;
    const strange = timeMs - this.#brokenMs < WATCH_MS && this.#known >= LEAST_KNOWN && unlikeness(this.#look!, look) > ANOTHER;
    this.#strange = strange ? this.#strange + 1 : 0;
    if (this.#strange >= this.#needed) {
      this.forget();
      return true;
    }
    if (!strange) this.#learn(look);
    return false;
  }

  /** The next frame is a first one. */
  forget(): void {
    this.#look = null;
    this.#known = 0;
    this.#recent = [];
    this.#place = null;
    this.#brokenMs = -Infinity;
    this.#strange = 0;
  }

  #break(place: FacePlace, timeMs: number): void {
    this.#brokenMs = timeMs;
    // a second break, as a hand that goes on moving makes, does not take back that the head is another one's
    if (this.#strange === 0) this.#needed = this.#place && hasMoved(this.#place, place) ? FRAMES.moved : FRAMES.inPlace;
  }

  #learn(look: Likeness): void {
    this.#look ??= look.slice();
    this.#known += 1;
    const share = 1 / Math.min(this.#known, MEAN_FRAMES);
    for (let k = 0; k < look.length; k++) this.#look[k]! += share * (look[k]! - this.#look[k]!);
  }
}

function hasMoved(before: FacePlace, now: FacePlace): boolean {
  const way = Math.hypot(now.x - before.x, now.y - before.y) / before.size;
  const turn = Math.hypot(...rotationVector(multiply(before.rotation, now.rotation, true)));
  return way > MOVED.way || Math.abs(Math.log(now.size / before.size)) > MOVED.growth || turn > MOVED.turn;
}

function meanOf(looks: readonly Likeness[]): Likeness {
  return looks[0]!.map((_, k) => looks.reduce((sum, look) => sum + look[k]!, 0) / looks.length);
}
