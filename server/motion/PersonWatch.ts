/**
 * Notices that another person drives: a cut of a film, somebody who takes the seat. Looks are compared only where the landmarks break off
 * (a pause, a jump, a look that changes from one frame to the next), so that a person who turns, laughs or moves fast stays the same.
 */
import { likenessOf, unlikeness, type Likeness } from '../../client/src/faces/likeness.ts';

/** A look this far from the mean of the last frames is a break: one person's frames are less than once in a thousand. */
const JUMP = 4;
/** After a break, so many frames in a row ... */
const FRAMES = 6;
/**
 * ... must all be this unlike what was learned (`unlikeness`). Measured on eleven clips of three people: false after one of 812 breaks between
 * any two places of the same person's clips, missed after 12 of 520 cuts between two people, who then look alike.
 */
const ANOTHER = 6;
/** A break matters for so long: faces come back blurred, half hidden or in the middle of a turn. */
const WATCH_MS = 2000;
/** Before as many frames nothing is known of the person. */
const LEAST_KNOWN = 15;
/** The mean goes over so many frames, then follows slowly. */
const MEAN_FRAMES = 150;
const RECENT = 3;

export class PersonWatch {
  #look: Likeness | null = null;
  #frames = 0;
  #recent: Likeness[] = [];
  #brokenMs = -Infinity;
  #strange = 0;

  /**
   * @param points [478, 3] isotropic, any unit
   * @param broken whether something lies between this frame and the one before
   * @returns true once when somebody else is there; what was known is then forgotten
   */
  observe(points: Float32Array, timeMs: number, broken: boolean): boolean {
    const look = likenessOf(points);
    const jumped = this.#recent.length === RECENT && unlikeness(meanOf(this.#recent), look) > JUMP;
    if (broken || jumped) this.#brokenMs = timeMs;
    this.#recent = [...this.#recent, look].slice(-RECENT);
    const doubtful = timeMs - this.#brokenMs < WATCH_MS && this.#look !== null && this.#frames >= LEAST_KNOWN;
    const strange = doubtful && unlikeness(this.#look!, look) > ANOTHER;
    this.#strange = strange ? this.#strange + 1 : 0;
    if (this.#strange >= FRAMES) {
      this.forget();
      return true;
    }
    if (!strange) this.#learn(look);
    return false;
  }

  /** The next frame is a first one. */
  forget(): void {
    this.#look = null;
    this.#frames = 0;
    this.#recent = [];
    this.#brokenMs = -Infinity;
    this.#strange = 0;
  }

  #learn(look: Likeness): void {
    this.#look ??= look.slice();
    this.#frames += 1;
    const share = 1 / Math.min(this.#frames, MEAN_FRAMES);
    for (let k = 0; k < look.length; k++) this.#look[k]! += share * (look[k]! - this.#look[k]!);
  }
}

function meanOf(looks: readonly Likeness[]): Likeness {
  return looks[0]!.map((_, k) => looks.reduce((sum, look) => sum + look[k]!, 0) / looks.length);
}
