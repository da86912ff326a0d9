/** What `npm test` counts, seen through a vitest of its own. */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packageFolder, repositoryRoot } from '../../server/base/paths.ts';
import { summaryLine, type Summary } from '../support/SummaryReporter.ts';

let folder = '';
beforeEach(async () => {
  // Inside of the repository, so that the tests there find vitest.
  await mkdir(join(repositoryRoot, 'test/.out'), { recursive: true });
  folder = await mkdtemp(join(repositoryRoot, 'test/.out/runner-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function summaryOf(files: Record<string, string>): Promise<Summary> {
  for (const [name, content] of Object.entries(files))
    await writeFile(join(folder, name), `import { describe, beforeAll, expect, test } from 'vitest';\n${content}`);
  await writeFile(join(folder, 'vitest.config.mjs'), 'export default {}');
  const path = join(folder, 'summary.json');
  const args = [
    join(packageFolder('vitest') as string, 'vitest.mjs'),
    'run',
    '--root',
    folder,
    '--reporter',
    join(repositoryRoot, 'test/support/SummaryReporter.ts'),
  ];
  spawnSync(process.execPath, args, { cwd: folder, env: { ...process.env, GIOCONDA_TEST_SUMMARY: path, VITEST: undefined } });
  return JSON.parse(await readFile(path, 'utf8')) as Summary;
}

test('tests are counted by what became of them, with the reasons of those that were skipped', async () => {
  const summary = await summaryOf({
    'a.test.ts': `
      test('good', () => {});
      test('bad', () => expect(1).toBe(2));
      test('lazy', ({ skip }) => skip('no Chromium'));
      test.todo('later');`,
  });
  expect(summary).toMatchObject({ passed: 1, failed: 1 });
  expect(summary.skipped.map(({ reason }) => reason)).toEqual(['no Chromium', 'to do']);
  expect(summaryLine(summary)).toBe('1 passed, 1 failed, 2 skipped');
});

test('a file that cannot be loaded, a hook that fails and an error outside of any test are failures', async () => {
  expect(await summaryOf({ 'a.test.ts': `import './missing.ts';\ntest('never', () => {});` })).toMatchObject({ passed: 0, failed: 1 });
  const hook = await summaryOf({
    'a.test.ts': `describe('x', () => { beforeAll(() => { throw new Error('no server'); }); test('never', () => {}); });`,
  });
  expect(hook.failed).toBeGreaterThanOrEqual(1);
  expect(hook.passed).toBe(0);
  const stray = await summaryOf({
    'a.test.ts': `test('good', async () => { void Promise.reject(new Error('forgotten')); await new Promise((resolve) => setTimeout(resolve, 50)); });`,
  });
  expect(stray.failed).toBeGreaterThanOrEqual(1);
});
