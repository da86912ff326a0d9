import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMeasurements, recordMeasurement } from '../../server/setup/measurements.ts';
import { knownChoice, modelChoicePart, settleModel, type ChoiceConfig } from '../../server/setup/model-choice.ts';
import { chooseModel, mostSynthesisMs } from '../../server/synthesis/model/model-choice.ts';
import { loadManifest, type ModelManifest } from '../../server/synthesis/model/model-manifest.ts';

let cacheDir = '';
let manifest: ModelManifest;
beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'gioconda-choice-'));
  // a learned model with three sizes beside the committed warp with two
  const { models, format } = await loadManifest();
  const { warp, lite } = models as { warp: ModelManifest['models'][string]; lite: ModelManifest['models'][string] };
  manifest = { format, default: 'learned', fallback: 'warp', models: { warp, learned: { ...lite, version: '3' } } };
});
afterEach(() => rm(cacheDir, { recursive: true, force: true }));

type Size = ChoiceConfig['video']['size'];
const config = (model = 'auto', size: Size = 'auto'): ChoiceConfig => ({ cacheDir, synthesis: { model }, video: { size } });
const slow = { 512: mostSynthesisMs(512) + 0.1, 256: mostSynthesisMs(256) + 0.1 };
const fast = { 512: mostSynthesisMs(512), 256: mostSynthesisMs(256) };

describe('the choice of model and size', () => {
  const choose = (speeds: Partial<Record<number, number>>, { model = 'auto', size = 'auto' as number | 'auto' } = {}) =>
    chooseModel({
      configured: { model, size },
      manifest,
      speedOf: (name, version, side) => (name === 'learned' && version === '3' ? (speeds[side] ?? null) : null),
    });

  it('is the default at 512 where the machine holds 25 frames a second, at 256 with 20, else the fallback, and says why', () => {
    expect(choose(fast)).toMatchObject({
      model: 'learned',
      size: 512,
      kind: 'fast-enough',
      reason: expect.stringMatching(/at 512 pixels takes 32\.0 ms/) as string,
    });
    expect(choose({ ...fast, 512: slow[512] })).toMatchObject({ model: 'learned', size: 256, kind: 'fast-enough' });
    expect(choose(slow)).toMatchObject({
      model: 'warp',
      size: 256,
      kind: 'too-slow',
      reason: expect.stringMatching(/takes 40\.1 ms.*20 frames/) as string,
    });
    expect(choose({})).toMatchObject({ model: 'learned', size: 512, kind: 'unmeasured' });
    expect(choose({ 512: slow[512] })).toMatchObject({ model: 'learned', size: 256, kind: 'unmeasured' });
  });

  it('never is another model at a size that was asked for: the machine that is too slow gets an error that says what to set', () => {
    expect(choose(fast, { size: 512 })).toMatchObject({ model: 'learned', size: 512, kind: 'fast-enough' });
    expect(choose(slow, { size: 512 })).toMatchObject({
      model: 'learned',
      size: 512,
      kind: 'size-too-slow',
      reason: expect.stringMatching(/32\.1 ms.*25 frames.*video\.size to auto or 256.*synthesis\.model/) as string,
    });
    expect(choose({}, { size: 768 })).toMatchObject({ model: 'learned', size: 768, kind: 'unmeasured' });
    expect(choose(slow, { size: 256 })).toMatchObject({ model: 'warp', size: 256, kind: 'too-slow' });
  });

  it('refuses a size that the default has not, and names those who have it', () => {
    const { composed, ...rest } = manifest.models['learned']!;
    manifest.models['learned'] = { ...rest, composed: { ...composed!, sizes: [256] } };
    expect(() => choose({}, { size: 512 })).toThrow(
      expect.objectContaining({
        code: 'model-unknown',
        message: expect.stringMatching(/learned has no pictures of 512.*256.*warp/) as string,
      }),
    );
  });

  it('is the configured model, however slow; one that there is not is refused', () => {
    expect(choose(slow, { model: 'learned', size: 512 })).toMatchObject({ model: 'learned', size: 512, kind: 'configured' });
    expect(choose(slow, { model: 'learned' })).toMatchObject({ model: 'learned', size: 256, kind: 'configured' });
    expect(choose(fast, { model: 'learned' })).toMatchObject({ model: 'learned', size: 512, kind: 'fast-enough' });
    expect(choose({}, { model: 'learned' })).toMatchObject({ model: 'learned', size: 512, kind: 'unmeasured' });
    expect(() => choose(fast, { model: 'monalisa' })).toThrow(
      expect.objectContaining({ code: 'model-unknown', message: expect.stringContaining('learned') as string }),
    );
    expect(() => choose(fast, { model: 'warp', size: 768 })).toThrow(expect.objectContaining({ code: 'model-unknown' }));
  });
});

