import { describe, expect, it } from 'vitest';
import { AvatarFace } from '../../server/motion/AvatarFace.ts';
import type { PosedFace } from '../../server/motion/AvatarFace.ts';
import { CrossFade } from '../../server/synthesis/frame/CrossFade.ts';
import { createFrameInputs } from '../../server/synthesis/frame/frame-inputs.ts';
import { GeometryInputs } from '../../server/synthesis/warp/GeometryInputs.ts';
import { LandmarkInputs } from '../../server/synthesis/frame/LandmarkInputs.ts';
import { findModel, loadManifest } from '../../server/synthesis/model/model-manifest.ts';
import type { EnrolledAvatar } from '../../server/synthesis/model/types.ts';
import { driverFace } from '../support/synthetic-face.ts';
import type { FaceOptions } from '../support/synthetic-face.ts';

const size = 256;
const degrees = Math.PI / 180;

/** Portraits that look `turns` degrees aside; the one at `base` is posed. */
function avatarOf(turns: readonly number[], base = 0): EnrolledAvatar {
  const faces = turns.map((turn) => driverFace({ turn: turn * degrees }));
  const data = new Float32Array(faces.length * 478 * 3);
  faces.forEach((face, k) => data.set(face, k * 478 * 3));
  return {
    model: 'lite',
    modelVersion: '1',
    size,
    tensors: {
      points: { type: 'float32', shape: [478, 3], data: faces[base]!.map((v) => v * size) },
      choice: { type: 'int32', shape: [2], data: Int32Array.of(base, -1) },
      reference_landmarks: { type: 'float32', shape: [faces.length, 478, 3], data },
    },
  };
}

const poseOf = (options: FaceOptions): PosedFace => ({ ...AvatarFace.newPose(), points: driverFace(options).map((v) => v * size) });

/** Fills frame after frame, 25 a second, and tells what the graph would be given. */
function player(avatar: EnrolledAvatar) {
  const made = new LandmarkInputs({ avatar });
  let timeMs = 0;
  return (options: FaceOptions, { fresh = false, keepAll = 0 } = {}) => {
    made.fill(poseOf(options), { timeMs, fresh, keepAll });
    timeMs += 40;
    const { landmarks, previous_landmarks: previous, has_previous: has, reference_index: reference, keep } = made.inputs;
    return {
      landmarks: landmarks.slice(),
      previous: previous.slice(),
      hasPrevious: has[0],
      reference: Number(reference[0]),
      keep: keep[0]!,
    };
  };
}

describe('the landmarks of a frame', () => {
  it('are in picture widths, with those of the frame before', () => {
    const show = player(avatarOf([0]));
    const first = show({ turn: 0.1 }, { fresh: true });
    const second = show({ turn: 0.2 });
    first.landmarks.forEach((v, i) => expect(v).toBeCloseTo(driverFace({ turn: 0.1 })[i]!, 6));
    expect(second.previous).toEqual(first.landmarks);
    expect([first.hasPrevious, second.hasPrevious]).toEqual([0, 1]);
  });

  it('have none before them where there is nothing to go on with: at first, after a gap, while all of it is faded away', () => {
    const show = player(avatarOf([0]));
    for (const step of [{ fresh: true }, { fresh: true }, { keepAll: 0.8 }, { keepAll: 0.5 }]) {
      const { hasPrevious, previous, landmarks } = show({ turn: 0.1 }, step);
      expect(hasPrevious).toBe(0);
      expect(previous).toEqual(landmarks);
    }
    expect(show({}).hasPrevious).toBe(1);
  });

  it('are refused for an avatar whose portraits they cannot be compared with', () => {
    const { reference_landmarks: _, ...tensors } = avatarOf([0]).tensors;
    expect(() => new LandmarkInputs({ avatar: { ...avatarOf([0]), tensors } })).toThrow(expect.objectContaining({ code: 'internal' }));
  });
});

