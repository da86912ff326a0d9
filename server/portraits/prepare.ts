/** One portrait's way from the bytes that were sent to what the model's enrolment graph takes. */
import type { Landmarker } from '../landmarker/Landmarker.ts';
import type { DetectedFace, RgbImage } from '../landmarker/types.ts';
import { borderWarnings } from './border.ts';
import type { PreparedPortrait } from './crop.ts';
import { checkPortrait, type PortraitWarning } from './check.ts';
import { cropSquare, headSquare, pointsInCrop, wholeSquare, type PortraitFraming } from './crop.ts';
import { decodePortrait } from './decode.ts';
import { keptPortrait } from './kept.ts';
import { levelled, turnedImage, type FaceInImage } from './level.ts';
import type { PortraitLimits } from './limits.ts';

export type { PortraitWarning } from './check.ts';

/** What is needed of the landmarker. */
export type FaceFinder = Pick<Landmarker, 'detect' | 'matte'>;

export interface PrepareOptions {
  landmarker: FaceFinder;
  /** Side of the model's picture. */
  size: number;
  /** `head` cuts a square around the head; `none` takes the picture as framed already (its largest centred square). */
  crop: PortraitFraming;
  /** Otherwise the defaults. */
  limits?: PortraitLimits | undefined;
}

export interface PreparationResult {
  portrait: PreparedPortrait;
  warnings: PortraitWarning[];
  /** A JPEG without metadata to be kept, as large as any avatar needs it. */
  normalised: Buffer;
  timings: { decodeMs: number; landmarksMs: number; cropMs: number };
}

/** A live check looks at the border as closely as the smallest avatar would. */
const INSPECTED_SIZE = 256;
/** Above this a face needs no second look from another side; below `PLAIN` such a look found none. */
const CERTAIN = 0.97;
const PLAIN = 0.9;

/** @throws AppError `portrait-*` */
export async function preparePortrait(bytes: Uint8Array, { landmarker, size, crop, limits }: PrepareOptions): Promise<PreparationResult> {
  const startMs = performance.now();
  const decoded = await decodePortrait(bytes, limits);
  const decodedMs = performance.now();
  const { found, warnings } = await judge(decoded, landmarker);
  const foundMs = performance.now();
  const framed = crop === 'head' ? await levelled(found) : found;
  const { image, face } = framed;
  const square =
    crop === 'head'
      ? headSquare(
          face.points.map((value) => value * image.width),
          image,
        )
      : wholeSquare(image);
  const cropped = await cropSquare(image, square, size);
  const matte = await landmarker.matte(cropped);
  const points = pointsInCrop(face, image.width, square, size);
  const normalised = await keptPortrait(image, square);
  if (crop === 'head') warnings.push(...borderWarnings({ framed, square, matte, size }));
  const timings = { decodeMs: decodedMs - startMs, landmarksMs: foundMs - decodedMs, cropMs: performance.now() - foundMs };
  return { portrait: { image: cropped, points, matte, crop: square }, warnings, normalised, timings };
}

/** The checks alone, for a live answer while portraits are being taken. @throws AppError `portrait-*` */
export async function inspectPortrait(bytes: Uint8Array, landmarker: FaceFinder, limits?: PortraitLimits): Promise<PortraitWarning[]> {
  const { warnings } = await preparePortrait(bytes, { landmarker, size: INSPECTED_SIZE, crop: 'head', limits });
  return warnings;
}

async function judge(sent: RgbImage, landmarker: FaceFinder): Promise<{ found: FaceInImage; warnings: PortraitWarning[] }> {
  const { image, faces } = await facesUpright(sent, landmarker);
  const { face, warnings } = checkPortrait(image, faces);
  return { found: { image, face }, warnings };
}

/**
 * A picture that lies on its side shows no face to the detector, or a doubtful one: it is then looked at from all four sides. Upside down it
 * mostly does, and the face is known to stand so.
 */
async function facesUpright(image: RgbImage, landmarker: FaceFinder): Promise<{ image: RgbImage; faces: DetectedFace[] }> {
  const faces = await landmarker.detect(image);
  let best = { image, faces };
  const certainty = ({ faces: [first] }: typeof best): number => first?.confidence ?? 0;
  for (const quarters of [2, 1, 3]) {
    if (certainty(best) >= CERTAIN) break;
    const turned = await turnedImage(image, quarters);
    const seen = { image: turned, faces: await landmarker.detect(turned) };
    if (certainty(seen) > Math.max(certainty(best), PLAIN)) best = seen;
  }
  return best;
}
