import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pageAssets } from '../../server/http/page-assets.ts';
import type { PageAsset } from '../../server/http/page-assets.ts';

describe('page assets', () => {
  let folder: string;
  let assets: Map<string, PageAsset>;
  const read = (path: string): Promise<string> => readFile(assets.get(path)!.file, 'utf8');
  const find = (part: string): string => [...assets.keys()].find((path) => path.includes(part))!;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gioconda-page-'));
    const model = join(folder, 'face_landmarker.task');
    await writeFile(model, 'not the real model, but a file');
    assets = await pageAssets({ cacheDir: join(folder, 'cache'), trackerModelPath: model });
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('gives a page whose every reference is served', async () => {
    const html = await read('/');
    const references = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
    expect(references.length).toBeGreaterThanOrEqual(3);
    for (const reference of references) expect(assets.has(reference), reference).toBe(true);
    expect(html).not.toContain('{{');
  });

  it('names the tracker’s files, all of them served', async () => {
    const tracker = JSON.parse(await read('/assets/tracker.json')) as Record<string, string>;
    expect(Object.keys(tracker).sort()).toEqual(['modelUrl', 'wasmBinaryUrl', 'wasmLoaderUrl', 'workerUrl']);
    for (const url of Object.values(tracker)) expect(assets.has(url), url).toBe(true);
  });

  it('lets browsers keep only what carries a hash or a version', () => {
    for (const [path, { immutable, contentType }] of assets) {
      expect(immutable, path).toBe(!['/', '/assets/tracker.json', '/sdk/gioconda.js'].includes(path));
      expect(contentType, path).toMatch(/^[a-z]+\/[a-z.+-]+/);
    }
    expect(assets.get(find('.wasm'))!.contentType).toBe('application/wasm');
  });

  it('gives the same addresses again for the same sources', async () => {
    const again = await pageAssets({ cacheDir: join(folder, 'cache'), trackerModelPath: join(folder, 'face_landmarker.task') });
    expect([...again.keys()].sort()).toEqual([...assets.keys()].sort());
  });

  it('leaves alone what another server with other sources serves from the same folder', async () => {
    const before = await read('/assets/tracker.json');
    const otherModel = join(folder, 'other.task');
    await writeFile(otherModel, 'another model');
    await pageAssets({ cacheDir: join(folder, 'cache'), trackerModelPath: otherModel });
    expect(await read('/assets/tracker.json')).toBe(before);
  });

  it('bundles the tracker worker whole', async () => {
    expect(await read(find('face-landmarker-worker'))).not.toMatch(/\bfrom\s*["']@mediapipe/);
  });

  it('puts nothing into the page that asks another host', async () => {
    const html = await read('/');
    expect(html).not.toMatch(/https?:\/\//);
    expect(await read(find('page.') && [...assets.keys()].find((path) => path.endsWith('.css'))!)).not.toMatch(/https?:\/\//);
  });

  it('gives the elements as a script for pages of any origin, and what it imports beside it', async () => {
    const files = [...assets.keys()].filter((path) => path.startsWith('/sdk/'));
    expect(files).toContain('/sdk/gioconda.js');
    for (const path of files) {
      expect(assets.get(path)!.anyOrigin, path).toBe(true);
      for (const [, name] of (await read(path)).matchAll(/(?:from|import\()\s*"\.\/([^"]+)"/g)) expect(files).toContain(`/sdk/${name}`);
    }
    // Who only watches does not load the codec's tables.
    expect((await read('/sdk/gioconda.js')).length).toBeLessThan(400_000);
  });
});
