/** What live checks need to know about a tracked face; all from the landmarks, unmirrored picture. */

/** Indices of the MediaPipe face mesh (canonical face model). */
const FOREHEAD = 10;
const CHIN = 152;
const RIGHT_CHEEK = 234;
const LEFT_CHEEK = 454;
const LIP_UPPER = 13;
const LIP_LOWER = 14;
const MOUTH_RIGHT = 61;
const MOUTH_LEFT = 291;
const EYE_RIGHT_OUTER = 33;
const EYE_LEFT_OUTER = 263;

export interface FaceMeasure {
  /** Centre of the face in the picture, 0..1 each. */
  centreX: number;
  centreY: number;
  /** Face height (forehead to chin) as a share of the picture's height. */
  size: number;
  /** Degrees; positive: turned to the person's own left. */
  yaw: number;
  /** Degrees; positive: looking down. */
  pitch: number;
  /** Degrees; positive: the head leans to the picture's right side. */
  roll: number;
  /** Gap between the lips as a share of the face's height. */
  mouthOpen: number;
  /** Mouth width as a share of the distance between the outer eye corners. */
  mouthWidth: number;
}

/** `points`: [478, 3] as in `LandmarkFrame`; `aspect`: picture height / width. */
export function measureFace(points: Float32Array, aspect: number): FaceMeasure {
  const at = (index: number): [number, number, number] => [points[index * 3]!, points[index * 3 + 1]!, points[index * 3 + 2]!];
  const distance = (a: number, b: number): number => {
    const [p, q] = [at(a), at(b)];
    return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
  };
  const degrees = (y: number, x: number): number => (Math.atan2(y, x) * 180) / Math.PI;
  const [forehead, chin, right, left, eyeRight, eyeLeft] = [
    at(FOREHEAD),
    at(CHIN),
    at(RIGHT_CHEEK),
    at(LEFT_CHEEK),
    at(EYE_RIGHT_OUTER),
    at(EYE_LEFT_OUTER),
  ];
  const height = distance(FOREHEAD, CHIN);
  return {
    centreX: (right[0] + left[0]) / 2,
    centreY: (forehead[1] + chin[1]) / 2 / aspect,
    size: height / aspect,
    yaw: degrees(left[2] - right[2], left[0] - right[0]),
    pitch: degrees(chin[2] - forehead[2], chin[1] - forehead[1]),
    roll: degrees(eyeLeft[1] - eyeRight[1], eyeLeft[0] - eyeRight[0]),
    mouthOpen: distance(LIP_UPPER, LIP_LOWER) / height,
    mouthWidth: distance(MOUTH_RIGHT, MOUTH_LEFT) / distance(EYE_RIGHT_OUTER, EYE_LEFT_OUTER),
  };
}