describe('the measurement at a start', () => {
  const asked: string[] = [];
  beforeEach(() => void asked.splice(0));
  const settle = (ms: Partial<Record<number, number>>, over: Partial<ChoiceConfig> = {}) =>
    settleModel({
      config: { ...config(), ...over },
      manifest,
      measure: (model, size) => {
        asked.push(`${model} ${size}`);
        return Promise.resolve(ms[size]!);
      },
    });

  it('is made once for each size, kept, and shown by doctor', async () => {
    expect(await settle(slow)).toMatchObject({ model: 'warp', kind: 'too-slow' });
    expect(await settle(fast)).toMatchObject({ model: 'warp', kind: 'too-slow' });
    expect(asked).toEqual(['learned 512', 'learned 256']);
    expect(await readMeasurements(cacheDir)).toEqual([
      expect.objectContaining({ label: 'learned 512', text: expect.stringContaining('32.1 ms') as string }),
      expect.objectContaining({ label: 'learned 256', text: expect.stringContaining('40.1 ms') as string }),
    ]);
  });

  it('ends with the first size that the machine holds', async () => {
    expect(await settle(fast)).toMatchObject({ model: 'learned', size: 512, kind: 'fast-enough' });
    expect(asked).toEqual(['learned 512']);
  });

  it('is made anew for another version of the model and on another machine', async () => {
    await settle(slow);
    manifest.models['learned']!.version = '4';
    expect(await settle(fast)).toMatchObject({ model: 'learned', kind: 'fast-enough' });
    const kept = (await readMeasurements(cacheDir)).find(({ label }) => label === 'learned 512')!;
    await recordMeasurement(cacheDir, { ...kept, speed: { ...kept.speed!, machine: 'an abacus' } });
    expect(await knownChoice(config(), manifest)).toMatchObject({ kind: 'unmeasured' });
    expect(await settle(slow)).toMatchObject({ model: 'warp', kind: 'too-slow' });
    expect(asked).toHaveLength(5);
  });

  it('is not made where model and size are configured', async () => {
    expect(await settle(fast, config('learned', 256))).toMatchObject({ model: 'learned', size: 256, kind: 'configured' });
    expect(asked).toEqual([]);
  });

  it('of a size that was asked for and is too much is an error of the configuration', async () => {
    await expect(settle(slow, config('auto', 512))).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringMatching(/video\.size: a frame of learned at 512 pixels takes 32\.1 ms/) as string,
    });
    expect(await settle(fast, config('auto', 256))).toMatchObject({ model: 'learned', size: 256 });
  });

  it('that fails means the fallback, this time; but never in the place of a size that was asked for', async () => {
    const failure = new Error('an operator is missing');
    const measure = () => Promise.reject(failure);
    expect(await settleModel({ config: config(), manifest, measure })).toMatchObject({ model: 'warp', size: 256, error: failure });
    expect(await readMeasurements(cacheDir)).toEqual([]);
    await expect(settleModel({ config: config('auto', 512), manifest, measure })).rejects.toBe(failure);
    expect(await settle(fast)).toMatchObject({ model: 'learned', size: 512 });
  });

  it('of a damaged file counts as none', async () => {
    await settle(fast);
    await writeFile(
      join(cacheDir, 'measurements.json'),
      JSON.stringify([{ label: 'learned 512', text: '', at: '', speed: { ms: 'fast' } }]),
    );
    expect(await knownChoice(config(), manifest)).toMatchObject({ kind: 'unmeasured' });
  });
});

describe('doctor', () => {
  it('says which model it is and why', async () => {
    const { model, size } = await knownChoice(config());
    expect(await modelChoicePart.check(cacheDir)).toMatchObject({
      ok: true,
      detail: expect.stringMatching(new RegExp(`^${model} at ${size} pixels: `)) as string,
    });
  });

  it.each([
    ['a model that there is not', 'monalisa', /there are: .*warp/],
    ['a configured one', 'warp', /^warp at 512 pixels: not measured/],
  ])('knows %s', async (_name, model, detail) => {
    const before = process.env.GIOCONDA_SYNTHESIS_MODEL;
    process.env.GIOCONDA_SYNTHESIS_MODEL = model;
    try {
      expect(await modelChoicePart.check(cacheDir)).toMatchObject({
        ok: model === 'warp',
        detail: expect.stringMatching(detail) as string,
      });
    } finally {
      if (before === undefined) delete process.env.GIOCONDA_SYNTHESIS_MODEL;
      else process.env.GIOCONDA_SYNTHESIS_MODEL = before;
    }
  });

  it('says how many avatars fit, once the model was measured', async () => {
    const { model, version } = await defaultModel();
    const machine = `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores`;
    const { size } = await knownChoice(config());
    await recordMeasurement(cacheDir, { label: `${model} ${size}`, text: '', speed: { ms: 10, version, machine } });
    const frames = availableParallelism() * 85;
    expect(await modelChoicePart.check(cacheDir)).toMatchObject({
      detail: expect.stringContaining(
        `about ${Math.floor(frames / 30)} avatars at 30 frames a second, ${Math.floor(frames / 12)} at 12`,
      ) as string,
    });
  });
});

/** The one that a start measures, as shipped. */
async function defaultModel(): Promise<{ model: string; version: string }> {
  const { default: model, models } = await loadManifest();
  return { model, version: models[model]!.version };
}
