import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { repositoryRoot } from '../../server/bin/launcher.mjs';
import { ensureSetup, parts } from '../../server/setup/index.ts';
import { filesIn, wrongModelFiles } from '../../server/setup/model-files.ts';
import { readMeasurements, recordMeasurement } from '../../server/setup/measurements.ts';
import type { Check, Need, Part } from '../../server/setup/part.ts';
import { cacheFolder } from '../../server/base/paths.ts';
import { diagnose, formatReport, type DoctorReport } from '../../server/setup/report.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gioconda-doctor-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const part = (name: string, need: Need, check: () => Promise<Check>): Part => ({
  name,
  need,
  check,
  version: () => Promise.resolve('1.0'),
  ready: () => Promise.resolve(true),
  ensure: () => Promise.resolve(),
});
const good = part('good', 'start', () => Promise.resolve({ ok: true, detail: 'here' }));
const warned = part('warned', 'optional', () => Promise.resolve({ ok: false, level: 'warn', detail: 'less', fix: 'fetch it' }));
const missing = (need: Need): Part => part('absent', need, () => Promise.resolve({ ok: false, detail: 'not there', fix: 'build it' }));

describe('diagnosis', () => {
  test('the server can start with warnings and without what only tests need, not without what it needs', async () => {
    expect((await diagnose([good, warned, missing('tests')], folder)).ok).toBe(true);
    expect((await diagnose([good, missing('start')], folder)).ok).toBe(false);
  });

  test('a check that throws is a finding, not the end of the doctor', async () => {
    const report = await diagnose([good, part('broken', 'start', () => Promise.reject(new Error('EIO')))], folder);
    expect(report.ok).toBe(false);
    expect(report.parts[1]).toMatchObject({ level: 'missing', detail: expect.stringContaining('EIO') as string });
  });

  test('the table names each part with its level, version and the command that fixes it', async () => {
    const text = formatReport(
      await diagnose([good, warned, missing('start')], folder, [{ label: 'warp 256', text: '9 ms a frame', at: '2026-01-02T03:04:05Z' }]),
    );
    expect(text).toMatch(/ok +good +1\.0 +here/);
    expect(text).toMatch(/warn +warned .*\n.*fetch it/);
    expect(text).toMatch(/missing +absent .*\n.*build it/);
    expect(text).toContain('warp 256: 9 ms a frame');
    expect(text).toContain('cannot start');
    expect(formatReport(await diagnose([good], folder))).toContain('Everything works.');
  });
});

test('measurements are kept by label, the newest wins, and a damaged file counts as none', async () => {
  expect(await readMeasurements(folder)).toEqual([]);
  await recordMeasurement(folder, { label: 'warp 256', text: '9 ms' });
  await recordMeasurement(folder, { label: 'warp 512', text: '30 ms' });
  await recordMeasurement(folder, { label: 'warp 256', text: '8 ms' });
  expect((await readMeasurements(folder)).map(({ label, text }) => [label, text])).toEqual([
    ['warp 512', '30 ms'],
    ['warp 256', '8 ms'],
  ]);
  await writeFile(join(folder, 'measurements.json'), '[{"label": 1}, null');
  expect(await readMeasurements(folder)).toEqual([]);
});

describe('gioconda doctor', () => {
  const doctor = (...args: string[]) =>
    spawnSync(process.execPath, [join(repositoryRoot, 'server/bin/gioconda.mjs'), 'doctor', ...args], {
      encoding: 'utf8',
      env: { ...process.env, GIOCONDA_CACHE_DIR: folder, MEDIASOUP_WORKER_BIN: '/nowhere/mediasoup-worker' },
    });

  test('--json gives every part, and the exit code says whether the server can start', () => {
    const { stdout, status } = doctor('--json');
    const report = JSON.parse(stdout) as DoctorReport;
    expect(report.parts.map(({ name }) => name)).toEqual(parts.map(({ name }) => name));
    const worker = report.parts.find(({ name }) => name === 'mediasoup-worker');
    expect(worker).toMatchObject({ need: 'start', level: 'missing', fix: 'unset MEDIASOUP_WORKER_BIN' });
    expect(report.ok).toBe(false);
    expect(status).toBe(1);
    expect(report.cacheDir).toBe(folder);
    expect(report.machine.cores).toBeGreaterThan(0);
    for (const { level, fix } of report.parts) if (level !== 'ok') expect(fix).toBeTruthy();
  });

  test('loads the native packages and tells what they can do', () => {
    const report = JSON.parse(doctor('--json').stdout) as DoctorReport;
    const detail = (name: string): string => report.parts.find((entry) => entry.name === name)?.detail ?? '';
    expect(detail('onnxruntime-node')).toContain('cpu');
    expect(detail('node-av')).toMatch(/libvpx.*libx264/);
    expect(detail('sharp')).toContain('avif');
  });
});

