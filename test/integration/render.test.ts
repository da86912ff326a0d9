import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cropSquare, wholeSquare } from '../../server/portraits/crop.ts';
import { VideoReader } from '../../server/render/files/VideoReader.ts';
import { stages, type FrameRecord, type RenderSummary, type ReportHeader } from '../../server/render/report-types.ts';
import { cacheFolder } from '../../server/base/paths.ts';
import { landmarkFolder } from '../../server/landmarker/landmark-models.ts';
import { Landmarker } from '../../server/landmarker/Landmarker.ts';
import type { RgbImage } from '../../server/landmarker/types.ts';
import { makeAvi } from '../support/avi.ts';
import { gioconda, start, type Finished } from '../support/command-line.ts';
import { correlation } from '../support/correlation.ts';
import { measureFaces } from '../support/face-measures.ts';
import { badPortraits, driver, portraitOf } from '../support/fixtures.ts';

type Report = ReportHeader & { frames: FrameRecord[]; summary: RenderSummary };

let root: string;
let landmarker: Landmarker;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'gioconda-render-'));
  landmarker = await Landmarker.create({ cacheDir: landmarkFolder(cacheFolder()) });
});
afterAll(async () => {
  await landmarker?.close();
  await rm(root, { recursive: true, force: true });
});

const anna = portraitOf('anna', 'neutral');

interface Content {
  timesMs: number[];
  pictures: RgbImage[];
  sound: { hash: string; firstMs: number } | null;
  rate: { num: number; den: number } | null;
}

async function contentOf(path: string): Promise<Content> {
  const reader = await VideoReader.open(path);
  const content: Content = { timesMs: [], pictures: [], sound: null, rate: reader.info.framesPerSecond };
  const hash = createHash('sha256');
  let firstMs: number | null = null;
  for await (const item of reader.items()) {
    if (item.kind === 'frame') {
      content.timesMs.push(item.timeMs);
      content.pictures.push(item.image);
    } else {
      firstMs ??= (Number(item.packet.pts) * 1000 * reader.sound!.timeBase.num) / reader.sound!.timeBase.den;
      hash.update(item.packet.data!);
    }
  }
  if (firstMs !== null) content.sound = { hash: hash.digest('hex'), firstMs };
  await reader.close();
  return content;
}

describe('gioconda render', () => {
  let report: Report;
  let out: string;
  let finished: Finished;

  beforeAll(async () => {
    out = join(root, 'anna.mp4');
    const json = join(root, 'anna.json');
    finished = await gioconda([
      'render',
      '--portrait',
      anna,
      '--portrait',
      portraitOf('anna', 'smile'),
      '--drive',
      driver.mp4,
      '--out',
      out,
      '--json',
      json,
    ]);
    report = JSON.parse(await readFile(json, 'utf8')) as Report;
  });

  it('shows how far it is, and ends with one line', () => {
    expect(finished.stderr).not.toMatch(/Error|at .*\.ts:/);
    expect(finished.stderr).toMatch(/\d+ %/);
    expect(finished.stdout.trim().split('\n')).toEqual([expect.stringContaining(`${driver.frameCount} frames`)]);
    expect(finished.code).toBe(0);
  });

  it('makes one frame for each of the input, at its times, with its sound untouched', async () => {
    const [before, after] = [await contentOf(driver.mp4), await contentOf(out)];
    expect(after.timesMs).toHaveLength(driver.frameCount);
    after.timesMs.forEach((timeMs, i) => expect(Math.abs(timeMs - before.timesMs[i]!)).toBeLessThan(0.1));
    expect(after.rate!.num / after.rate!.den).toBeCloseTo(driver.frameRate, 3);
    expect(after.pictures[0]).toMatchObject({ width: 512, height: 512 });
    expect(after.sound?.hash).toBe(before.sound!.hash);
    expect(Math.abs(after.sound!.firstMs - before.sound!.firstMs)).toBeLessThan(1);
  });

  it('reports every frame', () => {
    expect(report).toMatchObject({
      format: 1,
      model: { name: 'warp', size: 512 },
      motion: 'relative',
      crop: true,
      drive: { width: driver.width, height: driver.height, sound: true },
      out: { size: 512 },
    });
    expect(report.portraits).toHaveLength(2);
    expect(report.frames).toHaveLength(driver.frameCount);
    report.frames.forEach((frame, i) => {
      expect(frame).toMatchObject({ index: i, face: true });
      expect(frame.timeMs).toBeCloseTo((i * 1000) / driver.frameRate, 0);
      expect(frame.crop).toEqual(report.frames[0]!.crop);
      for (const stage of stages) expect(frame.ms[stage]).toBeGreaterThanOrEqual(0);
    });
    expect(report.frames[0]!.state).toBe('calibrating');
    expect(report.frames.at(-1)!.state).toBe('tracking');
    expect(report.summary).toMatchObject({ frames: driver.frameCount, faces: driver.frameCount });
  });

  it('shows a face in which mouth and head follow the driver', async () => {
    const [driving, shown] = [await measureFaces(driver.mp4, landmarker), await measureFaces(out, landmarker)];
    expect(shown.found).toBe(driver.frameCount);
    expect(correlation(driving.mouth, shown.mouth)).toBeGreaterThan(0.8);
    expect(correlation(driving.yaw, shown.yaw)).toBeGreaterThan(0.8);
    expect(correlation(driving.pitch, shown.pitch)).toBeGreaterThan(0.8);
  });
});

