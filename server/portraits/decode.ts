/**
 * Bytes that somebody sent → an upright sRGB picture. Nothing is decoded before format and size are known from the header, and
 * only formats whose decoders we mean to expose are let through (no SVG, PDF or the like, whatever the sharp build can do).
 */
import sharp, { type Metadata, type Sharp } from 'sharp';
import { AppError } from '../../client/src/protocol/index.ts';
import type { RgbImage } from '../landmarker/types.ts';
import { DEFAULT_PORTRAIT_LIMITS, type PortraitLimits } from './limits.ts';

/** Less than a face can be found in. */
const MIN_SIDE_PX = 32;
/** Larger pictures are worked on at this size: 16 megapixels at most in memory, and no avatar is larger than 768 pixels. */
const MAX_WORKING_SIDE_PX = 4096;
/** Decoding that takes longer is refused; sharp checks it between rows. */
const DECODE_TIMEOUT_S = 20;
/** Behind cut-out figures: neutral, so that dark and fair hair both stand out. */
const BACKGROUND = { r: 200, g: 200, b: 200 };

// One core each, no cache of pictures: many enrolments share the machine, and portraits are not kept in memory.
sharp.concurrency(1);
sharp.cache(false);

const ascii = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));

/** HEIC and AVIF brands of the ISO file type box. */
const heifBrands = new Set(['avif', 'avis', 'heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1']);

/** Said to be HEVC-coded (an iPhone's HEIC): sharp's prebuilt library leaves that decoder out for its patents; a system libvips may have it. */
const isHevc = (bytes: Uint8Array): boolean => sniffFormat(bytes) === 'heif' && /^he[iv]/.test(ascii(bytes, 8, 12));
const NO_HEVC = 'The HEIC file could not be read: the image library of this server may lack HEIC';

/** By its first bytes; null for what is not let through. */
export function sniffFormat(bytes: Uint8Array): 'jpeg' | 'png' | 'webp' | 'gif' | 'heif' | null {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg';
  if (ascii(bytes, 0, 8) === '\x89PNG\r\n\x1a\n') return 'png';
  if (ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP') return 'webp';
  if (['GIF87a', 'GIF89a'].includes(ascii(bytes, 0, 6))) return 'gif';
  if (ascii(bytes, 4, 8) === 'ftyp' && heifBrands.has(ascii(bytes, 8, 12))) return 'heif';
  return null;
}

/**
 * @returns upright, sRGB, flattened, its longest side at most 4096
 * @throws AppError `portrait-empty`, `portrait-too-large` (bytes, pixels), `portrait-too-small`, `portrait-not-an-image` (unknown, damaged, cut short)
 */
export async function decodePortrait(
  bytes: Uint8Array,
  { maxBytes, maxPixels }: PortraitLimits = DEFAULT_PORTRAIT_LIMITS,
): Promise<RgbImage> {
  if (bytes.byteLength > maxBytes)
    throw new AppError('portrait-too-large', `The file has ${megas(bytes.byteLength)} MB, ${megas(maxBytes)} MB are allowed`);
  if (bytes.byteLength === 0) throw new AppError('portrait-empty', 'The file is empty');
  const format = sniffFormat(bytes);
  if (format === null) throw new AppError('portrait-not-an-image', 'The file is not a picture of a kind that is read here');
  await checkHeader(bytes, format, maxPixels);
  try {
    const { data, info } = await upright(bytes, maxPixels).raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data };
  } catch (error) {
    throw new AppError('portrait-not-an-image', isHevc(bytes) ? NO_HEVC : `The ${format} file is damaged or cut short`, { cause: error });
  }
}

async function checkHeader(bytes: Uint8Array, format: string, maxPixels: number): Promise<void> {
  let header: Metadata;
  try {
    // The header only: no pixel is decoded here, so the limit is ours to check, with a clear message.
    header = await sharp(bytes, { limitInputPixels: false }).metadata();
  } catch (error) {
    throw new AppError('portrait-not-an-image', isHevc(bytes) ? NO_HEVC : `The ${format} file has no valid header`, { cause: error });
  }
  const { width, height } = header;
  if (width * height > maxPixels)
    throw new AppError('portrait-too-large', `The picture has ${width} x ${height} pixels, ${megas(maxPixels)} million are allowed`);
  if (Math.min(width, height) < MIN_SIDE_PX)
    throw new AppError('portrait-too-small', `The picture has only ${width} x ${height} pixels, ${MIN_SIDE_PX} each way are needed`);
}

/** First frame of an animation, turned as the camera was held, converted from its own colour space (CMYK, grey, 16 bit, wide gamut). */
function upright(bytes: Uint8Array, maxPixels: number): Sharp {
  const size = { width: MAX_WORKING_SIDE_PX, height: MAX_WORKING_SIDE_PX };
  return sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error', sequentialRead: true, pages: 1 })
    .timeout({ seconds: DECODE_TIMEOUT_S })
    .autoOrient()
    .resize({ ...size, fit: 'inside', withoutEnlargement: true, kernel: 'lanczos3' })
    .flatten({ background: BACKGROUND })
    .toColourspace('srgb')
    .removeAlpha();
}

/** In millions, as exactly as it takes to tell a small limit from nothing. */
const megas = (count: number): string => String(Number((count / 1e6).toPrecision(3)));
