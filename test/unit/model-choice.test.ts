import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../server/config/index.ts';
import { readMeasurements, recordMeasurement } from '../../server/setup/measurements.ts';
import { knownChoice, modelChoicePart, settleModel } from '../../server/setup/model-choice.ts';
import { chooseModel, mostSynthesisMs } from '../../server/synthesis/model/model-choice.ts';
import { loadManifest, type ModelManifest } from '../../server/synthesis/model/model-manifest.ts';

let cacheDir = '';
let manifest: ModelManifest;
beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'gioconda-choice-'));
  // a learned model beside the committed one, at one size
  const { models, format } = await loadManifest();
  const warp = models['warp']!;
  manifest = {
    format,
    default: 'learned',
    fallback: 'warp',
    models: { warp, learned: { ...warp, version: '3', variants: [warp.variants[0]!] } },
  };
});
afterEach(() => rm(cacheDir, { recursive: true, force: true }));

const config = (model = 'auto', size = 256) => ({ cacheDir, synthesis: { model }, video: { size } });

describe('the choice of a model', () => {
  const choose = (ms: number | null, { configured = 'auto', size = 256 } = {}) =>
    chooseModel({ configured, size, manifest, speedOf: (_model, version) => (version === '3' ? ms : null) });

  it('is the default where the machine holds 20 frames a second with it, else the fallback, and says why', () => {
    expect(choose(mostSynthesisMs)).toMatchObject({
      model: 'learned',
      kind: 'fast-enough',
      reason: expect.stringContaining(`${mostSynthesisMs.toFixed(1)} ms`) as string,
    });
    expect(choose(mostSynthesisMs + 0.1)).toMatchObject({
      model: 'warp',
      kind: 'too-slow',
      reason: expect.stringMatching(/learned takes 40\.1 ms.*20 frames a second/) as string,
    });
    expect(choose(null)).toMatchObject({ model: 'learned', kind: 'unmeasured' });
  });

  it('is the configured model, however slow; one that there is not is refused', () => {
    expect(choose(500, { configured: 'learned' })).toMatchObject({ model: 'learned', kind: 'configured' });
    expect(() => choose(1, { configured: 'monalisa' })).toThrow(
      expect.objectContaining({ code: 'model-unknown', message: expect.stringContaining('learned') as string }),
    );
    expect(() => choose(1, { configured: 'learned', size: 512 })).toThrow(expect.objectContaining({ code: 'model-unknown' }));
  });

  it('is the fallback at a size that the default has not, and needs no measurement where there is no choice', () => {
    expect(choose(1, { size: 512 })).toMatchObject({ model: 'warp', kind: 'no-such-size' });
    const { fallback: _, ...alone } = manifest;
    expect(chooseModel({ configured: 'auto', size: 256, manifest: alone, speedOf: () => null })).toMatchObject({
      model: 'learned',
      kind: 'default',
    });
  });
});

describe('the measurement at a start', () => {
  const asked: string[] = [];
  beforeEach(() => void asked.splice(0));
  const settle = (ms: number, over: Partial<ReturnType<typeof config>> = {}) =>
    settleModel({
      config: { ...config(), ...over },
      manifest,
      measure: (model, size) => {
        asked.push(`${model} ${size}`);
        return Promise.resolve(ms);
      },
    });

  it('is made once, kept, and shown by doctor', async () => {
    expect(await settle(63)).toMatchObject({ model: 'warp', kind: 'too-slow' });
    expect(await settle(10)).toMatchObject({ model: 'warp', kind: 'too-slow' });
    expect(asked).toEqual(['learned 256']);
    expect(await readMeasurements(cacheDir)).toEqual([
      expect.objectContaining({ label: 'learned 256', text: expect.stringContaining('63.0 ms') as string }),
    ]);
  });

  it('is made anew for another version of the model and on another machine', async () => {
    await settle(63);
    manifest.models['learned']!.version = '4';
    expect(await settle(12)).toMatchObject({ model: 'learned', kind: 'fast-enough' });
    const [kept] = await readMeasurements(cacheDir);
    await recordMeasurement(cacheDir, { ...kept!, speed: { ...kept!.speed!, machine: 'an abacus' } });
    expect(await knownChoice(config(), manifest)).toMatchObject({ kind: 'unmeasured' });
    expect(await settle(80)).toMatchObject({ model: 'warp', kind: 'too-slow' });
    expect(asked).toHaveLength(3);
  });

  it('is not made for a configured model', async () => {
    expect(await settle(1, { synthesis: { model: 'learned' } })).toMatchObject({ model: 'learned', kind: 'configured' });
    expect(asked).toEqual([]);
  });

  it('that fails means the fallback, this time', async () => {
    const failure = new Error('an operator is missing');
    expect(await settleModel({ config: config(), manifest, measure: () => Promise.reject(failure) })).toMatchObject({
      model: 'warp',
      error: failure,
    });
    expect(await readMeasurements(cacheDir)).toEqual([]);
    expect(await settle(12)).toMatchObject({ model: 'learned' });
  });

  it('of a damaged file counts as none', async () => {
    await settle(12);
    await writeFile(
      join(cacheDir, 'measurements.json'),
      JSON.stringify([{ label: 'learned 256', text: '', at: '', speed: { ms: 'fast' } }]),
    );
    expect(await knownChoice(config(), manifest)).toMatchObject({ kind: 'unmeasured' });
  });
});

describe('doctor', () => {
  it('says which model it is and why', async () => {
    const { model } = await knownChoice(config());
    expect(await modelChoicePart.check(cacheDir)).toMatchObject({
      ok: true,
      detail: expect.stringMatching(new RegExp(`^${model}: `)) as string,
    });
  });

  it.each([
    ['a model that there is not', 'monalisa', /there are: .*warp/],
    ['a configured one', 'warp', /^warp: as configured/],
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
    const { size } = parseConfig({}).video;
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
