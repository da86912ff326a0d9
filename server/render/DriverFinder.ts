/** The driver's face in each frame of a clip, by the same choice as in a call's browser: whoever else is in view never takes over. */
import { DriverChooser } from '../../client/src/faces/DriverChooser.ts';
import { headPose } from '../landmarker/head-pose.ts';
import type { Landmarker } from '../landmarker/Landmarker.ts';
import type { DetectedFace, RgbImage } from '../landmarker/types.ts';

/** Others are looked for in every third frame, small ones in every tenth: they are known as bystanders before the driver is out of sight. */
const SEARCH_EVERY = 3;
const PARTS_EVERY = 10;
const UPSIDE_DOWN_DEGREES = 115;

export class DriverFinder {
  readonly #landmarker: Pick<Landmarker, 'follow'>;
  readonly #chooser = new DriverChooser();
  #known: DetectedFace[] = [];
  #driver: DetectedFace | null = null;
  #count = 0;
  #upsideDown = 0;

  constructor(landmarker: Pick<Landmarker, 'follow'>) {
    this.#landmarker = landmarker;
  }

  /** Frames in which the only face stood on its head: the clip was recorded or saved that way. */
  get upsideDown(): number {
    return this.#upsideDown;
  }

  /** @returns null while the driver is not seen. `timeMs` must not run back. */
  async find(image: RgbImage, timeMs: number): Promise<DetectedFace | null> {
    const parts = this.#count % PARTS_EVERY === 0;
    const search = this.#driver === null || parts || this.#count % SEARCH_EVERY === 0;
    const all = search || !this.#chooser.certain;
    const faces = await this.#landmarker.follow(image, all ? this.#known : [this.#driver!], parts ? 'parts' : search ? 'whole' : 'none');
    if (all) this.#known = faces;
    this.#count += 1;
    const chosen = this.#chooser.choose(faces, timeMs);
    this.#driver = chosen === null ? null : faces[chosen]!;
    if (chosen === null && faces.some(isUpsideDown)) this.#upsideDown += 1;
    return this.#driver;
  }
}

const isUpsideDown = ({ points }: DetectedFace): boolean => Math.abs(headPose(points).roll) > UPSIDE_DOWN_DEGREES;
