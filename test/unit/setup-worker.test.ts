import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { buildJobs, buildPackages, ninjaProgress } from '../../server/setup/mediasoup-worker/build.ts';
import { cacheKey, recipeHash } from '../../server/setup/mediasoup-worker/cache-key.ts';
import { applyEdits, sourceEdits } from '../../server/setup/mediasoup-worker/source-edits.ts';
import { workerBinary, workerPart } from '../../server/setup/mediasoup-worker/worker-part.ts';
import { packageFolder } from '../../server/base/paths.ts';
import { SetupError } from '../../server/setup/SetupError.ts';
import { installCommand, installPackages, parseOsRelease } from '../../server/setup/system-packages.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gioconda-worker-test-'));
  vi.stubEnv('MEDIASOUP_WORKER_BIN', undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function program(name: string, body: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

describe('the cache key', () => {
  const traits = { version: '3.27.1', system: { id: 'debian', version: '12' }, arch: 'x64', recipe: 'abc' };

  test('differs by version, distribution, architecture and recipe', () => {
    const keys = [
      traits,
      { ...traits, version: '3.28.0' },
      { ...traits, system: { id: 'ubuntu', version: '24.04' } },
      { ...traits, arch: 'arm64' },
      { ...traits, recipe: 'abd' },
    ].map(cacheKey);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys[0]).toBe('3.27.1-debian12-x64-abc');
  });

  test('is one safe folder name whatever the distribution calls itself', () => {
    expect(cacheKey({ ...traits, system: { id: '../weird os', version: '/1' } })).not.toMatch(/[/ ]/);
  });

  test("the recipe changes with a file's content, with its name and with the edits", async () => {
    await mkdir(join(folder, 'sub'));
    await writeFile(join(folder, 'sub/meson.build'), 'one');
    const first = await recipeHash(folder, 'edits');
    expect(await recipeHash(folder, 'edits')).toBe(first);
    expect(await recipeHash(folder, 'other edits')).not.toBe(first);
    await writeFile(join(folder, 'sub/meson.build'), 'two');
    const second = await recipeHash(folder, 'edits');
    await rm(join(folder, 'sub/meson.build'));
    await writeFile(join(folder, 'sub/meson.txt'), 'two');
    expect(new Set([first, second, await recipeHash(folder, 'edits')]).size).toBe(3);
  });
});

describe('the source edits', () => {
  test('each fits the sources of the installed mediasoup exactly once, and applying them twice is harmless', async () => {
    const worker = join(packageFolder('mediasoup') as string, 'worker');
    for (const { file, from } of sourceEdits) {
      const text = await readFile(join(worker, file), 'utf8');
      expect(text.split(from).length, file).toBe(2);
      await mkdir(join(folder, file, '..'), { recursive: true });
      await writeFile(join(folder, file), text);
    }
    await applyEdits(folder);
    await applyEdits(folder);
    for (const { file, from, to } of sourceEdits) {
      const text = await readFile(join(folder, file), 'utf8');
      expect(text).toContain(to);
      expect(text).not.toContain(from);
    }
  });

  test('sources that have changed are refused', async () => {
    await writeFile(join(folder, 'a.cpp'), 'something else');
    await expect(applyEdits(folder, [{ file: 'a.cpp', from: 'old', to: 'new' }])).rejects.toThrow(/has changed/);
  });
});

describe('the build', () => {
  test('reads how far ninja is, and nothing else', () => {
    expect(ninjaProgress('[12/200] Compiling C++ object libwebrtc.a.p/foo_bar.cc.o')).toEqual({ fraction: 0.06, text: 'foo_bar' });
    expect(ninjaProgress('[200/200] Linking target mediasoup-worker')).toEqual({ fraction: 1, text: 'linking' });
    for (const line of ['ninja: Entering directory', '', '[0/0] nothing', 'warning: [1/2]']) expect(ninjaProgress(line)).toBeNull();
  });

  test('takes no more compilers than fit into memory, but at least one', () => {
    expect(buildJobs(8, 16 * 2 ** 30)).toBe(8);
    expect(buildJobs(8, 3.5 * 2 ** 30)).toBe(3);
    expect(buildJobs(2, 100_000_000)).toBe(1);
  });
});

describe('the worker part', () => {
  test('a path that was given is used if it starts, and refused with a remedy if not', async () => {
    vi.stubEnv('MEDIASOUP_WORKER_BIN', await program('good', 'exit 41'));
    expect(await workerBinary(folder)).toBe(join(folder, 'good'));
    vi.stubEnv('MEDIASOUP_WORKER_BIN', await program('bad', 'exit 127'));
    await expect(workerBinary(folder)).rejects.toThrow(SetupError);
    expect(await workerPart.check(folder)).toMatchObject({ ok: false, fix: 'unset MEDIASOUP_WORKER_BIN' });
    const context = { cacheDir: folder, network: false, progress: { step: () => {}, advance: () => {} } };
    await expect(workerPart.ensure(context)).rejects.toThrow(/does not start/);
  });

  test('with nothing there it says how to get one', async () => {
    expect(await workerPart.ready(folder)).toBe(false);
    expect(await workerPart.check(folder)).toMatchObject({ ok: false, fix: 'npx gioconda setup mediasoup-worker' });
    await expect(workerBinary(folder)).rejects.toMatchObject({ fix: 'npx gioconda setup mediasoup-worker' });
  });
});

describe('system packages', () => {
  test('os-release is read with and without quotes, and the family includes what it is like', () => {
    expect(parseOsRelease('ID=ubuntu\nVERSION_ID="24.04"\nID_LIKE=debian\n')).toEqual({
      id: 'ubuntu',
      version: '24.04',
      family: ['ubuntu', 'debian'],
    });
    expect(parseOsRelease("NAME='x'\nID=debian\nVERSION_ID=12").version).toBe('12');
    expect(parseOsRelease('').id).toBe(process.platform);
  });

  test('where nothing may be installed, the error carries the whole command to type', async () => {
    vi.stubEnv('GIOCONDA_NO_SYSTEM_INSTALL', '1');
    const failure = installPackages(buildPackages, { step: () => {}, advance: () => {} });
    await expect(failure).rejects.toMatchObject({ fix: installCommand(buildPackages) });
    expect(installCommand(buildPackages)).toMatch(/apt-get install .*libsrtp2-dev/);
  });

  test('package lists are refreshed once when the first attempt fails, as in a fresh image', async () => {
    // The given order of PATH: our stand-ins first.
    await program(
      'apt-get',
      'echo "$@" >> "$0.log"; case "$*" in *update*) touch "$0.fresh";; *) test -e "$0.fresh" && echo "Setting up tool (1.0)";; esac',
    );
    await program('sudo', 'shift; exec "$@"');
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
    const told: string[] = [];
    await installPackages(['tool'], { step: () => {}, advance: (_, text = '') => told.push(text) });
    const calls = (await readFile(join(folder, 'apt-get.log'), 'utf8')).trim().split('\n');
    expect(calls.map((call) => /update|install/.exec(call)?.[0])).toEqual(['install', 'update', 'install']);
    expect(told).toContain('tool');
    expect((await stat(join(folder, 'apt-get.fresh'))).isFile()).toBe(true);
  });
});
