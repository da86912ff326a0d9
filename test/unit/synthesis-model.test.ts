import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AvatarSession } from '../../server/synthesis/frame/AvatarSession.ts';
import { decodeAvatar, encodeAvatar } from '../../server/synthesis/model/avatar-file.ts';
import { enrolAvatar } from '../../server/synthesis/enrol/enrol-avatar.ts';
import { findVariant, loadManifest, modelNames, modelsDirectory, readGraph, sizesOf } from '../../server/synthesis/model/model-manifest.ts';
import { loadModel } from '../../server/synthesis/model/OnnxModel.ts';
import type { OnnxModel } from '../../server/synthesis/model/OnnxModel.ts';
import type { EnrolledAvatar } from '../../server/synthesis/model/types.ts';
import type { RenderInput } from '../../server/synthesis/frame/types.ts';
import { drawnPortrait, driverFace } from '../support/synthetic-face.ts';
import type { FaceOptions } from '../support/synthetic-face.ts';

const size = 256;
let model: OnnxModel;
let avatar: EnrolledAvatar;
const portrait = drawnPortrait(size);

beforeAll(async () => {
  model = await loadModel('warp', { threads: 1, size });
  avatar = await enrolAvatar({ model, portraits: [portrait] });
});

afterAll(() => model.close());

const packet = (timeMs: number, options?: FaceOptions): RenderInput => ({
  timeMs,
  landmarks: { points: driverFace(options), capturedMs: timeMs, confidence: 1 },
});

/** Mean absolute difference of luma. */
function difference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < size * size; i++) sum += Math.abs(a[i]! - b[i]!);
  return sum / (size * size);
}

/** BT.601 luma of a portrait. */
function luma(data: Uint8Array): Uint8Array {
  return Uint8Array.from(
    { length: size * size },
    (_, i) => 16.5 + (65.481 * data[i * 3]! + 128.553 * data[i * 3 + 1]! + 24.966 * data[i * 3 + 2]!) / 255,
  );
}

describe('the manifest', () => {
  it('names models whose files have the hashes it says, with every tensor the graphs need', async () => {
    const manifest = await loadManifest();
    expect(await modelNames()).toContain('warp');
    for (const spec of Object.values(manifest.models)) {
      for (const size of sizesOf(spec)) {
        const variant = findVariant(spec, size);
        const graphs = variant.kind === 'whole' ? [variant.frame] : [variant.motion, variant.picture];
        for (const graph of [variant.enrolment, ...graphs]) expect((await readGraph(graph)).length).toBeGreaterThan(100);
        for (const name of spec.cached) expect(variant.enrolment.outputs).toHaveProperty(name);
        if (variant.kind === 'composed') continue;
        expect(variant.frame.outputs['i420']?.shape).toEqual([1, (variant.size * 3) / 2, variant.size]);
        expect(variant.frame.inputs['semantic_map']?.shape[1] ?? 0).toBe(spec.semanticChannels.length);
      }
    }
  });

  it('an altered or missing model file, a broken manifest and an unknown name are refused', async () => {
    const copy = await mkdtemp(path.join(tmpdir(), 'gioconda-models-'));
    try {
      await cp(path.join(modelsDirectory, 'manifest.json'), path.join(copy, 'manifest.json'));
      await cp(path.join(modelsDirectory, 'warp'), path.join(copy, 'warp'), { recursive: true });
      await expect(loadModel('warp', { directory: copy }).then((m) => m.close())).resolves.toBeUndefined();
      const file = path.join(copy, 'warp', 'frame-256.onnx');
      const bytes = await readFile(file);
      bytes[bytes.length >> 1]! ^= 1;
      await writeFile(file, bytes);
      await expect(loadModel('warp', { directory: copy })).rejects.toMatchObject({
        code: 'internal',
        message: expect.stringContaining('hash'),
      });
      await rm(file);
      await expect(loadModel('warp', { directory: copy })).rejects.toMatchObject({ code: 'internal' });
      await writeFile(path.join(copy, 'manifest.json'), '{"format":1}');
      await expect(loadModel('warp', { directory: copy })).rejects.toMatchObject({ code: 'internal' });
    } finally {
      await rm(copy, { recursive: true });
    }
    await expect(loadModel('nobody')).rejects.toMatchObject({ code: 'model-unknown', message: expect.stringContaining('warp') });
    await expect(loadModel('toString')).rejects.toMatchObject({ code: 'model-unknown' });
    await expect(loadModel('warp', { size: 300 })).rejects.toMatchObject({ code: 'model-unknown' });
  });
});