describe('the command line', () => {
  const gioconda = (...args: string[]) =>
    spawnSync(process.execPath, [join(repositoryRoot, 'server/bin/gioconda.mjs'), ...args], { encoding: 'utf8' });

  test.each(['start', 'setup', 'doctor', 'enrol', 'render', 'bench'])('%s --help teaches, with an example', (command) => {
    const { stdout, status } = gioconda(command, '--help');
    expect(status).toBe(0);
    expect(stdout).toContain(`Usage: gioconda ${command}`);
    expect(stdout).toMatch(command === 'doctor' ? /Ends with 0/ : /Examples:\n {2}gioconda|Examples:\n {2}GIOCONDA/);
  });

  test('what is wrong is said, with exit code 1', () => {
    expect(gioconda('strat')).toMatchObject({ status: 1, stderr: expect.stringContaining('Did you mean start?') as string });
    expect(gioconda('start', '--port', 'x')).toMatchObject({ status: 1, stderr: expect.stringContaining('whole number') as string });
    expect(gioconda('render', '--portrait', 'a.jpg')).toMatchObject({ status: 1, stderr: expect.stringContaining('--drive') as string });
    expect(gioconda('setup', 'wroker')).toMatchObject({ status: 1, stderr: expect.stringContaining('no such part: wroker') as string });
  });
});

describe('model files', () => {
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

  test('every file that the manifest names is compared by its hash', async () => {
    await writeFile(join(folder, 'frame.onnx'), 'graph');
    const manifest = join(folder, 'manifest.json');
    const write = (entries: unknown): Promise<void> => writeFile(manifest, JSON.stringify({ models: entries }));
    await write([{ frame: { file: 'frame.onnx', sha256: hash('graph') } }]);
    expect(await wrongModelFiles(manifest)).toEqual({ count: 1, problems: [] });
    await write([{ frame: { file: 'frame.onnx', sha256: hash('another') }, enrolment: { file: 'gone.onnx', sha256: hash('') } }]);
    const { problems } = await wrongModelFiles(manifest);
    expect(problems).toEqual([expect.stringContaining('not the file of the manifest'), expect.stringContaining('gone.onnx is missing')]);
  });

  test('a missing manifest and one without files are problems', async () => {
    expect((await wrongModelFiles(join(folder, 'none.json'))).problems).toHaveLength(1);
    await writeFile(join(folder, 'manifest.json'), '{}');
    expect((await wrongModelFiles(join(folder, 'manifest.json'))).problems).toHaveLength(1);
    expect(filesIn({ a: [{ file: 1, sha256: 'x' }, null] }, folder)).toEqual([]);
  });
});

describe('the set-up', () => {
  test('refuses a part that does not exist and lists those that do', async () => {
    await expect(ensureSetup({ only: ['nonsense'] })).rejects.toThrow(/There are: .*mediasoup-worker/);
  });

  test("keeps its cache where the user's belongs", () => {
    expect(cacheFolder({ GIOCONDA_CACHE_DIR: '/var/cache/g', XDG_CACHE_HOME: '/x' }, 'linux')).toBe('/var/cache/g');
    expect(cacheFolder({ XDG_CACHE_HOME: '/x', HOME: '/home/a' }, 'linux')).toBe('/x/gioconda');
    expect(cacheFolder({ XDG_CACHE_HOME: 'relative', HOME: '/home/a' }, 'linux')).toBe('/home/a/.cache/gioconda');
    expect(cacheFolder({ HOME: '/Users/a' }, 'darwin')).toBe('/Users/a/Library/Caches/gioconda');
  });
});
