/** The square around the head that becomes the avatar's picture. */
import sharp from 'sharp';
import { headPose } from '../landmarker/head-pose.ts';
import type { DetectedFace, RgbImage } from '../landmarker/types.ts';

/** A portrait cropped square on the head, as the model's enrolment graph takes it. */
export interface PreparedPortrait {
  /** size x size, the model's own size. */
  image: RgbImage;
  /** [478, 3] in pixels of `image` (x, y; z in the same unit). */
  points: Float32Array;
  /** [size, size] 0..255, 255 = person; absent where no matte could be made. */
  matte?: Uint8Array;
  /** Where the crop lay in the upright original, in its pixels; may reach beyond its borders. */
  crop: { x: number; y: number; size: number };
}

/** Side of the square over the face's width and over its height (forehead to chin): head with hair, neck and some shoulder. */
const WIDTHS = 2.4;
const HEIGHTS = 2.0;
/** Rather than leave the picture, the square shrinks to this share and shifts by that share of its side: a closer look beats invented borders. */
const MIN_SHRINK = 0.82;
const MAX_SHIFT = 0.06;
/** Where the middle of the face lies in the square, from the top: more room for hair above than the mesh shows. */
const FACE_LEVEL = 0.48;
/** A turned head has its back on the other side: the square follows by this share of the face's width at 90 degrees. */
const BACK_OF_HEAD = 0.35;
/** Outside of the picture its border is repeated and blurred: fully so from this distance on, as a share of the side. */
const BLUR_RAMP = 0.08;
const BLUR_SIGMA = 0.03;

export type PortraitFraming = 'head' | 'none';
export type Square = PreparedPortrait['crop'];

/** @param points in pixels of the picture */
export function headSquare(points: Float32Array, { width, height }: Pick<RgbImage, 'width' | 'height'>): Square {
  const pose = headPose(points);
  const at = (i: number, axis: number) => points[i * 3 + axis]!;
  const faceHeight = Math.hypot(...[0, 1, 2].map((axis) => at(152, axis) - at(10, axis)));
  const wanted = Math.max(WIDTHS * pose.faceWidth, HEIGHTS * faceHeight);
  const size = Math.round(Math.max(MIN_SHRINK * wanted, Math.min(wanted, width, height)));
  const middleX = (at(10, 0) + at(152, 0) + at(234, 0) + at(454, 0)) / 4;
  const middleY = (at(10, 1) + at(152, 1)) / 2;
  const shift = -Math.sin((pose.yaw * Math.PI) / 180) * BACK_OF_HEAD * pose.faceWidth;
  return { x: keepInside(middleX + shift - size / 2, size, width), y: keepInside(middleY - FACE_LEVEL * size, size, height), size };
}

function keepInside(start: number, size: number, length: number): number {
  const room = MAX_SHIFT * size;
  const end = start + size;
  if (size > length) return Math.round(start);
  if (start < 0) return Math.round(start + Math.min(room, -start));
  return Math.round(end > length ? start - Math.min(room, end - length) : start);
}

/** The largest centred square: the whole picture, where it is square already. */
export function wholeSquare({ width, height }: RgbImage): Square {
  const size = Math.min(width, height);
  return { x: Math.floor((width - size) / 2), y: Math.floor((height - size) / 2), size };
}

/** Landmarks of the picture (units of its width) → pixels of the crop at `size`; z keeps the scale of x. */
export function pointsInCrop(face: DetectedFace, pictureWidth: number, square: Square, size: number): Float32Array {
  const scale = size / square.size;
  const origin = [square.x, square.y, 0];
  return face.points.map((value, i) => (value * pictureWidth - origin[i % 3]!) * scale);
}

/** Cuts `square` out and resizes it (Lanczos) to size x size; what lies outside of the picture is its border, blurred. */
export async function cropSquare(image: RgbImage, square: Square, size: number): Promise<RgbImage> {
  const { width, height } = image;
  const left = Math.max(0, square.x);
  const top = Math.max(0, square.y);
  const right = Math.min(width, square.x + square.size);
  const bottom = Math.min(height, square.y + square.size);
  const raw = { raw: { width, height, channels: 3 as const } };
  const inside = await sharp(image.data, raw)
    .extract({ left, top, width: right - left, height: bottom - top })
    .raw()
    .toBuffer();
  const margins = {
    left: left - square.x,
    top: top - square.y,
    right: square.x + square.size - right,
    bottom: square.y + square.size - bottom,
  };
  // Each step of a sharp pipeline runs in its own fixed order, so extraction, extension and resizing are separate ones.
  const extended = await sharp(inside, { raw: { width: right - left, height: bottom - top, channels: 3 } })
    .extend({ ...margins, extendWith: 'copy' })
    .raw()
    .toBuffer();
  const whole = { raw: { width: square.size, height: square.size, channels: 3 as const } };
  const data = await sharp(extended, whole).resize(size, size, { kernel: 'lanczos3', fit: 'fill' }).removeAlpha().raw().toBuffer();
  const cropped: RgbImage = { width: size, height: size, data };
  const scale = size / square.size;
  const border = {
    left: margins.left * scale,
    top: margins.top * scale,
    right: size - margins.right * scale,
    bottom: size - margins.bottom * scale,
  };
  if (margins.left + margins.top + margins.right + margins.bottom > 0) await softenOutside(cropped, border);
  return cropped;
}

/** Repeated border pixels make streaks: the further outside of `border`, the more of a blurred copy is taken. */
async function softenOutside(image: RgbImage, border: { left: number; top: number; right: number; bottom: number }): Promise<void> {
  const { width: size, data } = image;
  const blurred = await sharp(data, { raw: { width: size, height: size, channels: 3 } })
    .blur(Math.max(0.5, BLUR_SIGMA * size))
    .raw()
    .toBuffer();
  for (let y = 0; y < size; y += 1)
    for (let x = 0; x < size; x += 1) {
      const away = Math.hypot(
        Math.max(0, border.left - x - 0.5, x + 0.5 - border.right),
        Math.max(0, border.top - y - 0.5, y + 0.5 - border.bottom),
      );
      if (away === 0) continue;
      const share = Math.min(1, away / (BLUR_RAMP * size));
      for (let at = (y * size + x) * 3, end = at + 3; at < end; at += 1)
        data[at] = Math.round(data[at]! + share * (blurred[at]! - data[at]!));
    }
}
