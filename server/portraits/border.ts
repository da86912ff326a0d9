/** What a portrait's border takes from the head: surroundings that have to be made up, hair and chin that are cut off. */
import type { PortraitWarning } from './check.ts';
import type { Square } from './crop.ts';
import type { FaceInImage } from './level.ts';

export interface FramedPortrait {
  framed: FaceInImage;
  /** Of the crop, in pixels of the image. */
  square: Square;
  /** [size, size] of the crop, 255 = person. */
  matte: Uint8Array;
  size: number;
}

export interface BorderMeasures {
  /** Share of the crop that was not in the picture. */
  outside: number;
  /** Share of the face's width along which hair reaches the picture's upper border. */
  hairAtBorder: number;
  /** From the top of the forehead to the picture's border above it, over the face's height. */
  aboveForehead: number;
  /** From the chin to the picture's border below it, over the face's height; negative beyond. */
  belowChin: number;
}

const GRID = 48;
const MOST_OUTSIDE = 0.3;
const MOST_HAIR_AT_BORDER = 0.3;
/** Heads end .35 to .5 above the forehead; with less the border cuts the hair, not only touches it. */
const LEAST_ABOVE_FOREHEAD = 0.2;
const LEAST_BELOW_CHIN = 0.03;
/** A crop's row this close to the picture's border, over its side, shows what the border cuts. */
const NEAR_BORDER = 0.02;

export function borderWarnings(portrait: FramedPortrait): PortraitWarning[] {
  const { outside, hairAtBorder, aboveForehead, belowChin } = measureBorder(portrait);
  const warnings: PortraitWarning[] = [];
  if (outside > MOST_OUTSIDE)
    warnings.push({
      code: 'outside',
      message: `The picture ends close to the head: ${(100 * outside).toFixed(0)} % of what the avatar shows has to be made up. Use one with more room around the head.`,
    });
  if (hairAtBorder > MOST_HAIR_AT_BORDER && aboveForehead < LEAST_ABOVE_FOREHEAD)
    warnings.push({
      code: 'hair-cut',
      message: "The picture's upper border cuts the hair: the avatar's head will end there. Use one with room above the head.",
    });
  if (belowChin < LEAST_BELOW_CHIN)
    warnings.push({
      code: 'chin-cut',
      message: "The picture's border cuts the chin: the avatar has no neck to show. Use one with the neck in it.",
    });
  return warnings;
}

export function measureBorder({ framed: { image, face, wasSent = () => true }, square, matte, size }: FramedPortrait): BorderMeasures {
  const known = (x: number, y: number): boolean => x >= 0 && y >= 0 && x <= image.width && y <= image.height && wasSent(x, y);
  let outside = 0;
  for (let i = 0; i < GRID * GRID; i += 1) {
    const [x, y] = [square.x + (((i % GRID) + 0.5) / GRID) * square.size, square.y + ((Math.floor(i / GRID) + 0.5) / GRID) * square.size];
    if (!known(x, y)) outside += 1 / GRID ** 2;
  }
  const at = (v: number, axis: number): number => face.points[v * 3 + axis]! * image.width;
  const height = Math.hypot(at(152, 0) - at(10, 0), at(152, 1) - at(10, 1));
  const room = (v: number, direction: 1 | -1): number => {
    let way = known(at(v, 0), at(v, 1)) ? 0 : -1;
    while (way >= 0 && way < 0.5 && known(at(v, 0), at(v, 1) + direction * (way + 0.01) * height)) way += 0.01;
    return way;
  };
  return {
    outside,
    hairAtBorder: hairAtBorder({ square, matte, size, known, left: at(234, 0), right: at(454, 0), top: at(10, 1) }),
    aboveForehead: room(10, -1),
    belowChin: room(152, 1),
  };
}

interface HairAbove {
  square: Square;
  matte: Uint8Array;
  size: number;
  known: (x: number, y: number) => boolean;
  left: number;
  right: number;
  top: number;
}

/** Above each part of the face: is the first row that was in the picture a person? Only where the crop shows that border. */
function hairAtBorder({ square, matte, size, known, left, right, top }: HairAbove): number {
  const scale = square.size / size;
  let cut = 0;
  for (let i = 0; i < GRID; i += 1) {
    const x = left + ((i + 0.5) / GRID) * (right - left);
    const column = Math.min(size - 1, Math.max(0, Math.floor((x - square.x) / scale)));
    let row = Math.min(size - 1, Math.max(0, Math.floor((top - square.y) / scale)));
    while (row > 0 && known(x, square.y + (row - 0.5) * scale)) row -= 1;
    const shown = row > 0 || !known(x, square.y - NEAR_BORDER * square.size);
    const inside = Math.min(size - 1, row + Math.ceil(0.01 * size));
    if (shown && matte[inside * size + column]! > 127) cut += 1 / GRID;
  }
  return cut;
}
