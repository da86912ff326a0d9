/**
 * A neutral average face, looking straight ahead: the symmetrised mean of the landmarks of frontal portraits.
 * Made by `make-canonical-face.ts`.
 */
import canonical from './canonical-face.json' with { type: 'json' };

/**
 * [478, 3] x right, y down, z away from the camera, as `LandmarkFrame`; the face is 1 wide (points 234 to 454),
 * the origin is the centre of `rigidPoints` (mesh-topology.ts). Exactly mirror-symmetric in x.
 */
export const canonicalFace: Float32Array = Float32Array.from(canonical.points);

/** [478] each point's partner on the other side of the face; itself on the middle line. */
export const mirrorPoints: Uint16Array = Uint16Array.from(canonical.mirror);
