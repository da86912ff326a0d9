/** What nobody caught, in processes of their own: reported once as a line of JSON, a moment for the ending, and an exit code that says so. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../client/src/protocol/index.ts';
import { createLog } from '../../server/base/log.ts';
import { repositoryRoot } from '../../server/base/paths.ts';
import { SynthesisProcess } from '../../server/synthesis/process/SynthesisProcess.ts';
import { eventually } from '../support/wait.ts';

const HEAD = `
  import { logFatalErrors } from ${JSON.stringify(new URL('../../server/base/fatal-errors.ts', import.meta.url).href)};
  import { createLog } from ${JSON.stringify(new URL('../../server/base/log.ts', import.meta.url).href)};
  const log = createLog({ logLevel: 'info' });
  setTimeout(() => log.info('went on'), 30_000);
`;

async function run(
  script: string,
): Promise<{ code: number | null; messages: string[]; lines: { level: string; err?: { message: string } }[]; stderr: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', HEAD + script], {
    cwd: repositoryRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  const lines = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { level: string; msg: string; err?: { message: string } });
  return { code, lines, messages: lines.map(({ level, msg, err }) => `${level}: ${err?.message ?? msg}`), stderr };
}

describe('an error that nobody caught', () => {
  it.each([
    ['thrown in a timer', 'setTimeout(() => { throw new Error("oh") })'],
    ['of a promise that nobody looks at', 'Promise.reject(new Error("oh"))'],
  ])('%s is logged and ends the process', async (_how, fault) => {
    const { code, messages } = await run(`logFatalErrors(log); ${fault};`);
    expect([code, messages]).toEqual([70, ['fatal: oh']]);
  });

  it('lets what has begun end, whatever else fails meanwhile', async () => {
    const { code, messages } = await run(`
      logFatalErrors(log, async () => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        log.info('closed');
        throw new Error('nearly');
      });
      setTimeout(() => {
        setTimeout(() => { throw new Error('second') });
        throw new Error('first');
      });`);
    // Lines are written by another thread, the last words at once: their order may change.
    expect([code, messages.sort()]).toEqual([70, ['fatal: first', 'fatal: nearly', 'fatal: second', 'info: closed']]);
  });

  it('ends the process although its ending hangs', async () => {
    const { code, messages } = await run(`logFatalErrors(log, () => new Promise(() => undefined)); Promise.reject(new Error('oh'));`);
    expect([code, messages]).toEqual([70, ['fatal: oh']]);
  });

  it('is not what a warning is: that is a line of the log, and the process goes on', async () => {
    const { code, messages, stderr } = await run(`
      logFatalErrors(log);
      process.emitWarning(new Error('mind this'));
      setTimeout(() => process.exit(0), 20);`);
    expect([code, messages, stderr]).toEqual([0, ['warn: mind this'], '']);
  });

  it('ends a synthesis process with that code', async () => {
    const lines: string[] = [];
    const log = createLog({ logLevel: 'info' }, { write: (line) => void lines.push(line) });
    const child = await SynthesisProcess.create({ log, deadlineMs: 10_000, cacheDir: '/nowhere' });
    const waiting = child
      .call('check-portrait', { portrait: new Uint8Array(1), limits: { maxBytes: 1, maxPixels: 1 } }, 60_000)
      .catch(AppError.from);
    child.send({ type: 'landmarks', packets: null as never });
    await eventually('its end', () => !child.alive);
    await waiting;
    expect(lines.map((line) => JSON.parse(line) as { msg: string; code?: number })).toContainEqual(
      expect.objectContaining({ msg: 'synthesis process ended', code: 70 }),
    );
  });
});
