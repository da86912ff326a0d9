/** The welcome picture: a framed face of moving points, drawn from nothing but ellipses. */
import { h } from '../dom.ts';
import type { Part } from '../dom.ts';

const GOLDEN_ANGLE = 2.39996;
const COUNT = 420;

interface Point {
  x: number;
  y: number;
  z: number;
}

/** Points spread evenly over the front of an egg-shaped head. */
function headPoints(): Point[] {
  return Array.from({ length: COUNT }, (_, i) => {
    const z = 1 - (i / COUNT) * 0.95;
    const radius = Math.sqrt(1 - z * z);
    const angle = i * GOLDEN_ANGLE;
    const y = Math.sin(angle) * radius;
    return { x: Math.cos(angle) * radius * (0.74 - 0.1 * Math.max(0, y)), y, z: z * 0.7 + bump(Math.cos(angle) * radius, y) };
  });
}

/** Nose, brow and chin, so that light and turning read as a face. */
function bump(x: number, y: number): number {
  const hill = (cx: number, cy: number, sx: number, sy: number): number => Math.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2);
  return 0.3 * hill(0, 0.12, 0.13, 0.22) + 0.07 * hill(0, 0.5, 0.28, 0.1) + 0.08 * hill(0, 0.86, 0.2, 0.16) - 0.1 * hill(0.32, -0.12, 0.17, 0.11) - 0.1 * hill(-0.32, -0.12, 0.17, 0.11);
}

export function portraitArt(): Part {
  const canvas = h('canvas', { 'aria-hidden': 'true', width: '720', height: '900' });
  const element = h('div', { class: 'art', 'aria-hidden': 'true' }, h('div', { class: 'art-frame' }, canvas));
  const context = canvas.getContext('2d');
  const points = headPoints();
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  let handle = 0;

  const draw = (nowMs: number): void => {
    if (!context) return;
    const yaw = still ? 0.35 : Math.sin(nowMs / 2900) * 0.55;
    const pitch = still ? 0.05 : Math.sin(nowMs / 4100) * 0.12;
    paint(context, points, yaw, pitch);
    if (!still) handle = requestAnimationFrame(draw);
  };
  handle = requestAnimationFrame(draw);
  return { element, close: () => cancelAnimationFrame(handle) };
}

function paint(context: CanvasRenderingContext2D, points: Point[], yaw: number, pitch: number): void {
  const { width, height } = context.canvas;
  context.clearRect(0, 0, width, height);
  const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
  for (const { x, y, z } of points) {
    const turnedX = x * cy + z * sy;
    const turnedZ = z * cy - x * sy;
    const turnedY = y * cp - turnedZ * sp;
    const depth = turnedZ * cp + y * sp;
    if (depth < -0.1) continue;
    // Light from the upper left, as painters have it.
    const light = Math.max(0.05, Math.min(1, depth * 0.75 - turnedX * 0.35 - turnedY * 0.15));
    context.fillStyle = `rgb(${Math.round(150 + 95 * light)} ${Math.round(105 + 95 * light)} ${Math.round(70 + 90 * light)} / ${0.25 + 0.75 * light})`;
    context.beginPath();
    context.arc(width / 2 + turnedX * width * 0.4, height * 0.47 + turnedY * height * 0.33, 2 + light * 3.2, 0, Math.PI * 2);
    context.fill();
  }
}
