import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { findProgram, runCommand } from '../../server/setup/command.ts';
import { repositoryRoot } from '../../server/base/paths.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gioconda-command-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A process that has ended and that nobody has asked about yet (a container without an init) has ended all the same. */
const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !(existsSync('/proc/self/stat') && /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
  } catch {
    return false;
  }
};

test('gives the exit code, the last lines of both streams, and each line as it comes', async () => {
  const lines: string[] = [];
  const result = await runCommand('sh', ['-c', 'echo one; echo two >&2; exit 3'], { onLine: (line) => lines.push(line) });
  expect(result.code).toBe(3);
  expect(lines.toSorted()).toEqual(['one', 'two']);
  const long = await runCommand('sh', ['-c', 'i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done']);
  expect(long.output.split('\n')).toHaveLength(200);
  expect(long.output).toMatch(/line 499$/);
});

test('a program that does not exist and one that a signal ended are results', async () => {
  expect((await runCommand('no-such-program-here', [])).code).toBe(127);
  expect((await runCommand('sh', ['-c', 'kill -KILL $$'])).code).toBe(137);
});

test('the timeout ends the children of the program too', async () => {
  const result = await runCommand('sh', ['-c', 'sleep 60 & echo $!; wait'], { timeoutMs: 300 });
  expect(result.code).toBe(124);
  const pid = Number(result.output);
  await vi.waitFor(() => expect(alive(pid)).toBe(false), { timeout: 10_000 });
});

test('asked to end, it stops what it started and lets its caller clean up', async () => {
  const script = join(folder, 'builder.ts');
  await writeFile(
    script,
    `
    import { rmSync, writeFileSync } from 'node:fs';
    import { runCommand } from ${JSON.stringify(join(repositoryRoot, 'server/setup/command.ts'))};
    const work = ${JSON.stringify(join(folder, 'work'))};
    writeFileSync(work, '');
    try {
      await runCommand('sh', ['-c', 'sleep 60 & echo $! > ${join(folder, 'pid')}; echo started; wait'], { onLine: console.log });
    } catch (error) {
      console.log(error.name, error.message);
      process.exitCode = 1;
    } finally {
      rmSync(work);
    }`,
  );
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (text.includes('started')) child.kill('SIGINT');
  });
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(1);
  expect(output).toContain('SetupError stopped');
  expect(existsSync(join(folder, 'work'))).toBe(false);
  const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
  await vi.waitFor(() => expect(alive(pid)).toBe(false), { timeout: 10_000 });
});

test('programs are found on the given path only if they can be run', async () => {
  await writeFile(join(folder, 'tool'), '#!/bin/sh\n');
  expect(await findProgram('tool', folder)).toBeNull();
  await writeFile(join(folder, 'other'), '#!/bin/sh\n', { mode: 0o755 });
  expect(await findProgram('other', `/nowhere::${folder}`)).toBe(join(folder, 'other'));
});
