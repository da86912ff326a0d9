/**
 * How a model wants a face posed: how far the head may go, and what its landmarks mean. `surface`: where lips, lids and cheeks really are,
 * for a model that draws them there. `tracked`: where a tracker would see them, which is what a trained model has learned from.
 */

const degrees = Math.PI / 180;

/** From `knee` on motion is compressed, `limit` is never reached. */
export interface SoftLimit {
  knee: number;
  limit: number;
}

/** Radians; `logScale` is a natural logarithm. */
export interface PoseLimits {
  pitch: SoftLimit;
  yaw: SoftLimit;
  roll: SoftLimit;
  logScale: SoftLimit;
}

/** What a warp of one picture can show. */
export const warpPoseLimits: PoseLimits = {
  pitch: { knee: 10 * degrees, limit: 17 * degrees },
  yaw: { knee: 14 * degrees, limit: 24 * degrees },
  roll: { knee: 18 * degrees, limit: 30 * degrees },
  logScale: { knee: 0.1, limit: 0.24 },
};

/** Landmarks of a shut eye still stand this share of the open gap apart. */
export const shutEyeShare = 0.28;

export type LandmarkMeaning = 'surface' | 'tracked';

interface AngleLimit {
  kneeDegrees: number;
  limitDegrees: number;
}

/** A model's wishes as its manifest states them. */
export interface PosingSpec {
  landmarks: LandmarkMeaning;
  poseLimits?:
    | { pitch?: AngleLimit | undefined; yaw?: AngleLimit | undefined; roll?: AngleLimit | undefined; logScale?: SoftLimit | undefined }
    | undefined;
}

export interface Posing {
  limits: PoseLimits;
  /**
   * Depth that is kept of what lies behind the eyes. The mesh's sides lie deep, and a turn would spread the front's bright skin over a
   * cheek that the portrait never showed.
   */
  sideDepth: number;
  /**
   * Trackers put the inner contour of parted lips a little into the red: what is seen of the opening ends earlier, by so much of
   * the face size. Measured by tracking what was rendered; with another's lips it is less.
   */
  lipOverlap: { absolute: number; relative: number };
  /** Whether lips, lids and irises lie where a tracker would see them; else shut ones meet, and eyeballs are drawn that follow the gaze. */
  tracked: boolean;
}

const meanings: Record<LandmarkMeaning, Omit<Posing, 'limits'>> = {
  surface: { sideDepth: 0.7, lipOverlap: { absolute: 0.011, relative: 0.006 }, tracked: false },
  tracked: { sideDepth: 1, lipOverlap: { absolute: 0, relative: 0 }, tracked: true },
};

export const surfacePosing: Posing = { ...meanings.surface, limits: warpPoseLimits };

/** A model's own posing: what its manifest entry leaves out is as the warp has it. */
export function posingOf({ landmarks, poseLimits = {} }: PosingSpec): Posing {
  const limits = { ...warpPoseLimits };
  for (const axis of ['pitch', 'yaw', 'roll'] as const) {
    const own = poseLimits[axis];
    if (own) limits[axis] = { knee: own.kneeDegrees * degrees, limit: own.limitDegrees * degrees };
  }
  if (poseLimits.logScale) limits.logScale = poseLimits.logScale;
  return { ...meanings[landmarks], limits };
}
