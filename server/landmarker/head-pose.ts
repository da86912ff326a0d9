/** Where a head looks, from its landmarks alone. */
import { rigidPoints } from './mesh-topology.ts';
import { fitSimilarity } from '../../client/src/faces/rigid-fit.ts';
import { canonicalFace } from './canonical-face.ts';

export interface HeadPose {
  /** Degrees; positive: the face turns to the picture's right. */
  yaw: number;
  /** Degrees; positive: the face looks up. 0 is what people do in front of a camera on average. */
  pitch: number;
  /** Degrees; positive: the head tilts clockwise on the screen. */
  roll: number;
  /** 3x3, row by row: canonical axes → the picture's axes (x right, y down, z away). */
  rotation: Float64Array;
  /** Width of the face if it were seen from the front, in the units of `points`. */
  faceWidth: number;
}

const degrees = (radians: number): number => (radians * 180) / Math.PI;

/** @param points [478, 3] x, y, z in one unit (pixels, or picture widths) */
export function headPose(points: Float32Array | Float64Array): HeadPose {
  const { rotation, scale } = fitSimilarity(canonicalFace, points, rigidPoints);
  // The face looks along -z; rotation = Ry(yaw) Rx(pitch) Rz(roll), so that yaw and pitch do not depend on the tilt.
  const [lookX, lookY, lookZ] = [-rotation[2]!, -rotation[5]!, -rotation[8]!];
  return {
    yaw: degrees(Math.atan2(lookX, -lookZ)),
    pitch: degrees(Math.asin(Math.max(-1, Math.min(1, -lookY)))),
    roll: degrees(Math.atan2(rotation[3]!, rotation[4]!)),
    rotation,
    faceWidth: scale,
  };
}
