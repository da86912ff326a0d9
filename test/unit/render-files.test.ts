import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileError } from '../../server/render/files/FileError.ts';
import { orient, orientationOf, swapsSides, upright } from '../../server/render/files/orientation.ts';
import { PendingFile, unwritable } from '../../server/render/files/PendingFile.ts';
import { rescale, VideoReader, type ClipFrame } from '../../server/render/files/VideoReader.ts';
import { VideoWriter, type VideoWriterOptions } from '../../server/render/files/VideoWriter.ts';
import { makeAvi } from '../support/avi.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gioconda-media-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** FFmpeg's display matrix of a turn. */
function matrix(a: number, b: number, c: number, d: number): Uint8Array {
  const out = Buffer.alloc(36);
  [a, b, 0, c, d, 0, 0, 0, 1].forEach((value, i) => out.writeInt32LE(value * (i % 3 === 2 ? 1 << 30 : 1 << 16), i * 4));
  return out;
}
const turns = [
  matrix(1, 0, 0, 1),
  matrix(0, 1, -1, 0),
  matrix(-1, 0, 0, -1),
  matrix(0, -1, 1, 0),
  matrix(-1, 0, 0, 1),
  matrix(1, 0, 0, -1),
];

/** Every pixel says where it was. */
const numbered = (width: number, height: number) => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) =>
    i % 3 === 0 ? Math.floor(i / 3) % width : i % 3 === 1 ? Math.floor(i / 3 / width) : 7,
  ),
});

describe('orientation of phone videos', () => {
  it('puts the bottom left corner on top left for a quarter turn clockwise', () => {
    const shown = orient(numbered(4, 3), orientationOf(turns[1]));
    expect([shown.width, shown.height]).toEqual([3, 4]);
    expect([...shown.data.subarray(0, 3)]).toEqual([0, 2, 7]);
    expect([...shown.data.subarray(6, 9)]).toEqual([0, 0, 7]);
  });

  it('keeps every pixel, whatever the turn', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.constantFrom(...turns), (width, height, turn) => {
        const orientation = orientationOf(turn);
        const shown = orient(numbered(width, height), orientation);
        expect(shown.width).toBe(swapsSides(orientation) ? height : width);
        const seen = new Set(Array.from({ length: width * height }, (_, i) => `${shown.data[i * 3]} ${shown.data[i * 3 + 1]}`));
        expect(seen.size).toBe(width * height);
        const { a, b, c, d } = orientation;
        const back = orient(shown, { a, b: c, c: b, d });
        expect(Buffer.from(back.data).equals(Buffer.from(numbered(width, height).data))).toBe(true);
      }),
    );
  });

  it('takes what makes no sense as upright', () => {
    for (const nonsense of [null, undefined, new Uint8Array(4), new Uint8Array(36)]) expect(orientationOf(nonsense)).toEqual(upright);
  });
});

describe('time bases', () => {
  it('come back after a finer one, and round to the nearest tick', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), fc.constantFrom(25, 1000, 12_800, 30_000, 90_000), (ticks, den) => {
        const coarse = { num: 1, den };
        const fine = { num: 1, den: den * 1000 };
        expect(rescale(rescale(ticks, coarse, fine), fine, coarse)).toBe(ticks);
      }),
    );
    expect(rescale(1n, { num: 1, den: 30 }, { num: 1, den: 1000 })).toBe(33n);
    expect(rescale(-2n, { num: 1, den: 3 }, { num: 1, den: 1 })).toBe(-1n);
  });
});