interface Area {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

async function faceArea(image: RgbImage): Promise<Area> {
  const [face] = await landmarker.detect(image);
  const along = (axis: number): number[] => Array.from({ length: 478 }, (_, i) => Math.round(face!.points[i * 3 + axis]! * image.width));
  return { left: Math.min(...along(0)), right: Math.max(...along(0)), top: Math.min(...along(1)), bottom: Math.max(...along(1)) };
}

/** PSNR in dB within an area. */
function psnr(a: RgbImage, b: RgbImage, { left, top, right, bottom }: Area): number {
  let [sum, count] = [0, 0];
  for (let y = top; y < bottom; y += 1)
    for (let i = (y * a.width + left) * 3; i < (y * a.width + right) * 3; i += 1, count += 1) sum += (a.data[i]! - b.data[i]!) ** 2;
  return 10 * Math.log10((255 ** 2 * count) / Math.max(sum, 1));
}
const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

it("reenacts the driver's own face with absolute motion and no crop, much nearer to the clip than its first picture is", async () => {
  const { pictures } = await contentOf(driver.mp4);
  const square = (picture: RgbImage, side: number): Promise<RgbImage> => cropSquare(picture, wholeSquare(picture), side);
  const [portrait, out] = [join(root, 'first.png'), join(root, 'self.mp4')];
  const first = await square(pictures[0]!, driver.height);
  await sharp(first.data, { raw: { width: driver.height, height: driver.height, channels: 3 } })
    .png()
    .toFile(portrait);
  expect(
    await gioconda(['render', '--no-crop', '--motion', 'absolute', '--portrait', portrait, '--drive', driver.mp4, '--out', out]),
  ).toMatchObject({ code: 0 });
  const made = (await contentOf(out)).pictures;
  expect(made).toHaveLength(driver.frameCount);
  const still = await square(pictures[0]!, 512);
  const [ours, copied]: [number[], number[]] = [[], []];
  for (let i = 9; i < driver.frameCount; i += 10) {
    const truth = await square(pictures[i]!, 512);
    const area = await faceArea(truth);
    ours.push(psnr(made[i]!, truth, area));
    copied.push(psnr(still, truth, area));
  }
  expect(mean(ours)).toBeGreaterThan(mean(copied) + 2);
});

describe('gioconda render refuses in one line, with an exit code, and leaves nothing', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(root, 'case-'));
  });

  async function refusal(changes: { portrait?: string; drive?: string; out?: string; more?: string[] }): Promise<string> {
    const { portrait = anna, drive = driver.mp4, out = join(folder, 'out.mp4'), more = [] } = changes;
    const before = readdirSync(folder);
    const { code, stderr, stdout } = await gioconda([
      'render',
      '--portrait',
      portrait,
      '--drive',
      drive,
      '--out',
      out,
      '--json',
      join(folder, 'out.json'),
      ...more,
    ]);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(readdirSync(folder)).toEqual(before);
    const lines = stderr.split('\n').filter((line) => line.startsWith('gioconda: '));
    expect(lines).toHaveLength(1);
    expect(stderr.trimEnd().endsWith(lines[0]!)).toBe(true); // nothing after it: no stack
    return lines[0]!;
  }

  it('a clip without a face', async () => {
    const drive = join(root, 'faceless.avi');
    await writeFile(
      drive,
      makeAvi({ width: 160, height: 120, framesPerSecond: 10, frames: 12, toneHz: 300, colour: (x, y, frame) => [x + frame, y * 2, 90] }),
    );
    expect(await refusal({ drive })).toMatch(/No face was found in any of the 12 pictures of faceless\.avi\. Use /);
  });

  it('clips that are none', async () => {
    await mkdir(join(root, 'clips'), { recursive: true });
    const file = async (name: string, content: string | Buffer): Promise<string> => {
      await writeFile(join(root, 'clips', name), content);
      return join(root, 'clips', name);
    };
    expect(await refusal({ drive: join(root, 'missing.mp4') })).toMatch(/no file .*missing\.mp4/);
    expect(await refusal({ drive: await file('empty.mp4', '') })).toMatch(/empty\.mp4 is empty/);
    expect(await refusal({ drive: await file('text.mp4', 'no video\n'.repeat(1000)) })).toMatch(/damaged or not a video/);
    expect(await refusal({ drive: await file('headless.mp4', (await readFile(driver.mp4)).subarray(5000)) })).toMatch(/headless\.mp4/);
    expect(await refusal({ drive: anna })).toMatch(/no moving picture/);
  });

  it('portraits that will not do, by their names', async () => {
    expect(await refusal({ more: ['--portrait', badPortraits.noFace] })).toMatch(/bad-no-face\.jpg: No face/);
    expect(await refusal({ portrait: badPortraits.twoFaces })).toMatch(/bad-two-faces\.jpg: 2 faces/);
    expect(await refusal({ portrait: join(root, 'missing.jpg') })).toMatch(/no file .*missing\.jpg/);
    expect(await refusal({ more: Array<string[]>(8).fill(['--portrait', anna]).flat() })).toMatch(/one to eight/);
  });

  it('places that cannot be written', async () => {
    expect(await refusal({ out: join(folder, 'nowhere', 'out.mp4') })).toMatch(/There is no folder/);
    await symlink('/dev/full', join(root, 'full.mp4'));
    expect(await refusal({ out: join(root, 'full.mp4') })).toMatch(/not a file/);
    expect(await refusal({ out: '/dev/full' })).toMatch(/no ending that tells the kind of video.*\.mp4, \.mov/);
    expect(await refusal({ out: '-' })).toMatch(/cannot be written to standard output/);
    expect(await refusal({ out: driver.mp4 })).toMatch(/is an input/);
    expect(await refusal({ more: ['--json', join(folder, 'out.mp4')] })).toMatch(/same file/);
    expect(await refusal({ out: join(folder, 'out.gif') })).toMatch(/\.gif is not a kind of video/);
    expect(await refusal({ more: ['--model', 'nobody'] })).toMatch(/there are: .*warp/);
  });

  it('a full disk, with an older output kept', async ({ skip }) => {
    await mkdir(join(folder, 'tiny'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=100k', 'tmpfs', join(folder, 'tiny')], { stdio: 'ignore' });
    } catch {
      skip('needs a small file system, which only root may mount');
    }
    try {
      await writeFile(join(folder, 'tiny', 'out.mp4'), 'old');
      expect(await refusal({ out: join(folder, 'tiny', 'out.mp4') })).toMatch(/The disk is full/);
      expect(readdirSync(join(folder, 'tiny'))).toEqual(['out.mp4']);
      expect(await readFile(join(folder, 'tiny', 'out.mp4'), 'utf8')).toBe('old');
    } finally {
      execFileSync('umount', [join(folder, 'tiny')]);
    }
  });

  it('Ctrl-C in the middle', async () => {
    const running = start([
      'render',
      '--portrait',
      anna,
      '--drive',
      driver.mp4,
      '--out',
      join(folder, 'out.mp4'),
      '--json',
      join(folder, 'out.json'),
    ]);
    await running.shows(' 10 %');
    expect(readdirSync(folder)).not.toEqual([]);
    running.child.kill('SIGINT');
    const { code, stderr } = await running.finished;
    expect({ code, left: readdirSync(folder) }).toEqual({ code: 130, left: [] });
    expect(stderr).toMatch(/interrupted; out\.mp4 was not written/);
  });
});
