/** A face that talks and turns, made from the canonical mesh: landmarks without a picture, for tests of everything behind the tracker. */
import { LANDMARK_COUNT, type LandmarkFrame } from '../../client/src/protocol/index.ts';
import { canonicalFace } from '../../server/landmarker/canonical-face.ts';

export interface Pose {
  /** Degrees; positive turns towards the picture's right. */
  yaw?: number;
  /** 0..1. */
  mouthOpen?: number;
}

/** Points below the mouth's line follow the jaw; the lips' inner contour opens between them. */
const LOWER_LIP_INNER = new Set([95, 88, 178, 87, 14, 317, 402, 318, 324]);
const CHIN_TOP = 17;

/** @returns the face in the middle of a picture, a third as wide as the picture. */
export function posedFace({ yaw = 0, mouthOpen = 0 }: Pose, capturedMs: number): LandmarkFrame {
  const points = new Float32Array(LANDMARK_COUNT * 3);
  const angle = (yaw * Math.PI) / 180;
  const lipY = canonicalFace[CHIN_TOP * 3 + 1]!;
  for (let i = 0; i < LANDMARK_COUNT; i++) {
    const [x, y, z] = canonicalFace.subarray(i * 3, i * 3 + 3) as unknown as [number, number, number];
    const jaw = LOWER_LIP_INNER.has(i) || y >= lipY ? 0.16 * mouthOpen : 0;
    points[i * 3] = 0.5 + (x * Math.cos(angle) - z * Math.sin(angle)) / 3;
    points[i * 3 + 1] = 0.4 + (y + jaw) / 3;
    points[i * 3 + 2] = (x * Math.sin(angle) + z * Math.cos(angle)) / 3;
  }
  return { points, capturedMs, confidence: 0.95 };
}
