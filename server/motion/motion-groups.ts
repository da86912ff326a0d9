/** Which entries of a motion move together, and how noisy a tracker's are on a face that is still. */
import { canonicalFace } from '../landmarker/canonical-face.ts';
import { eyes } from '../landmarker/mesh-topology.ts';
import { LANDMARK_COUNT } from '../../client/src/protocol/landmarks.ts';
import { lipColumns } from '../landmarker/mesh-topology.ts';
import { motionLayout as L, poseLength } from './motion.ts';

export interface MotionGroup {
  name: 'head' | 'mouth' | 'jaw' | 'lids' | 'lids-right' | 'irises' | 'face';
  /** Entries of the motion that get one gain. */
  values: readonly number[];
  /** Those of them by which it is found out whether the group moves, each in units of its own. */
  judges: readonly number[];
  units: readonly number[];
  /** Root mean square of the judges' noise, in those units. */
  noise: number;
}

/** Of the pose's entries: log scale, radians, face sizes. */
const poseUnits = [0.002, 0.004, 0.0035, 0.0012, 0.001, 0.0008, 0.0008] as const;
const noseBottom = canonicalFace[2 * 3 + 1]!;

const coordinates = (points: readonly number[], axes = 3) =>
  points.flatMap((v) => Array.from({ length: axes }, (_, a) => L.deltas + v * 3 + a));
const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);
const lidPoints = (eye: 0 | 1) => [...eyes[eye].upper, ...eyes[eye].lower, ...eyes[eye].crease, ...eyes[eye].pouch];
const irisPoints = [...eyes[0].iris, ...eyes[1].iris];
const taken = new Set([...lidPoints(0), ...lidPoints(1), ...irisPoints]);
const skin = range(0, LANDMARK_COUNT).filter((v) => !taken.has(v));
const isLow = (v: number) => canonicalFace[v * 3 + 1]! > noseBottom;
/** Below the lower lip, and the outline beside it. */
const isJaw = (v: number) => canonicalFace[v * 3 + 1]! > 0.56 || (isLow(v) && Math.abs(canonicalFace[v * 3]!) > 0.32);

function ofPoints(name: MotionGroup['name'], points: readonly number[], noise: number, others: readonly number[] = []): MotionGroup {
  const judges = coordinates(points, 2);
  return { name, values: [...others, ...coordinates(points)], judges, units: judges.map(() => 1), noise };
}

export const motionGroups: readonly MotionGroup[] = [
  { name: 'head', values: range(0, poseLength), judges: range(0, poseLength), units: poseUnits, noise: 1 },
  ofPoints(
    'mouth',
    skin.filter((v) => isLow(v) && !isJaw(v)),
    0.0012,
    range(L.lips, lipColumns),
  ),
  ofPoints('jaw', skin.filter(isJaw), 0.0012),
  ofPoints('lids', lidPoints(0), 0.0006, [L.closure]),
  ofPoints('lids-right', lidPoints(1), 0.0006, [L.closure + 1]),
  ofPoints('irises', irisPoints, 0.0007, range(L.gaze, 4)),
  ofPoints(
    'face',
    skin.filter((v) => !isLow(v)),
    0.0007,
  ),
];
