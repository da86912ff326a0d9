/** One portrait's way from the bytes that were sent to what the model's enrolment graph takes. */
import type { Landmarker } from '../landmarker/Landmarker.ts';
import type { RgbImage } from '../landmarker/types.ts';
import type { PreparedPortrait } from './crop.ts';
import { checkPortrait, type PortraitVerdict, type PortraitWarning } from './check.ts';
import { cropSquare, headSquare, pointsInCrop, wholeSquare, type PortraitFraming } from './crop.ts';
import { decodePortrait } from './decode.ts';
import { keptPortrait } from './kept.ts';
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

/** @throws AppError `portrait-*` */
export async function preparePortrait(bytes: Uint8Array, { landmarker, size, crop, limits }: PrepareOptions): Promise<PreparationResult> {
  const startMs = performance.now();
  const image = await decodePortrait(bytes, limits);
  const decodedMs = performance.now();
  const { face, warnings } = await judge(image, landmarker);
  const foundMs = performance.now();
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
  const timings = { decodeMs: decodedMs - startMs, landmarksMs: foundMs - decodedMs, cropMs: performance.now() - foundMs };
  return { portrait: { image: cropped, points, matte, crop: square }, warnings, normalised, timings };
}

/** The checks alone, for a live answer while portraits are being taken. @throws AppError `portrait-*` */
export async function inspectPortrait(bytes: Uint8Array, landmarker: FaceFinder, limits?: PortraitLimits): Promise<PortraitWarning[]> {
  const { warnings } = await judge(await decodePortrait(bytes, limits), landmarker);
  return warnings;
}

const judge = async (image: RgbImage, landmarker: FaceFinder): Promise<PortraitVerdict> =>
  checkPortrait(image, await landmarker.detect(image));
