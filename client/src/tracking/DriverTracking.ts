/**
 * The driver's face in each camera picture, whoever else is in view. A tracker of one face is the fastest and follows the driver most of the
 * time; now and then one of several looks around, so that bystanders are known as such. That one takes over while the driver is out of sight
 * or somebody else is seen beside them, for the other would hold on to the wrong face.
 */
import { DriverChooser } from '../faces/DriverChooser.ts';
import type { SeenFace } from '../faces/KnownFace.ts';
import { placeOf } from '../faces/likeness.ts';
import { LANDMARK_COUNT } from '../protocol/landmarks.ts';
import { fillPoints } from './Tracker.ts';

export type Picture = ImageBitmap | VideoFrame;
/** As MediaPipe gives them: normalised to the picture's sides. */
export type Landmarks = ArrayLike<{ x: number; y: number; z: number }>;

/** A tracker of faces in a growing stream of pictures. `timestampMs` grows from call to call. */
export interface Detector {
  detect(picture: Picture, timestampMs: number): readonly Landmarks[] | Promise<readonly Landmarks[]>;
  close(): void;
}

export interface Detectors {
  /** Of one face. */
  one: Detector;
  /** Makes a tracker of several faces; slower, and wanted only after the first pictures. */
  loadSeveral(): Promise<Detector>;
}

const LOOK_AROUND_MS = 2000;
/** Alone in view for so long, the driver is followed by the fast tracker again. */
const ALONE_MS = 3000;
/** The same face, as two trackers see it: face widths. */
const SAME_FACE = 0.2;
/** One that would not load is tried again after this. */
const RETRY_MS = 30_000;

export class DriverTracking {
  readonly #detectors: Detectors;
  readonly #chooser = new DriverChooser();
  #several: Detector | null = null;
  #loading = false;
  #retryMs = 0;
  #fast = true;
  #lookedMs = -Infinity;
  #crowdMs = -Infinity;
  #lastMs = 0;
  #closed = false;

  constructor(detectors: Detectors) {
    this.#detectors = detectors;
  }

  /**
   * One picture at a time.
   * @param aspect height over width
   * @returns the driver's face; null while it is not seen
   */
  async track(picture: Picture, aspect: number, nowMs: number): Promise<SeenFace | null> {
    // MediaPipe insists on growing timestamps, whatever the clock does.
    this.#lastMs = Math.max(this.#lastMs + 1, Math.round(nowMs));
    const faces = this.#fast ? await this.#fastFaces(picture, aspect) : await this.#allFaces(picture, aspect);
    const chosen = this.#chooser.choose(faces, this.#lastMs);
    const face = chosen === null ? null : faces[chosen]!;
    await this.#changeTracker(face, faces, () => this.#see(this.#detectors.one, picture, aspect));
    return face;
  }

  /** Chooses anew, from the next picture on. */
  forget(): void {
    this.#chooser.forget();
  }

  close(): void {
    this.#closed = true;
    this.#detectors.one.close();
    this.#several?.close();
  }

  async #fastFaces(picture: Picture, aspect: number): Promise<SeenFace[]> {
    const own = await this.#see(this.#detectors.one, picture, aspect);
    if (!this.#several) this.#loadSeveral();
    if (!this.#several || this.#lastMs - this.#lookedMs < LOOK_AROUND_MS) return own;
    this.#lookedMs = this.#lastMs;
    const all = await this.#see(this.#several, picture, aspect);
    return [...own, ...all.filter((face) => !own.some((other) => areSame(face, other)))];
  }

  async #allFaces(picture: Picture, aspect: number): Promise<SeenFace[]> {
    return this.#see(this.#several!, picture, aspect);
  }

  async #changeTracker(driver: SeenFace | null, faces: readonly SeenFace[], lookFast: () => Promise<SeenFace[]>): Promise<void> {
    if (faces.length > 1 || driver === null) this.#crowdMs = this.#lastMs;
    if (this.#fast) {
      if (this.#crowdMs === this.#lastMs && this.#several) this.#fast = false;
      return;
    }
    if (driver === null || this.#lastMs - this.#crowdMs < ALONE_MS) return;
    const [seen] = await lookFast();
    this.#fast = seen !== undefined && areSame(seen, driver);
  }

  async #see(detector: Detector, picture: Picture, aspect: number): Promise<SeenFace[]> {
    const seen = await detector.detect(picture, this.#lastMs);
    return seen
      .map((landmarks) => {
        const points = new Float32Array(LANDMARK_COUNT * 3);
        return { points, confidence: fillPoints(points, landmarks, aspect) };
      })
      .filter(({ confidence }) => confidence > 0);
  }

  #loadSeveral(): void {
    if (this.#loading || this.#lastMs < this.#retryMs) return;
    this.#loading = true;
    this.#detectors
      .loadSeveral()
      .then(
        (several) => {
          if (this.#closed) several.close();
          else this.#several = several;
        },
        (error: unknown) => {
          console.warn('gioconda: the tracker of several faces did not load; one face is followed', error);
          this.#retryMs = this.#lastMs + RETRY_MS;
        },
      )
      .finally(() => (this.#loading = false));
  }
}

function areSame(a: SeenFace, b: SeenFace): boolean {
  const [p, q] = [placeOf(a.points), placeOf(b.points)];
  return Math.hypot(p.x - q.x, p.y - q.y) < SAME_FACE * Math.max(p.size, q.size);
}
