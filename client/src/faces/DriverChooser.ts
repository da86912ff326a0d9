/**
 * Whose face drives, where a frame shows several. The choice stays: by place, size and looks the driver is followed from frame to frame, and
 * whoever was seen beside the driver (somebody else, a poster, a picture on the wall) never takes over. Hidden, the driver is waited for;
 * back, also at another place, followed again. Somebody new drives once the driver has gone: at a cut of the film at once, else when they have moved.
 */
import { KnownFace, measured, PAUSE_MS, type MeasuredFace, type SeenFace } from './KnownFace.ts';

/** From frame to frame: face widths, natural logarithm of the size, face widths a second (no head goes faster). */
const REACH = { way: 0.6, growth: 0.35, fastest: 10, mostWay: 1.2 } as const;
/** Bystanders are looked for a little further, for they are searched for less often. */
const BYSTANDER_REACH = { way: 0.8, growth: 0.4 } as const;
/** Looks, as `unlikeness` to the mean: up to `alike` one frame may be the same person's, up to `alikeMean` the mean of some; from `strange` on hardly. */
const LOOKS = { alike: 6, alikeMean: 6.3, strange: 7.5, meanFrames: 5, scale: 10 } as const;
/** For so long the driver is expected where it was: its looks need not be as good. */
const NEARBY_MS = 3000;
/** What it costs to be elsewhere, in face widths. */
const ELSEWHERE = 0.5;
/** Who appears within this time of the driver's last frame came with a cut of the film, if the tracker is sure of a face. */
const CUT_MS = 100;
const SURE = 0.95;
/** With a bystander in view the driver is only hidden, and whoever is new waits this long. */
const PATIENCE_MS = 1000;
/** A driver that has not moved for so long, while another in view has, is a picture. */
const PICTURE_MS = 6000;
const NEWCOMER_GONE_MS = 1000;
const MOST_BYSTANDERS = 12;

export class DriverChooser {
  #driver: KnownFace | null = null;
  /** Seen beside the driver; remembered when they are out of sight. */
  #bystanders: KnownFace[] = [];
  /** Came while the driver was away. */
  #newcomers: KnownFace[] = [];

  /**
   * @param faces of one frame, in any order
   * @param timeMs of the frame; must not run back
   * @returns which of them drives; null while the driver is not seen
   */
  choose(faces: readonly SeenFace[], timeMs: number): number | null {
    const rest = new Set(faces.map(measured).filter(isUpright));
    if (this.#driver === null) return this.#begin(rest, timeMs);
    const own = this.#pair(rest, timeMs);
    return own === null ? this.#whileAway(rest, timeMs) : this.#whileSeen(own, rest, timeMs);
  }

  /** Whether the driver is known to live: until then all faces are worth being shown in every frame, afterwards others now and then. */
  get certain(): boolean {
    return this.#driver?.alive ?? false;
  }

  /** The next frame's choice is a first one. */
  forget(): void {
    this.#driver = null;
    this.#bystanders = [];
    this.#newcomers = [];
  }

  /** The largest. */
  #begin(faces: ReadonlySet<MeasuredFace>, timeMs: number): number | null {
    const [largest, ...others] = [...faces].toSorted((a, b) => b.place.size - a.place.size);
    if (!largest) return null;
    this.#driver = new KnownFace(largest, timeMs);
    this.#bystanders = others.map((face) => new KnownFace(face, timeMs));
    return largest.index;
  }

