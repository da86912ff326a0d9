/** The semantic map's line channels: anti-aliased polylines of the mesh. */
import { contourLines, featureLines } from '../../landmarker/mesh-topology.ts';

export interface LineDrawing {
  channel: 'contour' | 'features';
  /** [478, 3] pixels of a `pictureSize` square picture. */
  points: Float32Array;
  pictureSize: number;
  /** Side of `out`. */
  size: number;
  /** [size, size], cleared here, then 0..1. */
  out: Float32Array;
}

/** Half of a line's width in map pixels; beyond it coverage falls to zero over one pixel. */
const halfWidth = 0.6;

export function drawSemanticLines({ channel, points, pictureSize, size, out }: LineDrawing): void {
  out.fill(0);
  const s = size / pictureSize;
  for (const line of channel === 'contour' ? contourLines : featureLines) {
    for (let i = 0; i + 1 < line.length; i++) {
      const [a, b] = [line[i]! * 3, line[i + 1]! * 3];
      drawSegment(out, size, [points[a]! * s, points[a + 1]! * s, points[b]! * s, points[b + 1]! * s]);
    }
  }
}

/** Coverage by distance to the segment; the larger one wins where segments meet. */
function drawSegment(out: Float32Array, size: number, [ax, ay, bx, by]: [number, number, number, number]): void {
  const reach = halfWidth + 1;
  const left = Math.max(0, Math.floor(Math.min(ax, bx) - reach));
  const right = Math.min(size - 1, Math.ceil(Math.max(ax, bx) + reach));
  const top = Math.max(0, Math.floor(Math.min(ay, by) - reach));
  const bottom = Math.min(size - 1, Math.ceil(Math.max(ay, by) + reach));
  const [dx, dy] = [bx - ax, by - ay];
  const inverse = 1 / Math.max(dx * dx + dy * dy, 1e-9);
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
      const t = Math.min(1, Math.max(0, (px * dx + py * dy) * inverse));
      const distance = Math.hypot(px - t * dx, py - t * dy);
      const coverage = Math.min(1, halfWidth + 0.5 - distance);
      if (coverage > out[y * size + x]!) out[y * size + x] = coverage;
    }
  }
}
