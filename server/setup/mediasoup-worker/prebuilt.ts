/** mediasoup's own prebuilt worker, fetched by mediasoup's own script. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../command.ts';
import { starts } from './smoke-test.ts';

export interface PrebuiltOptions {
  /** The installed mediasoup package. */
  packageFolder: string;
  /** Where the binary goes. */
  target: string;
  /** Until the download server has answered. */
  answerMs?: number;
  /** For the whole download. */
  downloadMs?: number;
}

/**
 * Runs mediasoup's install script for its download alone. The script works below the current folder, so that it gets an empty one;
 * its fallback, building with downloaded sources, is cut off by giving it no Python. Behind a firewall that
 * drops packets the script would wait for minutes: it has to show an answer soon.
 * @returns whether `target` is there and starts on this machine.
 */
export async function fetchPrebuilt(options: PrebuiltOptions): Promise<boolean> {
  if (process.env.MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD) return false;
  const { packageFolder, target, answerMs = 8000, downloadMs = 90_000 } = options;
  const work = await mkdtemp(join(tmpdir(), 'gioconda-prebuilt-'));
  try {
    const release = join(work, 'worker/out/Release');
    const abort = new AbortController();
    // The script makes this folder when the answer has come.
    const watchdog = setTimeout(() => {
      if (!existsSync(release)) abort.abort();
    }, answerMs);
    const { MEDIASOUP_WORKER_BIN: _given, MEDIASOUP_LOCAL_DEV: _dev, ...env } = process.env;
    const { code } = await runCommand(process.execPath, [join(packageFolder, 'npm-scripts.mjs'), 'postinstall'], {
      cwd: work,
      env: { ...env, PYTHON: join(work, 'no-python') },
      timeoutMs: downloadMs,
      signal: abort.signal,
    });
    clearTimeout(watchdog);
    const binary = join(release, process.platform === 'win32' ? 'mediasoup-worker.exe' : 'mediasoup-worker');
    if (code !== 0 || !existsSync(binary) || !(await starts(binary))) return false;
    await mkdir(join(target, '..'), { recursive: true });
    await copyFile(binary, target);
    return true;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