describe('the reference', () => {
  it('is the portrait that looks most as the face does', () => {
    const turns = [0, 20, -20];
    for (const [turn, expected] of [
      [0, 0],
      [18, 1],
      [-18, 2],
      [9, 0],
    ] as const) {
      expect(player(avatarOf(turns))({ turn: turn * degrees }, { fresh: true }).reference, `${turn} degrees`).toBe(expected);
    }
  });

  it('also by nod, and from any base', () => {
    const avatar = avatarOf([25, 0, 0], 1);
    (avatar.tensors['reference_landmarks']!.data as Float32Array).set(driverFace({ nod: 15 * degrees }), 2 * 478 * 3);
    const show = player(avatar);
    expect(show({}, { fresh: true }).reference).toBe(1);
    expect(show({ nod: 14 * degrees }).reference).toBe(2);
  });

  it('is left when another is twelve degrees closer, and taken again when none is four degrees closer', () => {
    const show = player(avatarOf([0, 20]));
    const seen = [0, 13, 15.8, 16.3, 14, 12.3, 11.7, 15.8].map((turn) => show({ turn: turn * degrees }).reference);
    expect(seen).toEqual([0, 0, 0, 1, 1, 1, 0, 0]);
  });

  it('other than the calm one stays until another is more than four degrees closer', () => {
    const show = player(avatarOf([-60, 0, 20]));
    const seen = [0, 11.8, 12.3, 8.3, 7.7].map((turn) => show({ turn: turn * degrees }).reference);
    expect(seen).toEqual([1, 1, 2, 2, 1]);
  });

  it('of portraits that look the same way is the calm one', () => {
    const show = player(avatarOf([1, 0.5, 0, 20], 0));
    expect(show({}, { fresh: true }).reference).toBe(0);
    expect(show({ turn: 20 * degrees }).reference).toBe(3);
    expect(show({ turn: 0 }).reference).toBe(0);
  });

  it('changes in a cross-fade of 80 ms, and is still linked with the frame before', () => {
    const show = player(avatarOf([0, 20]));
    show({}, { fresh: true });
    expect(show({}).keep).toBe(0);
    const frames = Array.from({ length: 7 }, () => show({ turn: 20 * degrees }));
    expect(frames.every(({ hasPrevious, reference }) => hasPrevious === 1 && reference === 1)).toBe(true);
    const shares = frames.map(({ keep }) => keep);
    // what is left of the old picture after each frame
    let left = 1;
    const course = shares.map((keep) => (left *= keep));
    [1, 0.5, 0, 0, 0, 0, 0].forEach((expected, i) => expect(course[i]).toBeCloseTo(expected, 6));
  });

  it('begins anew without a fade after a gap', () => {
    const show = player(avatarOf([0, 20]));
    show({}, { fresh: true });
    show({ turn: 20 * degrees });
    const after = show({ turn: -5 * degrees }, { fresh: true });
    expect([after.reference, after.keep]).toEqual([0, 0]);
    expect(show({ turn: 20 * degrees }, { fresh: true })).toMatchObject({ reference: 1, keep: 0 });
  });

  it('of a single portrait is that one', () => {
    expect(player(avatarOf([0]))({ turn: 0.5 }, { fresh: true })).toMatchObject({ reference: 0, keep: 0 });
  });

  it('gives way to the fade of a switch, whichever lasts longer', () => {
    const show = player(avatarOf([0, 20]));
    show({}, { fresh: true });
    expect(show({ turn: 20 * degrees }, { keepAll: 0.3 }).keep).toBe(1);
    for (let i = 0; i < 5; i++) show({ turn: 20 * degrees });
    expect(show({ turn: 20 * degrees }, { keepAll: 0.3 }).keep).toBeCloseTo(0.3, 6);
  });
});

describe('a cross-fade', () => {
  it('leaves nothing at its end, however the frames come', () => {
    const fade = new CrossFade();
    expect(fade.step(0)).toBe(0);
    fade.start(100, 300);
    let left = 1;
    for (const timeMs of [110, 180, 190, 350, 395]) expect((left *= fade.step(timeMs))).toBeCloseTo(1 - (timeMs - 100) / 300, 9);
    expect([fade.step(420), fade.step(430)]).toEqual([0, 0]);
  });

  it('can be begun again half way and be stopped', () => {
    const fade = new CrossFade();
    fade.start(0, 100);
    expect(fade.step(50)).toBe(0.5);
    fade.start(50, 100);
    expect(fade.step(75)).toBe(0.75);
    fade.stop();
    expect(fade.step(80)).toBe(0);
  });
});

describe('what a frame graph asks for', () => {
  it('is made by those who can, and nobody else is built', async () => {
    const spec = findModel(await loadManifest(), 'warp');
    const avatar = avatarOf([0]);
    const face = new AvatarFace({ points: avatar.tensors['points']!.data as Float32Array, size });
    const built = (...names: string[]) => createFrameInputs(names, { avatar, face, spec }).map((producer) => producer.constructor);
    expect(built('landmarks', 'keep')).toEqual([LandmarkInputs]);
    expect(built('prior_flow')).toEqual([GeometryInputs]);
    expect(built('has_previous', 'semantic_map')).toEqual([GeometryInputs, LandmarkInputs]);
    expect(built('portraits')).toEqual([]);
    const [made] = createFrameInputs(['landmarks'], { avatar, face, spec });
    expect(Object.keys(made!.inputs).sort()).toEqual([...LandmarkInputs.names].sort());
  });
});
