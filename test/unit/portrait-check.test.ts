import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { AppError } from '../../client/src/protocol/index.ts';
import { checkPortrait } from '../../server/portraits/check.ts';
import { canonicalFace } from '../../server/landmarker/canonical-face.ts';
import type { DetectedFace, RgbImage } from '../../server/landmarker/types.ts';

const SIZE = 400;

/** Skin-like: a shaded ground with fine grain, so that it has contrast and detail. */
function skin(gain = 1, lift = 0): RgbImage {
  let state = 1;
  const data = new Uint8Array(SIZE * SIZE * 3);
  for (let i = 0; i < SIZE * SIZE; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const value = 110 + 60 * Math.sin((i % SIZE) / 40) + (state / 2 ** 32 - 0.5) * 12;
    for (let c = 0; c < 3; c += 1) data[3 * i + c] = Math.max(0, Math.min(255, (value - 12 * c) * gain + lift));
  }
  return { width: SIZE, height: SIZE, data };
}

async function blurred(image: RgbImage, sigma: number): Promise<RgbImage> {
  return {
    ...image,
    data: await sharp(image.data, { raw: { width: SIZE, height: SIZE, channels: 3 } })
      .blur(sigma)
      .raw()
      .toBuffer(),
  };
}

interface Placement {
  x?: number;
  y?: number;
  width?: number;
  yaw?: number;
  pitch?: number;
  roll?: number;
}

/** The canonical face in the picture, turned. */
function face({ x = 200, y = 180, width = 170, yaw = 0, pitch = 0, roll = 0 }: Placement = {}): DetectedFace {
  const [a, b, c] = [yaw, pitch, roll].map((degrees) => (degrees * Math.PI) / 180) as [number, number, number];
  const points = new Float32Array(canonicalFace.length);
  for (let i = 0; i < points.length; i += 3) {
    const [px, py, pz] = [canonicalFace[i]!, canonicalFace[i + 1]!, canonicalFace[i + 2]!];
    const [rx, ry] = [px * Math.cos(c) - py * Math.sin(c), px * Math.sin(c) + py * Math.cos(c)];
    const [ty, tz] = [ry * Math.cos(b) + pz * Math.sin(b), pz * Math.cos(b) - ry * Math.sin(b)];
    points.set(
      [rx * Math.cos(a) - tz * Math.sin(a), ty, tz * Math.cos(a) + rx * Math.sin(a)].map(
        (value, axis) => (value * width + ([x, y, 0][axis] ?? 0)) / SIZE,
      ),
      i,
    );
  }
  return { points, confidence: 1, box: [0, 0, 1, 1] };
}

function move(target: DetectedFace, indices: number[], dy: number): DetectedFace {
  for (const i of indices) target.points[i * 3 + 1]! += dy / SIZE;
  return target;
}

function refusal(image: RgbImage, faces: DetectedFace[]): [string, string] {
  try {
    checkPortrait(image, faces);
    return ['accepted', ''];
  } catch (error) {
    return [(error as AppError).code, (error as AppError).message];
  }
}
const warnings = (image: RgbImage, target: DetectedFace) => checkPortrait(image, [target]).warnings.map(({ code }) => code);

describe('checkPortrait refuses, with what it measured', () => {
  const image = skin();

  it('accepts a plain good portrait without a warning', () => {
    expect(checkPortrait(image, [face()]).warnings).toEqual([]);
  });

  it('no face', () => expect(refusal(image, [])).toEqual(['portrait-no-face', expect.stringContaining('400 x 400')]));

  it('several faces, but not small ones in the background', () => {
    expect(refusal(image, [face(), face({ x: 330, width: 110 })])).toEqual(['portrait-several-faces', expect.stringContaining('2 faces')]);
    expect(refusal(image, [face(), face({ x: 370, width: 40 })])[0]).toBe('accepted');
  });

  it('a face too small', () =>
    expect(refusal(image, [face({ width: 50 })])).toEqual(['portrait-face-too-small', expect.stringContaining('50 pixels wide')]));

  it('a face cut off by the border', () => {
    expect(refusal(image, [face({ x: 40 })])).toEqual(['portrait-face-cut-off', expect.stringMatching(/\d+ % of the face/)]);
    expect(refusal(image, [face({ y: 370 })])[0]).toBe('portrait-face-cut-off');
  });

  it.each([
    [{ yaw: 55 }, '55 degrees to the side'],
    [{ yaw: -50 }, '50 degrees to the side'],
    [{ pitch: 40 }, '40 degrees up'],
    [{ pitch: -40 }, '40 degrees down'],
  ])('a face turned %o', (turn, text) => expect(refusal(image, [face(turn)])).toEqual(['portrait-turned', expect.stringContaining(text)]));

  it.each([{ yaw: 35 }, { yaw: -35 }, { pitch: 20 }, { roll: 30 }, { roll: 60 }])('but not one turned %o', (turn) =>
    expect(refusal(image, [face(turn)])[0]).toBe('accepted'),
  );

  it('a dark face and a burnt-out one', () => {
    expect(refusal(skin(0.15), [face()])[0]).toBe('portrait-too-dark');
    expect(refusal(skin(0.5), [face()])[0]).toBe('accepted');
    expect(refusal(skin(1, 200), [face()])[0]).toBe('portrait-too-bright');
  });

  it('a blurred face', async () => {
    expect(refusal(await blurred(image, 5), [face()])[0]).toBe('portrait-blurred');
    expect(refusal(await blurred(image, 0.8), [face()])[0]).toBe('accepted');
  });
});

describe('checkPortrait warns', () => {
  const image = skin();

  it('of closed eyes', () => {
    const closed = face();
    for (const [upper, lower] of [
      [
        [246, 161, 160, 159, 158, 157, 173],
        [7, 163, 144, 145, 153, 154, 155],
      ],
      [
        [398, 384, 385, 386, 387, 388, 466],
        [382, 381, 380, 374, 373, 390, 249],
      ],
    ] as const)
      upper.forEach((above, i) => {
        closed.points[above * 3 + 1] = closed.points[lower[i]! * 3 + 1]! - 0.5 / SIZE;
        closed.points[above * 3] = closed.points[lower[i]! * 3]!;
      });
    expect(warnings(image, closed)).toEqual(['eyes-closed']);
  });

  it('of an open mouth', () =>
    expect(warnings(image, move(face(), [95, 88, 178, 87, 14, 317, 402, 318, 324], 20))).toEqual(['mouth-open']));
  it('of a turned face', () => expect(warnings(image, face({ yaw: 28 }))).toEqual(['turned']));
  it('of a small one', () => expect(warnings(image, face({ width: 90 }))).toEqual(['low-resolution']));
  it('in whole sentences', () => {
    for (const { message } of checkPortrait(image, [face({ width: 80, yaw: 30 })]).warnings) expect(message).toMatch(/^[A-Z].*\.$/);
  });
});
