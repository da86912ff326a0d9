import { describe, expect, it } from 'vitest';
import { AvatarFace } from '../../server/motion/AvatarFace.ts';
import { fillBackground } from '../../server/synthesis/enrol/background-plate.ts';
import { faceTriangles } from '../../server/landmarker/face-triangles.ts';
import { fillIdentity, FlowRaster } from '../../server/synthesis/warp/FlowRaster.ts';
import { eyes, faceOval, mirrorPairs } from '../../server/landmarker/mesh-topology.ts';
import { mirrorPoints } from '../../server/landmarker/canonical-face.ts';
import { motionLayout as L, restMotion } from '../../server/motion/motion.ts';
import { MouthLayer } from '../../server/synthesis/warp/MouthLayer.ts';
import { PersonMesh } from '../../server/synthesis/warp/PersonMesh.ts';
import { fillPolygon } from '../../server/synthesis/warp/polygon-coverage.ts';
import { choosePortraits } from '../../server/synthesis/enrol/portrait-choice.ts';
import { drawSemanticLines } from '../../server/synthesis/warp/semantic-map.ts';
import { drawnPortrait } from '../support/synthetic-face.ts';

const size = 128;

function stage(options: { matte?: boolean; jaw?: number } = {}) {
  const portrait = drawnPortrait(size, options);
  const face = new AvatarFace({ points: portrait.points, size });
  const mesh = new PersonMesh(face, portrait.matte ? Float32Array.from(portrait.matte, (v) => v / 255) : null);
  const raster = new FlowRaster(mesh, size);
  const show = (change: (m: Float64Array) => void) => {
    const motion = restMotion();
    change(motion);
    const pose = face.pose(motion, AvatarFace.newPose());
    mesh.update(pose);
    raster.draw();
    return pose;
  };
  return { portrait, face, mesh, raster, show };
}

/** Flow at a pixel, in pixels of the portrait. */
function at(flow: Float32Array, x: number, y: number): [number, number] {
  const i = (y * size + x) * 2;
  return [((flow[i]! + 1) * size) / 2, ((flow[i + 1]! + 1) * size) / 2];
}

describe('topology', () => {
  it('is the table of the tracker that the browsers use', async () => {
    const { FaceLandmarker } = (await import('@mediapipe/tasks-vision')) as {
      FaceLandmarker: { FACE_LANDMARKS_TESSELATION: { start: number }[] };
    };
    expect(faceTriangles).toEqual(FaceLandmarker.FACE_LANDMARKS_TESSELATION.map((edge) => edge.start));
  });

  it('mirror pairs are mirror pairs', () => {
    for (const [a, b] of mirrorPairs) expect(mirrorPoints[a]).toBe(b);
    expect(eyes[0].upper.map((v) => mirrorPoints[v]).toReversed()).toEqual([...eyes[1].upper]);
  });
});