describe('a default model and a fallback', () => {
  it.each(['default', 'fallback'])('must exist: %s', async (key) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'gioconda-models-'));
    try {
      const manifest = JSON.parse(await readFile(path.join(modelsDirectory, 'manifest.json'), 'utf8')) as object;
      await writeFile(path.join(folder, 'manifest.json'), JSON.stringify({ ...manifest, [key]: 'nobody' }));
      const cause = expect.objectContaining({ message: expect.stringContaining(`${key} names no model`) });
      await expect(loadManifest(folder)).rejects.toMatchObject({ code: 'internal', cause });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('enrolment', () => {
  it('is tried again after its graph could not be loaded, and the model still closes', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'gioconda-models-'));
    try {
      await cp(path.join(modelsDirectory, 'manifest.json'), path.join(folder, 'manifest.json'));
      await cp(path.join(modelsDirectory, 'warp'), path.join(folder, 'warp'), { recursive: true });
      const [again, never] = [await loadModel('warp', { size, directory: folder }), await loadModel('warp', { size, directory: folder })];
      const file = path.join(folder, again.variant.enrolment.file);
      await rm(file);
      for (const one of [again, never]) await expect(one.runEnrolment({})).rejects.toMatchObject({ code: 'internal' });
      await cp(path.join(modelsDirectory, again.variant.enrolment.file), file);
      await expect(enrolAvatar({ model: again, portraits: [portrait] })).resolves.toMatchObject({ tensors: expect.anything() });
      for (const one of [again, never]) await one.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('refuses no portrait, nine, and one of the wrong size', async () => {
    await expect(enrolAvatar({ model, portraits: [] })).rejects.toMatchObject({ code: 'portrait-count' });
    await expect(enrolAvatar({ model, portraits: Array.from({ length: 9 }, () => portrait) })).rejects.toMatchObject({
      code: 'portrait-count',
    });
    await expect(enrolAvatar({ model, portraits: [drawnPortrait(128)] })).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('an avatar from its file renders the same picture', async () => {
    const again = decodeAvatar(encodeAvatar(avatar));
    const pictures = await Promise.all(
      [avatar, again].map(async (a) => {
        const session = await AvatarSession.create({ model, avatar: a });
        for (let t = 0; t < 400; t += 40) await session.render(packet(t));
        const { i420 } = await session.render(packet(400, { turn: 0.2, jaw: 0.08 }));
        await session.close();
        return i420.slice();
      }),
    );
    expect(pictures[0]).toEqual(pictures[1]);
  });

  it('several portraits enrol together', async () => {
    const many = await enrolAvatar({ model, portraits: [drawnPortrait(size, { turn: 0.3 }), portrait, drawnPortrait(size, { jaw: 0.1 })] });
    expect(many.tensors['choice']?.data[0]).toBe(1);
  });
});

describe('an avatar session', () => {
  it('at rest shows the portrait itself', async () => {
    const session = await AvatarSession.create({ model, avatar });
    let frame = await session.render(packet(0));
    for (let t = 33; t < 1500; t += 33) frame = await session.render(packet(t));
    expect(difference(frame.i420, luma(portrait.image.data))).toBeLessThan(1.5);
    expect(frame.state).toBe('tracking');
    expect(Object.values(frame.timings).every((ms) => ms >= 0)).toBe(true);
    await session.close();
  });

  it('without a matte, too', async () => {
    const bare = await enrolAvatar({ model, portraits: [drawnPortrait(size, { matte: false })] });
    const session = await AvatarSession.create({ model, avatar: bare });
    let frame = await session.render(packet(0));
    for (let t = 33; t < 1500; t += 33) frame = await session.render(packet(t));
    expect(difference(frame.i420, luma(portrait.image.data))).toBeLessThan(1.5);
    await session.close();
  });

  it('follows the driver, and only inside of the picture does anything move far from the head', async () => {
    const session = await AvatarSession.create({ model, avatar });
    for (let t = 0; t < 1500; t += 33) await session.render(packet(t));
    const rest = (await session.render(packet(1518))).i420.slice();
    let turned = rest;
    for (let t = 1551; t < 2500; t += 33) turned = (await session.render(packet(t, { turn: 0.3 }))).i420.slice();
    expect(difference(rest, turned)).toBeGreaterThan(1);
    // the top corners are background, and the background stays put
    for (const at of [0, size - 1, 5 * size + 5]) expect(Math.abs(rest[at]! - turned[at]!)).toBeLessThanOrEqual(1);
    await session.close();
  });

  it('reuses the previous frame in the mouth only, and not after a gap', async () => {
    const run = async (pauseMs: number) => {
      const session = await AvatarSession.create({ model, avatar });
      let t = 0;
      for (; t < 1500; t += 33) await session.render(packet(t, { jaw: 0 }));
      for (const end = t + 600; t < end; t += 33) await session.render(packet(t, { jaw: 0.1 }));
      t += pauseMs;
      const { i420 } = await session.render({ landmarks: null, timeMs: t });
      await session.close();
      return i420.slice();
    };
    const near = await run(0);
    expect(near.length).toBe((size * size * 3) / 2);
    expect(difference(near, await run(5000))).toBeGreaterThan(0.05);
  });

  it('fades from one avatar to the other', async () => {
    const other = await enrolAvatar({
      model,
      portraits: [{ ...portrait, image: { ...portrait.image, data: portrait.image.data.map((v) => 255 - v) } }],
    });
    const session = await AvatarSession.create({ model, avatar });
    for (let t = 0; t < 1500; t += 33) await session.render(packet(t));
    const first = (await session.render(packet(1518))).i420.slice();
    session.switchAvatar(other);
    const steps: Uint8Array[] = [first];
    for (let t = 1551; t < 2200; t += 33) steps.push((await session.render(packet(t))).i420.slice());
    const total = difference(first, steps.at(-1)!);
    expect(total).toBeGreaterThan(20);
    for (let i = 1; i < steps.length; i++) expect(difference(steps[i - 1]!, steps[i]!)).toBeLessThan(0.25 * total);
    expect(difference(steps.at(-2)!, steps.at(-1)!)).toBeLessThan(0.5);
    await session.close();
  });

  it('two sessions of one model do not disturb each other', async () => {
    const [a, b, alone] = await Promise.all([1, 2, 3].map(() => AvatarSession.create({ model, avatar })));
    for (let t = 0; t < 600; t += 40) {
      const [one, two] = await Promise.all([a!.render(packet(t, { turn: 0.1 })), b!.render(packet(t, { turn: t > 300 ? -0.2 : 0.1 }))]);
      const three = await alone!.render(packet(t, { turn: 0.1 }));
      expect(Buffer.from(one.i420).equals(Buffer.from(three.i420))).toBe(true);
      if (t > 400) expect(difference(one.i420, two.i420)).toBeGreaterThan(0.3);
    }
    for (const session of [a, b, alone]) await session!.close();
  });

  it('refuses a second call while busy, any call after close, and a foreign avatar', async () => {
    const session = await AvatarSession.create({ model, avatar });
    const first = session.render(packet(0));
    await expect(session.render(packet(1))).rejects.toMatchObject({ code: 'internal' });
    await first;
    await expect(session.render(packet(33))).resolves.toMatchObject({ state: 'calibrating' });
    await session.close();
    await session.close();
    await expect(session.render(packet(66))).rejects.toMatchObject({ code: 'closed' });
    await expect(AvatarSession.create({ model, avatar: { ...avatar, modelVersion: '0' } })).rejects.toMatchObject({
      code: 'avatar-not-found',
    });
  });

  it('goes on after a failed frame', async () => {
    const session = await AvatarSession.create({ model, avatar });
    const broken = { landmarks: { points: driverFace().fill(Number.NaN), capturedMs: 0, confidence: 1 }, timeMs: 0 };
    expect((await session.render(broken)).state).toBe('idle');
    expect((await session.render(packet(33))).state).toBe('calibrating');
    session.reset();
    session.recalibrate();
    expect((await session.render(packet(66))).state).toBe('calibrating');
    await session.close();
  });
});
