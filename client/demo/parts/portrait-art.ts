/** The welcome picture: a framed face of landmarks, the mean face that the landmark packet is coded against, looking around. */
import { landmarkModel } from '../../src/protocol/landmark-model.ts';
import { h } from '../dom.ts';
import type { Part } from '../dom.ts';

/** Brows, lids, nose and lips in the MediaPipe mesh: drawn brighter, so that the points read as a face. */
const FEATURES = new Set([
  70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 300, 293, 334, 296, 336, 276, 283, 282, 295, 285, 33, 7, 163, 144, 145, 153, 154, 155, 133, 173,
  157, 158, 159, 160, 161, 246, 362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398, 168, 6, 197, 195, 5, 4, 1,
  98, 97, 2, 326, 327, 61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185, 78, 95, 88, 178, 87, 14,
  317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
]);
const LOWER_FACE = { fromY: 0.2, opening: 0.05 };

export function portraitArt(): Part {
  const canvas = h('canvas', { width: '720', height: '900' });
  const element = h('div', { class: 'art', 'aria-hidden': 'true' }, h('div', { class: 'art-frame' }, canvas));
  const context = canvas.getContext('2d');
  const points = meanFace();
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  let handle = 0;

  const draw = (nowMs: number): void => {
    if (!context) return;
    const seconds = nowMs / 1000;
    const pose = still
      ? { yaw: 0.4, pitch: 0.03, smile: 0.6 }
      : { yaw: Math.sin(seconds * 0.5) * 0.5 + 0.1, pitch: Math.sin(seconds * 0.33) * 0.1, smile: 0.5 + 0.5 * Math.sin(seconds * 0.7) };
    paint(context, points, pose);
    if (!still) handle = requestAnimationFrame(draw);
  };
  handle = requestAnimationFrame(draw);
  return { element, close: () => cancelAnimationFrame(handle) };
}

/** [478, 3] centred, in units of the face's height, y down, z away from the viewer. */
function meanFace(): Float64Array {
  const { mean } = landmarkModel();
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (let i = 0; i < mean.length; i++) {
    low[i % 3] = Math.min(low[i % 3]!, mean[i]!);
    high[i % 3] = Math.max(high[i % 3]!, mean[i]!);
  }
  const height = high[1]! - low[1]!;
  return mean.map((value, i) => (value - (low[i % 3]! + high[i % 3]!) / 2) / height);
}

function paint(
  context: CanvasRenderingContext2D,
  points: Float64Array,
  { yaw, pitch, smile }: { yaw: number; pitch: number; smile: number },
): void {
  const { width, height } = context.canvas;
  const scale = height * 0.64;
  context.clearRect(0, 0, width, height);
  const [cosYaw, sinYaw, cosPitch, sinPitch] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
  for (let i = 0; i < points.length / 3; i++) {
    let [x, y] = [points[i * 3]!, points[i * 3 + 1]!];
    const z = points[i * 3 + 2]!;
    // The corners of the mouth rise and widen; the chin hardly moves.
    const corner = Math.exp(-(((Math.abs(x) - 0.17) / 0.1) ** 2) - ((y - LOWER_FACE.fromY) / 0.1) ** 2);
    y -= corner * smile * LOWER_FACE.opening;
    x += Math.sign(x) * corner * smile * 0.018;
    const turnedX = x * cosYaw - z * sinYaw;
    const depth = z * cosYaw + x * sinYaw;
    const turnedY = y * cosPitch - depth * sinPitch;
    // Light from the upper left, as painters have it.
    const light = Math.max(0.12, Math.min(1, 0.52 - depth * 1.1 - turnedX * 0.55 - turnedY * 0.25));
    const feature = FEATURES.has(i);
    context.fillStyle = feature
      ? `rgb(255 226 190 / ${0.35 + 0.65 * light})`
      : `rgb(${Math.round(165 + 75 * light)} ${Math.round(115 + 75 * light)} ${Math.round(75 + 70 * light)} / ${0.2 + 0.7 * light})`;
    context.beginPath();
    context.arc(width / 2 + turnedX * scale, height * 0.5 + turnedY * scale, (feature ? 3.4 : 2.6) + light * 1.8, 0, Math.PI * 2);
    context.fill();
  }
}
