import { describe, expect, it } from 'vitest';
import { canonicalFace, mirrorPoints } from '../../server/landmarker/canonical-face.ts';
import { anchors, decodeDetections, overlap, sharedPart, suppress, type Detection } from '../../server/landmarker/face-detector.ts';
import { projectPoints, regionChange, regionOfDetection, regionOfPoints } from '../../server/landmarker/face-region.ts';
import { headPose } from '../../server/landmarker/head-pose.ts';
import { sampleRegion } from '../../server/landmarker/image-region.ts';
import { resizePlane, toBytes } from '../../server/landmarker/resize-plane.ts';

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Ry(yaw) Rx(pitch) Rz(roll) applied to the canonical face: x right, y down, z away. */
function turned(yaw: number, pitch: number, roll: number, scale = 100): Float32Array {
  const [cy, sy] = [Math.cos(radians(yaw)), Math.sin(radians(yaw))];
  const [cp, sp] = [Math.cos(radians(pitch)), Math.sin(radians(pitch))];
  const [cr, sr] = [Math.cos(radians(roll)), Math.sin(radians(roll))];
  const out = new Float32Array(canonicalFace.length);
  for (let i = 0; i < out.length; i += 3) {
    let [x, y, z] = [canonicalFace[i]!, canonicalFace[i + 1]!, canonicalFace[i + 2]!];
    [x, y] = [x * cr - y * sr, x * sr + y * cr];
    [y, z] = [y * cp + z * sp, z * cp - y * sp]; // nose (z < 0) up (y < 0)
    [x, z] = [x * cy - z * sy, z * cy + x * sy]; // nose to the right
    out.set([x * scale + 300, y * scale + 200, z * scale], i);
  }
  return out;
}

describe('the canonical face', () => {
  it('has 478 points, is 1 wide, symmetric, nose to the camera and forehead up', () => {
    expect(canonicalFace).toHaveLength(478 * 3);
    const at = (i: number) => [...canonicalFace.subarray(i * 3, i * 3 + 3)] as [number, number, number];
    expect(Math.hypot(...at(454).map((value, axis) => value - at(234)[axis]!))).toBeCloseTo(1, 3);
    for (let i = 0; i < 478; i += 1) {
      const [x, y, z] = at(i);
      const [mx, my, mz] = at(mirrorPoints[i]!);
      expect([mx, my, mz]).toEqual([x === 0 ? 0 : -x, y, z].map((value) => expect.closeTo(value, 4)));
      expect(mirrorPoints[mirrorPoints[i]!]).toBe(i);
    }
    expect(at(4)[2]).toBeLessThan(at(234)[2]);
    expect(at(10)[1]).toBeLessThan(at(152)[1]);
    expect(at(33)[0]).toBeLessThan(at(263)[0]);
  });
});

describe('headPose', () => {
  it.each([
    [0, 0, 0],
    [30, 0, 0],
    [-45, 10, 0],
    [12, -25, 8],
    [-20, 15, -35],
    [5, 3, 170],
  ])('recovers yaw %d, pitch %d, roll %d', (yaw, pitch, roll) => {
    const pose = headPose(turned(yaw, pitch, roll, 140));
    expect([pose.yaw, pose.pitch, pose.roll, pose.faceWidth]).toEqual([yaw, pitch, roll, 140].map((value) => expect.closeTo(value, 1)));
  });

  it('does not see brows, jaw or lips move', () => {
    const points = turned(10, 5, 0);
    for (const i of [152, 17, 14, 70, 300, 10, 175]) points[i * 3 + 1]! += 12;
    expect(headPose(points).pitch).toBeCloseTo(5, 1);
  });
});

describe('detector', () => {
  it('has 512 anchors on the fine map and 384 on the coarse one', () => {
    expect(anchors).toHaveLength(896 * 2);
    expect([...anchors.subarray(0, 4)]).toEqual([1 / 32, 1 / 32, 1 / 32, 1 / 32]);
    expect([...anchors.subarray(1024, 1026)]).toEqual([1 / 16, 1 / 16]);
  });

  it('decodes a box and its key points into the picture', () => {
    const boxes = new Float32Array(896 * 16);
    const scores = new Float32Array(896).fill(-50);
    const anchor = 2 * (5 * 16 + 9); // cell x 9, y 5
    scores[anchor] = 2;
    boxes.set([1, -2, 32, 40, -8, -6, 8, -6], anchor * 16);
    const [found, ...rest] = decodeDetections(boxes, scores, { centreX: 300, centreY: 200, side: 512, angle: 0 }, 0.5);
    expect(rest).toEqual([]);
    const [x, y] = [44 + (9.5 / 16) * 512, -56 + (5.5 / 16) * 512];
    expect(found!.score).toBeCloseTo(1 / (1 + Math.exp(-2)), 6);
    expect(found!.box).toEqual([x + 4 - 64, y - 8 - 80, 128, 160].map((value) => expect.closeTo(value, 3)));
    expect([...found!.keypoints.subarray(0, 4)]).toEqual([x - 32, y - 24, x + 32, y - 24].map((value) => expect.closeTo(value, 3)));
  });

  const at = (x: number, score: number): Detection => ({
    score,
    box: [x, 0, 100, 100],
    keypoints: Float32Array.from({ length: 12 }, () => x),
  });

  it('averages neighbours by score and keeps two faces apart', () => {
    const kept = suppress([at(0, 0.9), at(10, 0.6), at(300, 0.7)]);
    expect(kept.map(({ score }) => score)).toEqual([0.9, 0.7]);
    expect(kept[0]!.box[0]).toBeCloseTo(4, 5);
    expect(kept[0]!.keypoints[0]).toBeCloseTo(4, 5);
    expect(suppress([])).toEqual([]);
  });

  it('measures overlap', () => {
    expect(overlap([0, 0, 10, 10], [0, 0, 10, 10])).toBe(1);
    expect(overlap([0, 0, 10, 10], [5, 0, 10, 10])).toBeCloseTo(1 / 3, 6);
    expect(overlap([0, 0, 10, 10], [10, 0, 10, 10])).toBe(0);
    expect(sharedPart([0, 0, 10, 10], [2, 2, 5, 5])).toBe(1);
    expect(sharedPart([0, 0, 10, 10], [5, 0, 20, 10])).toBe(0.5);
  });
});

