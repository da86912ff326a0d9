/**
 * A face's motion relative to rest, free of who the face belongs to: one flat vector, so that filters, cross-fades and
 * extrapolation treat it all alike.
 */
import { LANDMARK_COUNT } from '../../client/src/protocol/landmarks.ts';
import { lipColumns } from '../landmarker/mesh-topology.ts';

export const motionLayout = {
  /** Natural logarithm of the size relative to rest. */
  logScale: 0,
  /** Rotation vector in head axes, radians: x nods, y turns, z tilts. */
  rotation: 1,
  /** Place in the picture relative to rest, in face sizes. */
  translation: 4,
  /** 0 open … 1 shut (slightly below 0: wide open), per eye. */
  closure: 7,
  /** Iris shift in eye widths, x and y per eye, head axes. */
  gaze: 9,
  /** Opening of each lip column beyond rest, in face sizes. */
  lips: 13,
  /** [478, 3] displacement in head axes, over face width, height and size. */
  deltas: 13 + lipColumns,
} as const;

export const poseLength = motionLayout.closure;
export const motionLength = motionLayout.deltas + LANDMARK_COUNT * 3;

export type Motion = Float64Array;

/** `relative`: the driver's motion is transferred as differences from their own rest; `absolute`: pose and expression as they are. */
export type MotionMode = 'relative' | 'absolute';

export function restMotion(): Motion {
  return new Float64Array(motionLength);
}

/** out = a + (b − a) · weight; `out` may be `a` or `b`. */
export function mixMotion(a: Motion, b: Motion, weight: number, out: Motion): Motion {
  for (let i = 0; i < motionLength; i++) out[i] = a[i]! + (b[i]! - a[i]!) * weight;
  return out;
}
