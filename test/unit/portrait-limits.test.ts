/** The configured limits reach the process that decodes. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../server/config/index.ts';
import { DEFAULT_PORTRAIT_LIMITS } from '../../server/portraits/limits.ts';
import { createLog } from '../../server/base/log.ts';
import { cacheFolder } from '../../server/base/paths.ts';
import { ensureLandmarkModels } from '../../server/setup/landmarker/convert-models.ts';
import { landmarkFolder } from '../../server/landmarker/landmark-models.ts';
import { EnrolmentWorker } from '../../server/synthesis/process/EnrolmentWorker.ts';
import { portraitOf } from '../support/fixtures.ts';

const landmarks = landmarkFolder(cacheFolder());
const worker = new EnrolmentWorker({
  log: createLog({ logLevel: 'silent' }),
  cacheDir: landmarks,
  models: [{ name: 'warp', version: '1', size: 256 }],
});
beforeAll(() => ensureLandmarkModels(landmarks));
afterAll(() => worker.close());

describe('the limits of portraits', () => {
  it("are the configuration's defaults", () => {
    expect(parseConfig().enrolment).toMatchObject(DEFAULT_PORTRAIT_LIMITS);
  });

  it('hold for checks and for enrolment, as they are configured', async () => {
    const portrait = await readFile(portraitOf('anna', 'neutral'));
    const { signal } = new AbortController();
    const tight = { ...DEFAULT_PORTRAIT_LIMITS, maxPixels: 1000 };
    await expect(worker.checkPortrait(portrait, { limits: tight, signal })).rejects.toMatchObject({ code: 'portrait-too-large' });
    await expect(worker.checkPortrait(portrait, { limits: DEFAULT_PORTRAIT_LIMITS, signal })).resolves.toEqual({ warnings: [] });
    await expect(worker.prepareAndEnrol({ portraits: [portrait], limits: tight, model: 'warp', size: 256, signal })).rejects.toMatchObject({
      code: 'portrait-too-large',
      portrait: 0,
    });
  }, 60_000);
});
