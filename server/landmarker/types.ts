/** Images and the faces that are found in them. */

/** A picture in memory. */
export interface RgbImage {
  width: number;
  height: number;
  /** [height, width, 3], sRGB 0..255. */
  data: Uint8Array;
}

/** A face as the server's own landmarker finds it. */
export interface DetectedFace {
  /** [478, 3], isotropic, in units of the picture's width: see `LandmarkFrame`. */
  points: Float32Array;
  /** 0..1, from the mesh network's face flag. */
  confidence: number;
  /** The detector's box: x, y, width, height in pixels. */
  box: [x: number, y: number, width: number, height: number];
}
