/** The learned model, from portraits to a moving face: alone, and in a call with everything real. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Gioconda } from '../../client/src/Gioconda.ts';
import { preparePortraits } from '../../server/portraits/prepare-all.ts';
import { cacheFolder } from '../../server/base/paths.ts';
import { landmarkFolder } from '../../server/landmarker/landmark-models.ts';
import { AvatarSession } from '../../server/synthesis/frame/AvatarSession.ts';
import { enrolAvatar } from '../../server/synthesis/enrol/enrol-avatar.ts';
import { i420ToRgb } from '../../server/video/i420.ts';
import { Landmarker } from '../../server/landmarker/Landmarker.ts';
import { loadModel, type OnnxModel } from '../../server/synthesis/model/OnnxModel.ts';
import type { EnrolledAvatar } from '../../server/synthesis/model/types.ts';
import type { PreparedPortrait } from '../../server/portraits/crop.ts';
import { correlation } from '../support/correlation.ts';
import { faceSample, faceSeries, type FaceSample } from '../support/face-series.ts';
import { people, portraitOf, readDriverLandmarks } from '../support/fixtures.ts';
import { Member } from '../support/Member.ts';
import { enrolFiles, TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';
import { installWebRtc } from '../support/wrtc.ts';

const size = 256;
const frameMs = 1000 / 30;
const pixels = size * size;

let model: OnnxModel;
let landmarker: Landmarker;
let anna: PreparedPortrait[];
let walter: PreparedPortrait[];

async function prepared(files: readonly string[]): Promise<PreparedPortrait[]> {
  const results = await preparePortraits(
    files.map((file) => ({ read: () => readFile(file) })),
    { landmarker, size, crop: 'head' },
  );
  return results.map(({ portrait }) => portrait);
}

beforeAll(async () => {
  model = await loadModel('lite', { threads: 1, size });
  landmarker = await Landmarker.create({ cacheDir: landmarkFolder(cacheFolder()) });
  anna = await prepared((['neutral', 'smile', 'turned-left', 'turned-right'] as const).map((kind) => portraitOf('anna', kind)));
  walter = await prepared([portraitOf('walter', 'neutral')]);
});
afterAll(async () => {
  await landmarker?.close();
  await model?.close();
});

/** Mean absolute difference of luma, 0..255. */
function difference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < pixels; i++) sum += Math.abs(a[i]! - b[i]!);
  return sum / pixels;
}

const driverFrames = readDriverLandmarks();

/** The first five seconds of the driver's clip, shown by an avatar. */
async function drive(avatar: EnrolledAvatar): Promise<Uint8Array[]> {
  const session = await AvatarSession.create({ model, avatar });
  const shown: Uint8Array[] = [];
  for (const [i, { points, confidence }] of driverFrames.slice(0, 150).entries()) {
    const timeMs = i * frameMs;
    const { i420 } = await session.render({ landmarks: { points, confidence, capturedMs: timeMs }, timeMs });
    shown.push(i420.slice());
  }
  await session.close();
  return shown;
}

describe.each([1, 4])('an avatar from %i of the portraits', (count) => {
  let avatar: EnrolledAvatar;
  let shown: Uint8Array[];
  beforeAll(async () => {
    avatar = await enrolAvatar({ model, portraits: anna.slice(0, count) });
    shown = await drive(avatar);
  });

  it('keeps all of them, and is based on the neutral one', () => {
    const single = ['interior_landmarks', 'interior_knots', 'interior_index'];
    for (const name of model.spec.cached) expect(avatar.tensors[name]!.shape[0], name).toBe(single.includes(name) ? 1 : count);
    expect(avatar.tensors['references']!.shape).toEqual([count, size, size, 3]);
    expect(avatar.tensors['choice']!.data[0]).toBe(0);
  });

  it('gives I420 pictures in the limited range, and never an empty one', () => {
    for (const i420 of shown) {
      expect(i420.length).toBe(pixels * 1.5);
      const luma = i420.subarray(0, pixels);
      let [low, high] = [255, 0];
      for (const v of i420) [low, high] = [Math.min(low, v), Math.max(high, v)];
      expect(low).toBeGreaterThanOrEqual(16);
      expect(high).toBeLessThanOrEqual(240);
      expect(difference(luma, new Uint8Array(pixels).fill(luma[pixels >> 1]!))).toBeGreaterThan(10);
    }
  });

  it("turns and speaks as the driver does, as the server's own tracker sees it", async () => {
    const calibrated = 30;
    const pictures = shown
      .slice(calibrated)
      .map((i420, i) => ({ atMs: i * frameMs, picture: { width: size, height: size, data: i420ToRgb(i420, size, size) } }));
    const seen = await faceSeries(landmarker, pictures);
    expect(seen).toHaveLength(pictures.length);
    const driven = driverFrames.slice(calibrated, 150).map(({ points }, i) => faceSample(points, i * frameMs));
    const follows = (of: (sample: FaceSample) => number): number => correlation(driven.map(of), seen.map(of));
    expect(follows(({ yaw }) => yaw)).toBeGreaterThan(0.9);
    expect(follows(({ mouthGap }) => mouthGap)).toBeGreaterThan(0.8);
  });
});