describe('the flow', () => {
  it('at rest is the identity, everywhere in the picture, with and without a matte', () => {
    for (const matte of [true, false]) {
      const { raster, show } = stage({ matte });
      show(() => {});
      const identity = new Float32Array(size * size * 2);
      fillIdentity(identity, size);
      let worst = 0;
      for (let i = 0; i < identity.length; i++) worst = Math.max(worst, Math.abs(raster.flow[i]! - identity[i]!));
      expect((worst * size) / 2).toBeLessThan(0.35);
    }
  });

  it('leads every landmark back to its place in the portrait', () => {
    const { mesh, portrait, raster, show } = stage();
    const pose = show((m) => {
      m[L.rotation + 1] = 0.1;
      m[L.translation] = 0.1;
      m[L.logScale] = 0.05;
    });
    for (const v of [4, 50, 280, 105, 334, 199, 61, 291]) {
      const [x, y] = [Math.floor(pose.points[v * 3]!), Math.floor(pose.points[v * 3 + 1]!)];
      const [u, w] = at(raster.flow, x, y);
      expect(Math.hypot(u - portrait.points[v * 3]!, w - portrait.points[v * 3 + 1]!), `landmark ${v}`).toBeLessThan(1.6);
    }
    expect(mesh.vertexCount).toBeLessThan(65536);
  });

  it('stays within the picture and leaves no hole, whatever the pose', () => {
    const { raster, show } = stage();
    for (const [turn, nod, shift] of [
      [0.4, 0, 0.3],
      [-0.4, 0.3, -0.4],
      [0, -0.3, 0.1],
    ] as const) {
      show((m) => {
        m[L.rotation + 1] = turn;
        m[L.rotation] = nod;
        m[L.translation] = shift;
      });
      const edge = 1 - 1 / size + 1e-6;
      expect(raster.flow.every((v) => v >= -edge && v <= edge)).toBe(true);
      expect(raster.previousFlow.every((v) => v >= -edge && v <= edge)).toBe(true);
    }
  });

  it('a turned head hides its far side: the near cheek is drawn, nothing folds over the nose', () => {
    const { portrait, raster, show } = stage();
    const pose = show((m) => (m[L.rotation + 1] = 0.35));
    const [u, v] = at(raster.flow, Math.floor(pose.points[4 * 3]!), Math.floor(pose.points[4 * 3 + 1]!));
    expect(Math.hypot(u - portrait.points[12]!, v - portrait.points[13]!)).toBeLessThan(1.5);
  });

  it('shoulders and far background stay when only the head turns', () => {
    const { raster, show } = stage();
    show((m) => (m[L.rotation + 1] = 0.25));
    const [u, v] = at(raster.flow, size >> 1, size - 3);
    expect(Math.hypot(u - (size >> 1) - 0.5, v - size + 2.5)).toBeLessThan(1);
  });

  it('the previous flow leads to where the mesh was a frame ago, and is the identity after a reset', () => {
    const { raster, show } = stage();
    const before = show(() => {}).points.slice();
    const pose = show((m) => (m[L.translation] = 0.15));
    const [x, y] = [Math.floor(pose.points[12]!), Math.floor(pose.points[13]!)];
    const [u, v] = at(raster.previousFlow, x, y);
    expect(Math.hypot(u - before[12]!, v - before[13]!)).toBeLessThan(1.5);
    raster.reset();
    show((m) => (m[L.translation] = -0.15));
    expect(at(raster.previousFlow, 60, 60)).toEqual([expect.closeTo(60.5, 2), expect.closeTo(60.5, 2)]);
  });

  it('marks folds only where something hides something else', () => {
    const { raster, show } = stage();
    const folds = new Float32Array(size * size);
    show(() => {});
    raster.folds(folds);
    expect(Math.max(...folds)).toBe(0);
    show((m) => (m[L.rotation + 1] = 0.4));
    raster.folds(folds);
    const share = folds.reduce((a, b) => a + b, 0) / folds.length;
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThan(0.05);
  });
});

describe('eyes', () => {
  it('a shut eye shows no eyeball', () => {
    const { face, mesh, show } = stage();
    show((m) => m.fill(1, L.closure, L.closure + 2));
    const { upper, lower } = eyes[0];
    upper.forEach((u, i) => expect(mesh.y[lower[i]!]! - mesh.y[u]!).toBeLessThan(0.02 * face.shape.extents[2]));
  });

  it('the gaze slides the ball, not the lids', () => {
    const { face, mesh, show } = stage();
    show(() => {});
    const [ballBefore, lidBefore] = [mesh.sourceX.slice(), mesh.x.slice(0, 478)];
    show((m) => (m[L.gaze] = 0.1));
    expect([...mesh.x.slice(0, 468)]).toEqual([...lidBefore.slice(0, 468)]);
    const shifted = Array.from(mesh.sourceX, (x, i) => ballBefore[i]! - x);
    expect(Math.max(...shifted)).toBeGreaterThan(0.01 * face.shape.extents[0]);
  });
});

