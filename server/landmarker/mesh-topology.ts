/** Which landmark is what: index sets of the 478-point face mesh. "Left" and "right" are the picture's, not the person's. */
import { faceTriangles } from './face-triangles.ts';

/** Inner lip contours from the picture's left corner to the right one; the same column in both lists lies above itself. */
export const innerUpperLip = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308] as const;
export const innerLowerLip = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308] as const;
/** Columns between the corners. */
export const lipColumns = innerUpperLip.length - 2;

export interface EyeTopology {
  /** The two corners, left to right in the picture. */
  corners: readonly [number, number];
  /** Lid margins between the corners, left to right; seven columns each. */
  upper: readonly number[];
  lower: readonly number[];
  /** Skin above the upper lid, nearest first, and below the lower one; same columns. */
  crease: readonly number[];
  browRidge: readonly number[];
  pouch: readonly number[];
  /** Centre, then four points on the rim. */
  iris: readonly number[];
}

/** [0] the eye at the picture's left, [1] at its right. */
export const eyes: readonly [EyeTopology, EyeTopology] = [
  {
    corners: [33, 133],
    upper: [246, 161, 160, 159, 158, 157, 173],
    lower: [7, 163, 144, 145, 153, 154, 155],
    crease: [247, 30, 29, 27, 28, 56, 190],
    browRidge: [113, 225, 224, 223, 222, 221, 189],
    pouch: [25, 110, 24, 23, 22, 26, 112],
    iris: [468, 469, 470, 471, 472],
  },
  {
    corners: [362, 263],
    upper: [398, 384, 385, 386, 387, 388, 466],
    lower: [382, 381, 380, 374, 373, 390, 249],
    crease: [414, 286, 258, 257, 259, 260, 467],
    browRidge: [413, 441, 442, 443, 444, 445, 342],
    pouch: [341, 256, 252, 253, 254, 339, 255],
    iris: [473, 474, 475, 476, 477],
  },
];

/** The face's outline, clockwise in the picture from the middle of the forehead. */
export const faceOval = [
  10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93,
  234, 127, 162, 21, 54, 103, 67, 109,
] as const;

/**
 * Points that hardly move in the skull: ridge of the nose and eye corners. A pose taken from forehead, temples or outline
 * follows brows and jaw and drags the hair along.
 */
export const rigidPoints = [3, 4, 5, 6, 122, 168, 195, 196, 197, 248, 351, 419, 33, 133, 263, 362] as const;

/** Mirror-symmetric pairs (picture's left, right): their mean difference is the head's own x axis. */
export const mirrorPairs = [
  [33, 263],
  [133, 362],
  [234, 454],
  [127, 356],
  [93, 323],
  [58, 288],
  [132, 361],
  [162, 389],
  [50, 280],
  [205, 425],
  [70, 300],
  [61, 291],
] as const;

/** Ends of the face's extents: width between the first two, height between the others. */
export const extentPoints = { left: 234, right: 454, top: 10, bottom: 152 } as const;

const brow = (upper: readonly number[], lower: readonly number[]) => [upper, lower];
const loop = (ring: readonly number[]) => [...ring, ring[0]!];
const eyeLoop = (eye: EyeTopology) => loop([eye.corners[0], ...eye.upper, eye.corners[1], ...eye.lower.toReversed()]);

/** Polylines of the semantic map: outline, brows and nose. */
export const contourLines: readonly (readonly number[])[] = [
  loop(faceOval),
  ...brow([70, 63, 105, 66, 107], [46, 53, 52, 65, 55]),
  ...brow([300, 293, 334, 296, 336], [276, 283, 282, 295, 285]),
  [168, 6, 197, 195, 5, 4],
  [98, 97, 2, 326, 327],
];

/** Polylines of the semantic map: eyes, irises and lips. */
export const featureLines: readonly (readonly number[])[] = [
  eyeLoop(eyes[0]),
  eyeLoop(eyes[1]),
  loop(eyes[0].iris.slice(1)),
  loop(eyes[1].iris.slice(1)),
  loop([61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]),
  loop([...innerUpperLip, ...innerLowerLip.slice(1, -1).toReversed()]),
];

/** Triangles between two contours with equal columns that share their ends. */
export function strip(upper: readonly number[], lower: readonly number[]): number[] {
  const triangles: number[] = [];
  for (let i = 0; i + 1 < upper.length; i++) {
    const corners = [upper[i]!, upper[i + 1]!, lower[i + 1]!, lower[i]!] as const;
    if (corners[1] !== corners[2]) triangles.push(corners[0], corners[1], corners[2]);
    if (corners[0] !== corners[3]) triangles.push(corners[0], corners[2], corners[3]);
  }
  return triangles;
}

export const skinTriangles: readonly number[] = faceTriangles;
export const mouthTriangles: readonly number[] = strip(innerUpperLip, innerLowerLip);
export const eyeTriangles: readonly (readonly number[])[] = eyes.map((eye) =>
  strip([eye.corners[0], ...eye.upper, eye.corners[1]], [eye.corners[0], ...eye.lower, eye.corners[1]]),
);
