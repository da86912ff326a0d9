/** Whether 478 points are a head at all: what has no extent has no motion either, and every measure of a face divides by one of these. */
import { headAxes, toHeadAxes } from './head-geometry.ts';
import { extentPoints, eyes, rigidPoints } from '../landmarker/mesh-topology.ts';
import { centroid } from '../../client/src/faces/rigid-fit.ts';
import { LANDMARK_COUNT } from '../../client/src/protocol/landmarks.ts';

/**
 * Over the root mean square radius of the points that no expression moves. The narrowest eyes and mouths that trackers give are several times
 * as wide, and no point of a head lies further out.
 */
const least = { face: 0.5, eye: 0.05, mouth: 0.05 } as const;
const furthest = 100;
/** That radius in any unit that a picture is measured in: it is about a tenth of a picture. */
const radii = { least: 1e-6, most: 1e6 } as const;
const mouthCorners = [78, 308] as const;

/** Radius of the points that no expression moves; NaN or Infinity where they are no numbers that can be worked with. */
function radiusOf(points: Float32Array | Float64Array, centre: Float64Array): number {
  let square = 0;
  for (const v of rigidPoints) for (let a = 0; a < 3; a++) square += (points[v * 3 + a]! - centre[a]!) ** 2 / rigidPoints.length;
  return Math.sqrt(square);
}

/** @param points [478, 3] any unit, any pose. */
export function isFace(points: Float32Array | Float64Array): boolean {
  return isFaceIn(points, headAxes(points));
}

/** @param h [478, 3] any unit, head axes. */
export function isFaceAtRest(h: Float32Array | Float64Array): boolean {
  return isFaceIn(h, Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1));
}

function isFaceIn(points: Float32Array | Float64Array, rotation: Float64Array): boolean {
  const centre = centroid(points, rigidPoints);
  const radius = radiusOf(points, centre);
  if (!(radius >= radii.least && radius <= radii.most)) return false;
  const h = toHeadAxes(points, rotation, centre, radius);
  // Written so that NaN fails.
  for (let i = 0; i < LANDMARK_COUNT * 3; i++) if (!(Math.abs(h[i]!) <= furthest)) return false;
  const apart = (one: number, other: number, axis: number): number => Math.abs(h[one * 3 + axis]! - h[other * 3 + axis]!);
  return (
    apart(extentPoints.left, extentPoints.right, 0) >= least.face &&
    apart(extentPoints.top, extentPoints.bottom, 1) >= least.face &&
    apart(mouthCorners[0], mouthCorners[1], 0) >= least.mouth &&
    eyes.every(({ corners: [one, other] }) => apart(one, other, 0) >= least.eye)
  );
}
