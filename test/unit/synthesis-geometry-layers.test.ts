import { describe, expect, it } from 'vitest';
import { AvatarFace } from '../../server/motion/AvatarFace.ts';
import { FlowRaster } from '../../server/synthesis/warp/FlowRaster.ts';
import { separateLayers } from '../../server/synthesis/enrol/layers.ts';
import { fillSmoothly } from '../../server/synthesis/enrol/membrane.ts';
import { motionLayout as L, restMotion } from '../../server/motion/motion.ts';
import { PersonMesh } from '../../server/synthesis/warp/PersonMesh.ts';
import { drawnPortrait } from '../support/synthetic-face.ts';

const size = 128;
const n = size * size;

/** The drawn portrait with its matte shrunk by some pixels: a segmentation that misses the person's edge. */
function shrunkMatte(by: number) {
  const portrait = drawnPortrait(size);
  const truth = portrait.matte!;
  const matte = truth.map((_, i) => {
    const [x, y] = [i % size, Math.floor(i / size)];
    for (const [dx, dy] of [
      [by, 0],
      [-by, 0],
      [0, by],
      [0, -by],
    ] as const) {
      if (truth[Math.min(size - 1, Math.max(0, y + dy)) * size + Math.min(size - 1, Math.max(0, x + dx))] === 0) return 0;
    }
    return 255;
  });
  return { portrait: { ...portrait, matte }, truth };
}

describe('person and background', () => {
  it('finds the edge from the colours where the matte misses it by some pixels', () => {
    const { portrait, truth } = shrunkMatte(2);
    const { alpha } = separateLayers(portrait)!;
    const wrong = (a: ArrayLike<number>, scale: number) =>
      Array.from(truth).reduce((sum, v, i) => sum + Math.abs(v / 255 - a[i]! * scale), 0);
    expect(wrong(alpha, 1)).toBeLessThan(0.6 * wrong(portrait.matte, 1 / 255));
  });

  it('the background keeps nothing of the person, and the person nothing of the background', () => {
    const { portrait, truth } = shrunkMatte(2);
    const { alpha, background, foreground } = separateLayers(portrait)!;
    const person = [190, 140, 120];
    const gradient = (i: number) => [60 + (120 * (i % size)) / size, 90, 60 + (120 * Math.floor(i / size)) / size];
    // the drawn noise adds 16 to all channels in the mean
    const from = (plane: Float32Array, i: number, colour: number[]) =>
      Math.hypot(...colour.map((v, c) => plane[c * n + i]! * 255 - v - 16));
    let [left, right, count] = [0, 0, 0];
    for (let i = 0; i < n; i++) {
      // near the middle of the picture both colours are much alike
      if (truth[i] !== 255 || Math.hypot(...person.map((v, c) => v - gradient(i)[c]!)) < 80) continue;
      left += from(background, i, gradient(i));
      right += from(background, i, person);
      count++;
    }
    expect(count).toBeGreaterThan(n / 20);
    expect(left / right).toBeLessThan(0.4);
    const edge = Array.from(truth, (v, i) => (v === 0 && alpha[i]! > 0.1 && alpha[i]! < 0.6 ? i : -1)).filter((i) => i >= 0);
    expect(edge.length).toBeGreaterThan(10);
    for (const i of edge) expect(from(foreground, i, person)).toBeLessThan(40);
  });

  it('at rest both together are the portrait', () => {
    const portrait = drawnPortrait(size);
    const { alpha, background } = separateLayers(portrait)!;
    let worst = 0;
    for (let i = 0; i < n; i++) {
      for (let c = 0; c < 3; c++) {
        const value = portrait.image.data[i * 3 + c]! / 255;
        const over = Math.min(alpha[i]!, Math.max(0, value - (1 - alpha[i]!) * background[c * n + i]!));
        worst = Math.max(worst, Math.abs(over + (1 - alpha[i]!) * background[c * n + i]! - value));
      }
    }
    expect(worst).toBeLessThan(0.16);
  });

  it('without a matte there is nothing to separate', () => {
    expect(separateLayers(drawnPortrait(size, { matte: false }))).toBeNull();
  });
});

describe('the membrane', () => {
  it('continues a slope through a hole, and keeps what is known', () => {
    const side = 61;
    const slope = Float32Array.from({ length: side * side }, (_, i) => (i % side) / side);
    const known = Float32Array.from(slope, (_, i) => (Math.hypot((i % side) - 30, Math.floor(i / side) - 30) < 18 ? 0 : 1));
    const filled = fillSmoothly(
      slope.map((v, i) => (known[i] ? v : 9)),
      known,
      side,
    );
    filled.forEach((v, i) => expect(Math.abs(v - slope[i]!)).toBeLessThan(known[i] ? 1e-6 : 0.05));
  });

  it('gives zeros where nothing is known', () => {
    expect([...fillSmoothly(new Float32Array(25).fill(7), new Float32Array(25), 5)]).toEqual(Array.from({ length: 25 }, () => 0));
  });
});

it('a head that leans back leaves no second one behind: every pixel belongs to the moved mesh', () => {
  const portrait = drawnPortrait(size, { width: 0.46 });
  // hair up to near the picture's border
  const matte = portrait.matte!.map((v, i) => (Math.abs((i % size) - size / 2) < 25 && i > 3 * size && i < n / 2 ? 255 : v));
  const face = new AvatarFace({ points: portrait.points, size });
  const mesh = new PersonMesh(
    face,
    Float32Array.from(matte, (v) => v / 255),
  );
  const raster = new FlowRaster(mesh, size);
  for (const [scale, down, aside] of [
    [-0.5, 0.5, 0],
    [-0.5, 0, 0.5],
    [-0.5, -0.4, -0.5],
  ] as const) {
    const motion = restMotion();
    motion[L.logScale] = scale;
    motion[L.translation] = aside;
    motion[L.translation + 1] = down;
    mesh.update(face.pose(motion, AvatarFace.newPose()));
    raster.draw();
    // the head's own place in the portrait, seen where the flow did not move at all
    let twice = 0;
    for (let i = 0; i < n; i++) {
      const [x, y] = [i % size, Math.floor(i / size)];
      const still =
        Math.hypot(((raster.flow[i * 2]! + 1) * size) / 2 - x - 0.5, ((raster.flow[i * 2 + 1]! + 1) * size) / 2 - y - 0.5) < 0.01;
      if (still && matte[i] === 255 && y < portrait.points[152 * 3 + 1]!) twice++;
    }
    expect(twice).toBe(0);
  }
});
