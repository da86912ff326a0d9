/**
 * One observation of a face, as trackers give it and as the landmark packet carries it.
 *
 * Coordinates are isotropic: x right, y down, z away from the camera, all three in units of the picture's WIDTH
 * (MediaPipe's x and z as they are, y times height / width), origin at the picture's top left corner.
 */
export const LANDMARK_COUNT = 478;

export interface LandmarkFrame {
  /** [478, 3] x, y, z interleaved; see above for units. */
  points: Float32Array;
  /** When the camera took the picture, ms since the Unix epoch on the server's clock. */
  capturedMs: number;
  /** Tracking confidence 0..1; 0 means that no face was found and `points` is meaningless. */
  confidence: number;
}
