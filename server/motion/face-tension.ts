/**
 * How far a face is from rest, in units of about one just noticeable expression. Only differences mean anything: a face's own
 * proportions are in the number, too.
 */
import { eyeOpenness, faceExtents, meanLipGap } from './head-geometry.ts';

/** What counts as one unit: shares of face size (mouth width: of face width), radians. */
const units = { lipGap: 0.01, mouthWidth: 0.035, cornerRaise: 0.02, browRaise: 0.04, turn: 0.25 } as const;
const mostFromTurn = 1.5;

const browPoints = [105, 66, 334, 296] as const;
const eyeCorners = [33, 133, 362, 263] as const;

function meanY(h: Float64Array, points: readonly number[]): number {
  let sum = 0;
  for (const v of points) sum += h[v * 3 + 1]!;
  return sum / points.length;
}

/**
 * @param h [478, 3] head axes.
 * @param turn radians away from looking into the camera.
 */
export function faceTension(h: Float64Array, turn: number): number {
  const [width, , size] = faceExtents(h);
  const open = Math.max(0, meanLipGap(h, size)) / units.lipGap;
  const wide = Math.abs(h[291 * 3]! - h[61 * 3]!) / width / units.mouthWidth;
  const raised = ((h[13 * 3 + 1]! + h[14 * 3 + 1]!) / 2 - meanY(h, [61, 291])) / size / units.cornerRaise;
  const brows = (meanY(h, eyeCorners) - meanY(h, browPoints)) / size / units.browRaise;
  return open + wide + raised + brows + Math.min(mostFromTurn, Math.abs(turn) / units.turn);
}

/** Whether the lids are far enough apart to be eyes at rest. @param level opening of the open eyes. */
export function eyesAreOpen(h: Float64Array, level: readonly [number, number]): boolean {
  return eyeOpenness(h, 0) > 0.65 * level[0] && eyeOpenness(h, 1) > 0.65 * level[1];
}
