import { copyFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { trackerModelPath } from '../../server/base/paths.ts';
import { trackerModelPart, trackerModelProblem } from '../../server/setup/tracker-model.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gioconda-tracker-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe("the tracker's model", () => {
  test('is part of the checkout, so that set-up downloads nothing', async () => {
    expect(await trackerModelPart.check(folder)).toEqual({ ok: true, detail: trackerModelPath });
    expect(await trackerModelPart.ready(folder)).toBe(true);
  });

  test('is refused when it is missing, cut off or another file of the same size', async () => {
    const copy = join(folder, 'face_landmarker.task');
    expect(await trackerModelProblem(copy)).toContain('is missing');
    await copyFile(trackerModelPath, copy);
    expect(await trackerModelProblem(copy)).toBeNull();
    await truncate(copy, 1000);
    expect(await trackerModelProblem(copy)).toContain('is not the file');
    await writeFile(copy, Buffer.alloc(3_758_596));
    expect(await trackerModelProblem(copy)).toContain('is not the file');
  });
});
