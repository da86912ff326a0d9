/** Turns a picture so that the face in it stands upright. */
import sharp from 'sharp';
import { headPose } from '../landmarker/head-pose.ts';
import { sampleRegion } from '../landmarker/image-region.ts';
import type { DetectedFace, RgbImage } from '../landmarker/types.ts';

export interface FaceInImage {
  image: RgbImage;
  face: DetectedFace;
  /** Whether a place of the image, in its pixels, was in the picture that was sent; absent: all of it was. */
  wasSent?: (x: number, y: number) => boolean;
}

/** A head is tilted by so much on many good portraits, and looks natural. */
const NATURAL_TILT_DEGREES = 12;
/** What is kept of a turned picture around the face, over its width: more than the largest crop takes. */
const ROOM = 4.2;
/** No avatar needs a face of more pixels. */
const MOST_SIDE_PX = 2048;

/** The same where the face is upright already. Quarter turns lose nothing; others cut the picture to what lies around the face. */
export async function levelled({ image, face }: FaceInImage): Promise<FaceInImage> {
  const { roll } = headPose(face.points);
  const quarters = Math.round(roll / 90);
  const upright = quarters === 0 ? { image, face } : await turnedByQuarters({ image, face }, -quarters);
  const rest = roll - 90 * quarters;
  return Math.abs(rest) > NATURAL_TILT_DEGREES ? turnedAboutFace(upright, rest) : upright;
}

/** @param quarters clockwise on the screen; negative the other way */
export async function turnedByQuarters({ image, face }: FaceInImage, quarters: number): Promise<FaceInImage> {
  const turned = await turnedImage(image, quarters);
  const steps = ((quarters % 4) + 4) % 4;
  const points = new Float32Array(face.points.length);
  const { width, height } = image;
  for (let i = 0; i < points.length; i += 3) {
    const [x, y] = [face.points[i]! * width, face.points[i + 1]! * width];
    const [u, v] = [
      [x, y],
      [height - y, x],
      [width - x, height - y],
      [y, width - x],
    ][steps] as [number, number];
    points.set([u / turned.width, v / turned.width, (face.points[i + 2]! * width) / turned.width], i);
  }
  return { image: turned, face: withBox({ ...face, points }, turned.width) };
}

export async function turnedImage(image: RgbImage, quarters: number): Promise<RgbImage> {
  const { data, info } = await sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } })
    .rotate(((((quarters % 4) + 4) % 4) * 90) % 360)
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

/** A square around the face, turned back by `degrees`; where it leaves the picture, the border's pixels are repeated. */
function turnedAboutFace({ image, face }: FaceInImage, degrees: number): FaceInImage {
  const points = face.points.map((value) => value * image.width);
  const { faceWidth } = headPose(points);
  const [centreX, centreY] = [0, 1].map((axis) => [10, 152, 234, 454].reduce((sum, v) => sum + points[v * 3 + axis]! / 4, 0)) as [
    number,
    number,
  ];
  const side = Math.round(ROOM * faceWidth);
  const size = Math.min(MOST_SIDE_PX, side);
  const angle = (degrees * Math.PI) / 180;
  const planes = new Float32Array(3 * size * size);
  sampleRegion(image, { centreX, centreY, side, angle }, { size, scale: 1, offset: 0, border: 'replicate' }, planes);
  const data = new Uint8Array(3 * size * size);
  for (let i = 0; i < size * size; i += 1) for (let c = 0; c < 3; c += 1) data[i * 3 + c] = Math.round(planes[c * size * size + i]!);
  const [cos, sin, scale] = [Math.cos(angle), Math.sin(angle), size / side];
  const turned = new Float32Array(points.length);
  for (let i = 0; i < points.length; i += 3) {
    const [x, y] = [points[i]! - centreX, points[i + 1]! - centreY];
    turned.set([scale * (x * cos + y * sin) + size / 2, scale * (y * cos - x * sin) + size / 2, scale * points[i + 2]!], i);
  }
  const now = { ...face, points: turned.map((value) => value / size) };
  const wasSent = (x: number, y: number): boolean => {
    const [u, v] = [(x - size / 2) / scale, (y - size / 2) / scale];
    const [px, py] = [centreX + u * cos - v * sin, centreY + u * sin + v * cos];
    return px >= 0 && py >= 0 && px <= image.width && py <= image.height;
  };
  return { image: { width: size, height: size, data }, face: withBox(now, size), wasSent };
}

function withBox(face: DetectedFace, width: number): DetectedFace {
  const along = (axis: number) => Array.from({ length: 468 }, (_, v) => face.points[v * 3 + axis]! * width);
  const [xs, ys] = [along(0), along(1)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  return { ...face, box: [left, top, Math.max(...xs) - left, Math.max(...ys) - top] };
}