describe('a session', () => {
  it('stays still while its driver does', async () => {
    const session = await AvatarSession.create({ model, avatar: await enrolAvatar({ model, portraits: anna }) });
    const { points } = driverFrames[20]!;
    const render = async (i: number): Promise<Uint8Array> =>
      (await session.render({ landmarks: { points, confidence: 1, capturedMs: i * frameMs }, timeMs: i * frameMs })).i420.slice();
    let settled: Uint8Array = new Uint8Array(0);
    for (let i = 0; i < 60; i++) settled = await render(i);
    let before = settled;
    for (let i = 60; i < 120; i++) {
      const now = await render(i);
      expect(difference(before, now)).toBeLessThan(0.2);
      before = now;
    }
    expect(difference(settled, before)).toBeLessThan(1);
    await session.close();
  });

  it('fades from one person to another, of whom nothing is left', async () => {
    const [first, second] = [await enrolAvatar({ model, portraits: anna }), await enrolAvatar({ model, portraits: walter })];
    const { points } = driverFrames[20]!;
    const open = (avatar: EnrolledAvatar): Promise<AvatarSession> => AvatarSession.create({ model, avatar });
    const [session, fresh] = [await open(first), await open(second)];
    const render = async (of: AvatarSession, i: number): Promise<Uint8Array> =>
      (await of.render({ landmarks: { points, confidence: 1, capturedMs: i * frameMs }, timeMs: i * frameMs })).i420.slice();
    const steps: Uint8Array[] = [];
    for (let i = 0; i < 40; i++) steps[0] = await render(session, i);
    session.switchAvatar(second);
    for (let i = 40; i < 70; i++) steps.push(await render(session, i));
    const total = difference(steps[0]!, steps.at(-1)!);
    expect(total).toBeGreaterThan(15);
    for (let i = 1; i < steps.length; i++) expect(difference(steps[i - 1]!, steps[i]!), `step ${i}`).toBeLessThan(0.25 * total);
    let alone: Uint8Array = new Uint8Array(0);
    for (let i = 0; i < 70; i++) alone = await render(fresh, i);
    expect(difference(steps.at(-1)!, alone)).toBeLessThan(1);
    for (const one of [session, fresh]) await one.close();
  });

  it('begins anew when the driver has gone, without a jump', async () => {
    const session = await AvatarSession.create({ model, avatar: await enrolAvatar({ model, portraits: anna }) });
    const shown: Uint8Array[] = [];
    const states: string[] = [];
    for (let i = 0; i < 90; i++) {
      const landmarks = i < 40 ? { points: driverFrames[i]!.points, confidence: 1, capturedMs: i * frameMs } : null;
      const { i420, state } = await session.render({ landmarks, timeMs: i * frameMs });
      shown.push(i420.slice());
      states.push(state);
    }
    const idle = states.indexOf('idle', 40);
    expect(idle).toBeGreaterThan(60);
    for (let i = idle - 5; i < idle + 10; i++) expect(difference(shown[i - 1]!, shown[i]!)).toBeLessThan(2);
    await session.close();
  });
});

/** Mean absolute second difference of luma over the face's square: what an enlarged picture lacks. */
function detail(luma: Uint8Array, side: number): number {
  const [from, to] = [Math.round(side * 0.3), Math.round(side * 0.7)];
  let sum = 0;
  for (let y = from; y < to; y++)
    for (let x = from; x < to; x++) {
      const at = y * side + x;
      sum += Math.abs(4 * luma[at]! - luma[at - 1]! - luma[at + 1]! - luma[at - side]! - luma[at + side]!);
    }
  return sum / (to - from) ** 2;
}