describe('the mouth layer', () => {
  it('is empty while the mouth is shut, and covers the opening when it is open', () => {
    const { face, show } = stage();
    const mouth = new MouthLayer(face, size);
    mouth.update(show(() => {}));
    expect(Math.max(...mouth.mask)).toBe(0);
    const pose = show((m) => m.fill(0.12, L.lips, L.lips + 9));
    mouth.update(pose);
    const [x, y] = [Math.floor((pose.points[39]! + pose.points[42]!) / 2), Math.floor((pose.points[40]! + pose.points[43]!) / 2)];
    expect(mouth.mask[y * size + x]).toBeCloseTo(1, 5);
    expect(Math.abs(mouth.flow[(y * size + x) * 2]!)).toBeLessThan(0.2);
    mouth.update(show(() => {}));
    expect(Math.max(...mouth.mask)).toBe(0);
    expect(mouth.flow.every((v) => v === -2)).toBe(true);
  });
});

describe('drawing', () => {
  it('polygon coverage adds up to the area', () => {
    const out = new Float32Array(32 * 32);
    fillPolygon(Float32Array.of(3.25, 4, 20.5, 4, 20.5, 11.5, 3.25, 11.5), out, 32);
    expect(out.reduce((a, b) => a + b, 0)).toBeCloseTo(17.25 * 7.5, 3);
    expect(fillPolygon(Float32Array.of(-9, -9, -5, -9, -5, -5), out, 32)).toBeNull();
  });

  it('lines lie on their landmarks and nowhere far from them', () => {
    const { portrait } = stage();
    const out = new Float32Array(64 * 64);
    drawSemanticLines({ channel: 'contour', points: portrait.points, pictureSize: size, size: 64, out });
    for (const v of faceOval)
      expect(out[Math.floor(portrait.points[v * 3 + 1]! / 2) * 64 + Math.floor(portrait.points[v * 3]! / 2)]).toBeGreaterThan(0.3);
    expect(out[0]).toBe(0);
    expect(Math.max(...out)).toBeLessThanOrEqual(1);
  });
});

describe('the background plate', () => {
  it('keeps what is seen and continues it behind the person', () => {
    const portrait = drawnPortrait(size);
    const plate = fillBackground(portrait, 3);
    const n = size * size;
    expect(plate[0]).toBeCloseTo(portrait.image.data[0]! / 255, 5);
    const middle = (size >> 1) * size + (size >> 1);
    // the drawn person is reddish (190, 140, 120), the background's green is 90 to 122 everywhere
    expect(plate[n + middle]! * 255).toBeLessThan(126);
    expect(plate.every((v) => v >= 0 && v <= 1)).toBe(true);
  });

  it('without a matte is the picture', () => {
    const portrait = drawnPortrait(size, { matte: false });
    expect(fillBackground(portrait, 3)[5]).toBeCloseTo(portrait.image.data[15]! / 255, 6);
  });
});

describe('the choice of portraits', () => {
  it('warps the frontal, shut-mouthed one', () => {
    const portraits = [
      drawnPortrait(size, { turn: 0.4 }),
      drawnPortrait(size, { jaw: 0.1 }),
      drawnPortrait(size),
      drawnPortrait(size, { blink: 0.9 }),
    ];
    expect(choosePortraits(portraits).base).toBe(2);
  });

  it('lends teeth only from a mouth that is open and bright inside', () => {
    const dark = drawnPortrait(size, { jaw: 0.1 });
    const bright = drawnPortrait(size, { jaw: 0.1 });
    paintMouth(dark, 20);
    paintMouth(bright, 240);
    expect(choosePortraits([drawnPortrait(size), dark]).teeth).toBeNull();
    expect(choosePortraits([drawnPortrait(size), dark, bright]).teeth).toBe(2);
  });
});

function paintMouth({ image, points }: ReturnType<typeof drawnPortrait>, value: number): void {
  const [top, bottom] = [Math.ceil(points[40]!), Math.floor(points[43]!)];
  for (let y = top; y <= bottom; y++) for (let x = 0; x < size; x++) image.data.fill(value, (y * size + x) * 3, (y * size + x) * 3 + 3);
}
