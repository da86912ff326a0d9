/**
 * The driver's landmarks as a call would carry them: relative to one square around the head that stays where it was first found, through
 * the landmark packet and back.
 */
import { type LandmarkFrame } from '../../client/src/protocol/index.ts';
import { LandmarkDecoder, LandmarkEncoder } from '../../client/src/protocol/landmark-packet.ts';
import { headSquare, wholeSquare, type PortraitFraming, type Square } from '../portraits/crop.ts';
import type { DetectedFace, RgbImage } from '../landmarker/types.ts';

export class DriverFraming {
  readonly #crop: PortraitFraming;
  readonly #encoder = new LandmarkEncoder();
  readonly #decoder = new LandmarkDecoder();
  /** In pixels of the pictures given; null until the first face with `head`. */
  #square: Square | null = null;
  #packets = 0;
  #bytes = 0;

  /** `head`: the rule that portraits are framed by, at the first face. `none`: the picture's largest centred square. */
  constructor(crop: PortraitFraming) {
    this.#crop = crop;
  }

  get square(): Square | null {
    return this.#square;
  }

  /** Of the landmark packets so far. */
  get meanPacketBytes(): number {
    return this.#packets === 0 ? 0 : this.#bytes / this.#packets;
  }

  /**
   * @param face in units of the picture's width
   * @returns in units of the square's side from its corner, with the packet's quantisation; null when there is no face
   */
  frame(image: RgbImage, face: DetectedFace | null, capturedMs: number): LandmarkFrame | null {
    this.#square ??= this.#choose(image, face);
    if (!face || !this.#square) return null;
    const { x, y, size } = this.#square;
    const origin = [x, y, 0] as const;
    const points = face.points.map((value, i) => (value * image.width - origin[(i % 3) as 0 | 1 | 2]) / size);
    const packet = this.#encoder.encode({ points, confidence: face.confidence, capturedMs });
    this.#packets += 1;
    this.#bytes += packet.length;
    const decoded = this.#decoder.decode(packet);
    return decoded.confidence > 0 ? decoded : null;
  }

  #choose(image: RgbImage, face: DetectedFace | null): Square | null {
    if (this.#crop === 'none') return wholeSquare(image);
    return (
      face &&
      headSquare(
        face.points.map((value) => value * image.width),
        image,
      )
    );
  }
}