describe('at twice the size of the network', () => {
  it('a portrait keeps its own detail while it speaks, and moves as at the smaller size', async () => {
    const large = 2 * size;
    const other = await loadModel('lite', { threads: 1, size: large });
    const portrait = await preparePortraits([{ read: () => readFile(portraitOf('anna', 'neutral')) }], {
      landmarker,
      size: large,
      crop: 'head',
    });
    const sessions = [
      await AvatarSession.create({ model, avatar: await enrolAvatar({ model, portraits: anna.slice(0, 1) }) }),
      await AvatarSession.create({ model: other, avatar: await enrolAvatar({ model: other, portraits: portrait.map((p) => p.portrait) }) }),
    ] as const;
    const shown: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)];
    for (const [i, { points, confidence }] of driverFrames.slice(0, 60).entries()) {
      const timeMs = i * frameMs;
      for (const k of [0, 1] as const)
        shown[k] = (await sessions[k].render({ landmarks: { points, confidence, capturedMs: timeMs }, timeMs })).i420.slice();
    }
    const enlarged = Uint8Array.from({ length: large * large }, (_, i) => {
      const [x, y] = [(i % large) / 2 - 0.25, Math.floor(i / large) / 2 - 0.25].map((v) => Math.min(size - 2, Math.max(0, v))) as [
        number,
        number,
      ];
      const [x0, y0] = [Math.floor(x), Math.floor(y)];
      const at = (dx: number, dy: number): number => shown[0][(y0 + dy) * size + x0 + dx]!;
      const [u, v] = [x - x0, y - y0];
      return Math.round((at(0, 0) * (1 - u) + at(1, 0) * u) * (1 - v) + (at(0, 1) * (1 - u) + at(1, 1) * u) * v);
    });
    const whole = shown[1].subarray(0, large * large);
    const apart = whole.reduce((sum, value, i) => sum + Math.abs(value - enlarged[i]!), 0) / whole.length;
    expect(apart, 'the same picture').toBeLessThan(4);
    expect(detail(whole, large)).toBeGreaterThan(1.3 * detail(enlarged, large));
    for (const session of sessions) await session.close();
    await other.close();
  });
});

describe('in a call', () => {
  let server: TestServer;
  const members: Member[] = [];
  beforeAll(async () => {
    installWebRtc();
    server = await TestServer.create();
  });
  afterAll(async () => {
    for (const member of members) await member.leave();
    await server?.close();
  });

  it('an avatar that was made for another model is made anew from all of its portraits, and follows its driver', async () => {
    const guest = await server.guest();
    expect((await guest.gioconda.models()).map(({ name }) => name)).toEqual(expect.arrayContaining(['warp', 'lite']));
    const avatarId = await enrolFiles(guest.gioconda, people[0]!.portraits);
    const driver = await Member.join(server, { guest, displayName: 'Driver', avatarId, model: 'lite' });
    const viewer = await Member.join(server, { displayName: 'Viewer' });
    members.push(driver, viewer);
    expect(viewer.call.participants.find(({ id }) => id === driver.id)?.avatar).toMatchObject({ id: avatarId, model: 'lite' });
    const pose = (seconds: number) => ({ yaw: 12 * Math.sin(seconds * 3), mouthOpen: 0.5 - 0.5 * Math.cos(seconds * 5) });
    driver.drive(pose);
    await eventually('three seconds of pictures', () => (viewer.video.get(driver.id)?.frames.length ?? 0) > 75);
    const watcher = viewer.video.get(driver.id)!;
    const turns: number[] = [];
    for (let i = 0; i < 30; i++) {
      const before = watcher.frames.length;
      await eventually('another picture', () => watcher.frames.length >= before + 2);
      const { width, height, data } = watcher.last!;
      expect([width, height]).toEqual([size, size]);
      const [face] = await landmarker.detect({ width, height, data: i420ToRgb(data, width, height) });
      if (face) turns.push(faceSample(face.points, 0).yaw);
    }
    expect(turns.length).toBeGreaterThan(25);
    expect(Math.max(...turns) - Math.min(...turns)).toBeGreaterThan(10);
  });
});

describe('a server that is started with another size', () => {
  it('makes the avatars that it finds anew from their portraits, and shows them at that size', async () => {
    installWebRtc();
    const folder = await mkdtemp(path.join(tmpdir(), 'gioconda-sizes-'));
    const start = (side: number): Promise<TestServer> =>
      TestServer.create({ config: { dataDir: folder, video: { size: side }, synthesis: { model: 'lite' } } });
    try {
      const before = await start(size);
      const first = await before.guest();
      const avatarId = await enrolFiles(first.gioconda, people[0]!.portraits.slice(0, 1));
      await before.close();
      const after = await start(2 * size);
      const members: Member[] = [];
      try {
        // keys and people are kept in the folder, and so is the guest's token good
        const gioconda = await Gioconda.connect({ url: after.url, token: first.token });
        const driver = await Member.join(after, { guest: { gioconda, token: first.token }, displayName: 'Driver', avatarId });
        const viewer = await Member.join(after, { displayName: 'Viewer' });
        members.push(driver, viewer);
        driver.drive(() => ({ yaw: 0, mouthOpen: 0.2 }));
        await eventually('a picture', () => (viewer.video.get(driver.id)?.frames.length ?? 0) > 5);
        const { width, height } = viewer.video.get(driver.id)!.last!;
        expect([width, height]).toEqual([2 * size, 2 * size]);
      } finally {
        for (const member of members) await member.leave();
        await after.close();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