describe('PendingFile', () => {
  it('leaves the target as it was until it is committed', async () => {
    const target = join(folder, 'out.bin');
    await writeFile(target, 'old');
    const pending = await PendingFile.create(target);
    await writeFile(pending.path, 'new');
    expect(await readFile(target, 'utf8')).toBe('old');
    await pending.commit();
    await pending.discard();
    expect(await readFile(target, 'utf8')).toBe('new');
    expect(readdirSync(folder)).toEqual(['out.bin']);
  });

  it('leaves nothing when it is discarded, twice too', async () => {
    const pending = await PendingFile.create(join(folder, 'out.bin'));
    await writeFile(pending.path, 'half');
    await pending.discard();
    await pending.discard();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('writes through a link, and refuses folders and devices', async () => {
    await writeFile(join(folder, 'real.bin'), 'old');
    await symlink(join(folder, 'real.bin'), join(folder, 'link.bin'));
    const pending = await PendingFile.create(join(folder, 'link.bin'));
    await writeFile(pending.path, 'new');
    await pending.commit();
    expect(await readFile(join(folder, 'real.bin'), 'utf8')).toBe('new');
    await expect(PendingFile.create(folder)).rejects.toMatchObject({ reason: 'not-writable' });
    await expect(PendingFile.create('/dev/null')).rejects.toMatchObject({ reason: 'not-writable' });
    await expect(PendingFile.create(join(folder, 'missing', 'out.bin'))).rejects.toThrow(/There is no folder/);
    expect(existsSync('/dev/null')).toBe(true);
  });

  it('says what the system means', () => {
    expect(unwritable('x', { code: 'ENOSPC' })).toMatchObject({ reason: 'disk-full' });
    expect(unwritable('x', { code: 'EROFS' })).toMatchObject({ reason: 'not-writable' });
    expect(unwritable('x', new Error('odd')).message).toMatch(/odd/);
  });
});

/** Colours of bands that move: the picture and its number can be read back. */
const colour = (x: number, y: number, frame: number): [number, number, number] => [y < 24 ? 200 : 40, x < 32 ? 180 : 60, 20 * (frame % 10)];
const clip = { width: 64, height: 48, framesPerSecond: 20, frames: 30, toneHz: 440, colour };

async function framesOf(path: string): Promise<{ frames: ClipFrame[]; soundBytes: number[]; soundEndMs: number; reader: VideoReader }> {
  const reader = await VideoReader.open(path);
  const [frames, soundBytes]: [ClipFrame[], number[]] = [[], []];
  let soundEndMs = 0;
  for await (const item of reader.items()) {
    if (item.kind === 'frame') frames.push(item);
    else {
      soundBytes.push(item.packet.size);
      soundEndMs = (Number(item.packet.pts + item.packet.duration) * 1000 * reader.sound!.timeBase.num) / reader.sound!.timeBase.den;
    }
  }
  return { frames, soundBytes, soundEndMs, reader };
}

const grey = (side: number, luma: number): Uint8Array => new Uint8Array((side * side * 3) / 2).fill(128).fill(luma, 0, side * side);

describe('VideoReader', () => {
  it('gives pictures, times and sound as the file has them', async () => {
    const path = join(folder, 'clip.avi');
    await writeFile(path, makeAvi(clip));
    const { frames, soundEndMs, reader } = await framesOf(path);
    expect(reader.info).toMatchObject({ width: 64, height: 48, framesPerSecond: { num: 20, den: 1 } });
    expect(frames.map(({ timeMs }) => Math.round(timeMs))).toEqual(Array.from({ length: 30 }, (_, i) => i * 50));
    expect(soundEndMs).toBeCloseTo(1500, -1);
    expect([...frames[3]!.image.data.subarray(0, 3)]).toEqual([200, 180, 60]);
    expect([...frames[3]!.image.data.subarray(-3)]).toEqual([40, 60, 60]);
    await reader.close();
    await reader.close();
  });

  it.each([
    ['nothing', null, 'missing'],
    ['no bytes', '', 'empty'],
    ['text', 'hello\n'.repeat(100), 'unreadable'],
    [
      'a picture',
      Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64'),
      'no-video',
    ],
  ])('refuses %s', async (_name, content, reason) => {
    const path = join(folder, 'clip.mp4');
    if (content !== null) await writeFile(path, content);
    await expect(VideoReader.open(path)).rejects.toMatchObject({ name: 'FileError', reason });
  });

  it('refuses a folder', async () => {
    await mkdir(join(folder, 'clip.mp4'));
    await expect(VideoReader.open(join(folder, 'clip.mp4'))).rejects.toBeInstanceOf(FileError);
  });
});

describe('VideoWriter', () => {
  const optionsFor = (reader: VideoReader, path: string): VideoWriterOptions => ({
    path,
    pictureSide: 64,
    side: 64,
    ...reader.info,
    sound: reader.sound,
  });

  it('keeps every frame, its time, and the sound, transcoded where MP4 cannot carry it', async () => {
    const [source, path] = [join(folder, 'clip.avi'), join(folder, 'out.mp4')];
    await writeFile(source, makeAvi(clip));
    const reader = await VideoReader.open(source);
    const writer = await VideoWriter.create(optionsFor(reader, path));
    for await (const item of reader.items()) {
      if (item.kind === 'sound') writer.writeSound(item.packet);
      else writer.write(grey(64, 40 + item.index * 6), item.ticks, item.durationTicks);
    }
    await writer.finish();
    await writer.discard();
    await reader.close();
    const result = await framesOf(path);
    expect(result.frames.map(({ timeMs }) => Math.round(timeMs))).toEqual(Array.from({ length: 30 }, (_, i) => i * 50));
    expect(result.reader.info).toMatchObject({ width: 64, height: 64, framesPerSecond: { num: 20, den: 1 } });
    // 40 + 6 i in limited range, as full-range grey.
    for (const { index, image } of result.frames) expect(Math.abs(image.data[0]! - ((40 + index * 6 - 16) * 255) / 219)).toBeLessThan(4);
    expect(Math.abs(result.soundEndMs - 1500)).toBeLessThan(30);
    expect(result.soundBytes.reduce((sum, bytes) => sum + bytes, 0) / result.soundBytes.length).toBeGreaterThan(50); // silence takes six
    await result.reader.close();
    expect(readdirSync(folder).sort()).toEqual(['clip.avi', 'out.mp4']);
  });

  it('scales to another size', async () => {
    const path = join(folder, 'out.mp4');
    const writer = await VideoWriter.create({
      path,
      pictureSide: 64,
      side: 96,
      timeBase: { num: 1, den: 30 },
      framesPerSecond: { num: 30, den: 1 },
      sound: null,
    });
    for (let i = 0n; i < 5n; i += 1n) writer.write(grey(64, 120), i, 1n);
    await writer.finish();
    const { frames, reader } = await framesOf(path);
    expect([reader.info.width, reader.info.height, frames.length, reader.sound]).toEqual([96, 96, 5, null]);
    await reader.close();
  });

  it('leaves nothing when it is discarded in the middle', async () => {
    const writer = await VideoWriter.create({
      path: join(folder, 'out.mp4'),
      pictureSide: 64,
      side: 64,
      timeBase: { num: 1, den: 30 },
      framesPerSecond: null,
      sound: null,
    });
    for (let i = 0n; i < 5n; i += 1n) writer.write(grey(64, 120), i, 1n);
    expect(readdirSync(folder)).toHaveLength(1);
    await writer.discard();
    await writer.discard();
    expect(readdirSync(folder)).toEqual([]);
  });
});
