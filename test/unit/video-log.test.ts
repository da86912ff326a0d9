import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { driver } from '../support/fixtures.ts';

const run = promisify(execFile);
const at = (path: string): string => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);

it.each([
  ['alone', ['server/render/files/VideoReader.ts']],
  ['in a process that also encodes for calls', ['server/render/files/VideoReader.ts', 'server/video/VideoEncoder.ts']],
])('FFmpeg prints nothing of its own about a damaged file, %s', async (_, modules) => {
  const folder = await mkdtemp(join(tmpdir(), 'gioconda-log-'));
  try {
    // Well begun, but without the index at its end: FFmpeg has a lot to say.
    const file = join(folder, 'damaged.mp4');
    const whole = await readFile(driver.mp4);
    await writeFile(file, Buffer.concat([whole.subarray(0, 32), whole.subarray(20_000, 60_000)]));
    const script = `
      ${modules.map((module) => `await import(${at(module)});`).join('\n')}
      const { VideoReader } = await import(${at('server/render/files/VideoReader.ts')});
      const outcome = await VideoReader.open(${JSON.stringify(file)}).then(() => 'opened', (error) => error.reason);
      console.log(outcome);`;
    const { stdout, stderr } = await run(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      '--input-type=module',
      '--eval',
      script,
    ]);
    expect([stdout.trim(), stderr]).toEqual(['unreadable', '']);
  } finally {
    await rm(folder, { recursive: true });
  }
});