  /** Gives faces to those who are known, the cheapest pairing first, and takes them out of `rest`. Returns the driver's. */
  #pair(rest: Set<MeasuredFace>, timeMs: number): MeasuredFace | null {
    const driver = this.#driver!;
    const pairs = [driver, ...this.#bystanders, ...this.#newcomers].flatMap((who) =>
      [...rest].map((face) => ({ who, face, cost: who === driver ? driverCost(who, face, timeMs) : otherCost(who, face, timeMs) })),
    );
    const taken = new Set<KnownFace>();
    let own: MeasuredFace | null = null;
    for (const { who, face, cost } of pairs.toSorted((a, b) => a.cost - b.cost)) {
      if (cost === Infinity) break;
      if (taken.has(who) || !rest.has(face)) continue;
      taken.add(who);
      rest.delete(face);
      who.see(face, timeMs);
      if (who === driver) own = face;
    }
    return own;
  }

  #whileSeen(own: MeasuredFace, rest: ReadonlySet<MeasuredFace>, timeMs: number): number {
    const driver = this.#driver!;
    const others = [...this.#bystanders, ...this.#newcomers, ...[...rest].map((face) => new KnownFace(face, timeMs))];
    this.#newcomers = [];
    this.#bystanders = others.toSorted((a, b) => b.seenMs - a.seenMs).slice(0, MOST_BYSTANDERS);
    const picture = !driver.alive && timeMs - driver.firstMs > PICTURE_MS;
    const living = picture && this.#bystanders.find(({ alive, seenMs }) => alive && seenMs === timeMs);
    if (!living) return own.index;
    this.#driver = living;
    this.#bystanders = [driver, ...this.#bystanders.filter((who) => who !== living)];
    return living.last.index;
  }

  #whileAway(rest: ReadonlySet<MeasuredFace>, timeMs: number): number | null {
    this.#newcomers = this.#newcomers.filter(({ seenMs }) => timeMs - seenMs < NEWCOMER_GONE_MS);
    this.#newcomers.push(...[...rest].map((face) => new KnownFace(face, timeMs)));
    const here = this.#newcomers.filter(({ seenMs }) => seenMs === timeMs);
    const next = here.find((who) => this.#isDriver(who)) ?? here.find((who) => this.#mayTakeOver(who, timeMs));
    if (!next) return null;
    this.#newcomers = this.#newcomers.filter((who) => who !== next);
    this.#driver = next;
    return next.last.index;
  }

  /** Back, and not known again by the first frame. */
  #isDriver(who: KnownFace): boolean {
    return who.frames >= LOOKS.meanFrames && this.#driver!.unlike(who) < LOOKS.alikeMean;
  }

  #mayTakeOver(who: KnownFace, timeMs: number): boolean {
    const awayMs = timeMs - this.#driver!.seenMs;
    const alone = !this.#bystanders.some(({ seenMs }) => seenMs === timeMs);
    const cut = alone && awayMs <= CUT_MS && who.last.face.confidence >= SURE;
    return cut || (who.alive && (alone || awayMs > PATIENCE_MS));
  }
}

/** A face on its head is a tracker's error: nose for chin, mouth for eyes. */
const isUpright = ({ place: { rotation } }: MeasuredFace): boolean => Math.abs(Math.atan2(rotation[3]!, rotation[4]!)) < 2;

function driverCost(driver: KnownFace, face: MeasuredFace, timeMs: number): number {
  const looks = driver.unlike(face);
  const { way, growth } = driver.distanceTo(face);
  const awayMs = timeMs - driver.seenMs;
  const reach = Math.min(REACH.mostWay, Math.max(REACH.way, (REACH.fastest * awayMs) / 1000));
  const near = way < reach && growth < REACH.growth;
  if (near && awayMs <= PAUSE_MS) return way + growth + looks / LOOKS.scale;
  if (looks > (near && awayMs < NEARBY_MS ? LOOKS.strange : LOOKS.alike)) return Infinity;
  return Math.min(ELSEWHERE, way + growth) + looks / LOOKS.scale;
}

function otherCost(who: KnownFace, face: MeasuredFace, timeMs: number): number {
  const { way, growth } = who.distanceTo(face);
  if (way > BYSTANDER_REACH.way || growth > BYSTANDER_REACH.growth) return Infinity;
  const looks = who.unlike(face);
  if (timeMs - who.seenMs > PAUSE_MS && looks > LOOKS.strange) return Infinity;
  return way + growth + looks / LOOKS.scale;
}
