/**
 * `npm test`: makes ready what the tests need, runs them, and ends with a line `N passed, N failed`.
 * Arguments go to vitest: `npm test -- test/unit`, `npm test -- -t 'a name'`.
 */
import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureSetup, SetupError } from '../server/setup/index.ts';
import { packageFolder, repositoryRoot } from '../server/base/paths.ts';
import { summaryLine, type Summary } from './support/SummaryReporter.ts';

const summaryPath = join(repositoryRoot, 'test/.out/summary.json');

async function runVitest(args: string[]): Promise<number> {
  const vitest = packageFolder('vitest');
  if (!vitest) throw new SetupError('vitest is not installed', { fix: 'npm install --include=dev' });
  await rm(summaryPath, { force: true });
  const reporters = ['--reporter=default', `--reporter=${join(repositoryRoot, 'test/support/SummaryReporter.ts')}`];
  const child = spawn(process.execPath, [...process.execArgv, join(vitest, 'vitest.mjs'), 'run', ...reporters, ...args], {
    cwd: repositoryRoot,
    stdio: 'inherit',
    env: { ...process.env, GIOCONDA_TEST_SUMMARY: summaryPath },
  });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGTERM', pass);
  process.on('SIGHUP', pass);
  // Ctrl-C reaches vitest by itself; this process waits for it to finish.
  process.on('SIGINT', () => {});
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

/** Vitest's totals, or null where it did not get so far. */
async function readSummary(): Promise<Summary | null> {
  const text = await readFile(summaryPath, 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as Summary);
}

async function main(): Promise<number> {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
  await ensureSetup({ tests: true });
  const code = await runVitest(process.argv.slice(2));
  const summary = await readSummary();
  if (!summary) {
    console.error('vitest ended before it could report.');
    console.log(summaryLine({ passed: 0, failed: 1, skipped: [] }));
    return code || 1;
  }
  for (const { name, reason } of summary.skipped) console.log(`skipped: ${name} (${reason})`);
  console.log(summaryLine(summary));
  return code || (summary.failed > 0 ? 1 : 0);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.fix ? `${error.message}\n→ ${error.fix}` : error.message);
  console.log(summaryLine({ passed: 0, failed: 1, skipped: [] }));
  process.exitCode = 1;
}
