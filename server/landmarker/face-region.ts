/** The square that the mesh network looks at: upright on the eyes, half as large again as the face. */
import type { Detection } from './face-detector.ts';
import type { ImageRegion } from './image-region.ts';

const ENLARGEMENT = 1.5;
/** Outer corners of the eyes on the picture's left and right. */
const LEFT_EYE = 33;
const RIGHT_EYE = 263;

/** First guess, from the detector. */
export function regionOfDetection(detection: Detection): ImageRegion {
  const [x, y, width, height] = detection.box;
  const [leftX = 0, leftY = 0, rightX = 0, rightY = 0] = detection.keypoints;
  return {
    centreX: x + width / 2,
    centreY: y + height / 2,
    side: ENLARGEMENT * Math.max(width, height),
    angle: Math.atan2(rightY - leftY, rightX - leftX),
  };
}

/**
 * From the mesh's own points (pixels, x y z interleaved): the box of all points, turned to the eyes.
 * The box is the upright one, as in the trackers of the browser, so that server and browser see the same crop.
 */
export function regionOfPoints(points: Float32Array): ImageRegion {
  let [minX, minY, maxX, maxY] = [Infinity, Infinity, -Infinity, -Infinity];
  // The irises (468..477) lie inside and are left out, as in the browser.
  for (let i = 0; i < 468 * 3; i += 3) {
    const [x, y] = [points[i]!, points[i + 1]!];
    if (x < minX) minX = x;
    if (x > maxX) maxX = x;
    if (y < minY) minY = y;
    if (y > maxY) maxY = y;
  }
  const angle = Math.atan2(points[RIGHT_EYE * 3 + 1]! - points[LEFT_EYE * 3 + 1]!, points[RIGHT_EYE * 3]! - points[LEFT_EYE * 3]!);
  return { centreX: (minX + maxX) / 2, centreY: (minY + maxY) / 2, side: ENLARGEMENT * Math.max(maxX - minX, maxY - minY), angle };
}

/** Points of a crop of `size` pixels → pixels of the picture; z keeps the scale of x. */
export function projectPoints(crop: Float32Array, region: ImageRegion, size: number): Float32Array {
  const scale = region.side / size;
  const [cos, sin] = [Math.cos(region.angle) * scale, Math.sin(region.angle) * scale];
  const out = new Float32Array(crop.length);
  for (let i = 0; i < crop.length; i += 3) {
    const u = crop[i]! - size / 2;
    const v = crop[i + 1]! - size / 2;
    out[i] = region.centreX + u * cos - v * sin;
    out[i + 1] = region.centreY + u * sin + v * cos;
    out[i + 2] = crop[i + 2]! * scale;
  }
  return out;
}

/** How far two regions are apart, as a share of their side: shift, growth and turn together. */
export function regionChange(a: ImageRegion, b: ImageRegion): number {
  return (Math.hypot(a.centreX - b.centreX, a.centreY - b.centreY) + Math.abs(a.side - b.side)) / b.side + Math.abs(a.angle - b.angle);
}
