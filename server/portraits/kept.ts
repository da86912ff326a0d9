/**
 * What the store keeps of a portrait: the head with room around it, no larger than any avatar needs, without metadata. It can be prepared
 * again, for another model or picture size, and gives the same crop.
 */
import sharp from 'sharp';
import type { RgbImage } from '../landmarker/types.ts';
import type { Square } from './crop.ts';

/** Side of what is kept over the side of the head square: a later crop may lie a little differently, and its matte looks at hair and shoulders. */
const ROOM = 1.5;
/** The head square fills at most 1024 pixels of it: the largest avatar has 768, and a picture that is resized once more loses some detail. */
const MOST_SIDE_PX = 1536;

interface Region {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** Slides into the picture rather than being cut at its border: the head square is then found with the same borders and the same size. */
export function keptRegion({ width, height }: Pick<RgbImage, 'width' | 'height'>, square: Square): Region {
  const side = Math.ceil(ROOM * square.size);
  const along = (start: number, length: number): [number, number] => {
    const kept = Math.min(length, side);
    const wanted = Math.round(start + (square.size - kept) / 2);
    return [Math.min(length - kept, Math.max(0, wanted)), kept];
  };
  const [left, keptWidth] = along(square.x, width);
  const [top, keptHeight] = along(square.y, height);
  return { left, top, width: keptWidth, height: keptHeight };
}

/** A JPEG of raw pixels, which carry no metadata. @param square of the head, in pixels of the image */
export async function keptPortrait(image: RgbImage, square: Square): Promise<Buffer> {
  return sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } })
    .extract(keptRegion(image, square))
    .resize({ width: MOST_SIDE_PX, height: MOST_SIDE_PX, fit: 'inside', withoutEnlargement: true, kernel: 'lanczos3' })
    .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
    .toBuffer();
}
