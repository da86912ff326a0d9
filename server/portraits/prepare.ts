/** One portrait's way from the bytes that were sent to what the model's enrolment graph takes. */
import type { Landmarker } from '../landmarker/Landmarker.ts';
import type { PreparedPortrait } from './crop.ts';
import { checkPortrait, type PortraitVerdict, type PortraitWarning } from './check.ts';
import { cropSquare, headSquare, pointsInCrop, wholeSquare, type PortraitFraming } from './crop.ts';
import { decodePortrait, type DecodedPortrait } from './decode.ts';
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
  /** The upright picture as a JPEG without metadata, to be kept. */
  normalised: Buffer;
  timings: { decodeMs: number; landmarksMs: number; cropMs: number };
}

/** @throws AppError `portrait-*` */
export async function preparePortrait(bytes: Uint8Array, { landmarker, size, crop, limits }: PrepareOptions): Promise<PreparationResult> {
  const startMs = performance.now();
  const decoded = await decodePortrait(bytes, limits);
  const decodedMs = performance.now();
  const { face, warnings } = await judge(decoded, landmarker);
  const foundMs = performance.now();
  const { image, normalised } = decoded;
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
  const timings = { decodeMs: decodedMs - startMs, landmarksMs: foundMs - decodedMs, cropMs: performance.now() - foundMs };
  return { portrait: { image: cropped, points, matte, crop: square }, warnings, normalised, timings };
}

/** The checks alone, for a live answer while portraits are being taken. @throws AppError `portrait-*` */
export async function inspectPortrait(bytes: Uint8Array, landmarker: FaceFinder, limits?: PortraitLimits): Promise<PortraitWarning[]> {
  const { warnings } = await judge(await decodePortrait(bytes, limits), landmarker);
  return warnings;
}

const judge = async ({ image }: DecodedPortrait, landmarker: FaceFinder): Promise<PortraitVerdict> =>
  checkPortrait(image, await landmarker.detect(image));