describe('regions', () => {
  it('turn with the eyes of a detection', () => {
    const region = regionOfDetection({
      score: 1,
      box: [100, 50, 80, 90],
      keypoints: Float32Array.from([110, 80, 160, 130, 0, 0, 0, 0, 0, 0, 0, 0]),
    });
    expect(region).toEqual({ centreX: 140, centreY: 95, side: 135, angle: expect.closeTo(Math.PI / 4, 6) });
  });

  it('project points to where the crop took them from', () => {
    const region = { centreX: 320, centreY: 180, side: 384, angle: radians(30) };
    const projected = projectPoints(Float32Array.of(96, 96, 10, 192, 96, 0), region, 192);
    expect([...projected]).toEqual(
      [320, 180, 20, 320 + 192 * Math.cos(radians(30)), 180 + 192 * Math.sin(radians(30)), 0].map((value) => expect.closeTo(value, 3)),
    );
  });

  it('of points stay the same when they are projected and found again', () => {
    const region = regionOfPoints(turned(0, 0, 0, 200));
    expect(region.angle).toBeCloseTo(0, 3);
    const again = regionOfPoints(turned(0, 0, 0, 200));
    expect(regionChange(region, again)).toBe(0);
    expect(regionChange(region, { ...region, side: region.side * 1.1 })).toBeGreaterThan(0.05);
  });
});

describe('sampling', () => {
  const ramp = {
    width: 64,
    height: 48,
    data: Uint8Array.from({ length: 64 * 48 * 3 }, (_, i) =>
      i % 3 === 0 ? Math.floor(i / 3) % 64 : i % 3 === 1 ? Math.floor(i / 3 / 64) : 200,
    ),
  };

  it('takes the value under the pixel centre, in an upright, a turned and a shrunk region', () => {
    const out = new Float32Array(3 * 16 * 16);
    for (const region of [
      { centreX: 30, centreY: 24, side: 16, angle: 0 },
      { centreX: 30, centreY: 24, side: 16, angle: radians(90) },
      { centreX: 32, centreY: 24, side: 40, angle: radians(-20) },
    ]) {
      sampleRegion(ramp, region, { size: 16, scale: 1, offset: 0, border: 'replicate' }, out);
      for (const [u, v] of [
        [0, 0],
        [15, 3],
        [7, 12],
      ] as const) {
        const [du, dv] = [((u + 0.5) / 16 - 0.5) * region.side, ((v + 0.5) / 16 - 0.5) * region.side];
        const x = region.centreX + du * Math.cos(region.angle) - dv * Math.sin(region.angle) - 0.5;
        const y = region.centreY + du * Math.sin(region.angle) + dv * Math.cos(region.angle) - 0.5;
        expect(out[v * 16 + u]).toBeCloseTo(x, 2);
        expect(out[256 + v * 16 + u]).toBeCloseTo(y, 2);
        expect(out[512 + v * 16 + u]).toBeCloseTo(200, 2);
      }
    }
  });

  it('shows black or the border outside of the picture', () => {
    const out = new Float32Array(3 * 4 * 4);
    const region = { centreX: -100, centreY: 24, side: 16, angle: 0 };
    sampleRegion(ramp, region, { size: 4, scale: 2 / 255, offset: -1, border: 'black' }, out);
    expect(out.every((value) => value === -1)).toBe(true);
    sampleRegion(ramp, region, { size: 4, scale: 1, offset: 0, border: 'replicate' }, out);
    expect([out[0], out[32]]).toEqual([0, 200]);
  });

  it('averages when it shrinks: a checkerboard becomes grey', () => {
    const board = {
      width: 512,
      height: 512,
      data: Uint8Array.from({ length: 512 * 512 * 3 }, (_, i) => ((Math.floor(i / 3) + Math.floor(i / 3 / 512)) % 2 ? 255 : 0)),
    };
    const out = new Float32Array(3 * 64 * 64);
    sampleRegion(board, { centreX: 256, centreY: 256, side: 512, angle: 0 }, { size: 64, scale: 1, offset: 0, border: 'black' }, out);
    expect(Math.max(...out.map((value) => Math.abs(value - 127.5)))).toBeLessThan(15);
  });

  it('resizes a plane without shift: a ramp stays a ramp, a constant stays itself', () => {
    const plane = { data: Float32Array.from({ length: 8 * 4 }, (_, i) => i % 8), width: 8, height: 4 };
    const up = resizePlane(plane, 32, 9);
    expect(up[16]).toBeCloseTo(16.5 / 4 - 0.5, 4);
    const down = resizePlane({ data: new Float32Array(100 * 40).fill(0.5), width: 100, height: 40 }, 7, 3);
    expect([...down]).toEqual(Array.from({ length: 21 }, () => expect.closeTo(0.5, 5)));
    expect([...toBytes(Float32Array.of(-1, 0.5, 2))]).toEqual([0, 128, 255]);
  });
});
