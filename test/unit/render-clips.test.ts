/** Clips as cameras, archives and browsers make them, and files that only pretend to be one. */
import { readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AV_CODEC_ID_AAC,
  AV_CODEC_ID_EAC3,
  AV_CODEC_ID_OPUS,
  AV_PIX_FMT_GRAY8,
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_YUV411P,
  AV_PIX_FMT_YUV420P,
  AV_PIX_FMT_YUV420P10LE,
  AV_PIX_FMT_YUV422P,
  AV_PIX_FMT_YUV444P,
  AV_PIX_FMT_YUVA420P,
  AVCOL_PRI_BT2020,
  AVCOL_SPC_BT2020_NCL,
  AVCOL_TRC_ARIB_STD_B67,
} from 'node-av/constants';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { containerOf } from '../../server/render/files/containers.ts';
import { PendingFile } from '../../server/render/files/PendingFile.ts';
import { VideoReader, type ClipFrame } from '../../server/render/files/VideoReader.ts';
import { VideoWriter } from '../../server/render/files/VideoWriter.ts';
import { makeClip, movingBar, type ClipOptions } from '../support/clips.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gioconda-clips-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface ReadClip {
  frames: ClipFrame[];
  /** After each frame. */
  progress: number[];
  info: VideoReader['info'];
  soundCodec: number | null;
  soundBytes: number;
}

async function read(path: string): Promise<ReadClip> {
  const reader = await VideoReader.open(path);
  const [frames, progress]: [ClipFrame[], number[]] = [[], []];
  let soundBytes = 0;
  for await (const item of reader.items()) {
    if (item.kind === 'sound') soundBytes += item.packet.size;
    else {
      frames.push(item);
      progress.push(reader.progress);
    }
  }
  const { info, sound } = reader;
  await reader.close();
  return { frames, progress, info, soundCodec: sound?.codecId ?? null, soundBytes };
}

const luma = ({ image }: ClipFrame, x: number, y: number): number => image.data[(y * image.width + x) * 3 + 1]!;

/** How much neighbouring rows differ more than rows two apart: woven fields of something that moves give much, pictures nothing. */
function comb(frame: ClipFrame): number {
  let sum = 0;
  for (let y = 1; y < frame.image.height - 1; y += 1)
    for (let x = 0; x < frame.image.width; x += 1) sum += Math.abs(2 * luma(frame, x, y) - luma(frame, x, y - 1) - luma(frame, x, y + 1));
  return sum / (frame.image.width * frame.image.height);
}

describe('interlaced clips', () => {
  const kinds: [string, Omit<ClipOptions, 'path'> & { file: string }][] = [
    ['H.264, top field first', { file: 'a.mp4', interlaced: 'top', options: { crf: '12' } }],
    ['H.264, bottom field first', { file: 'a.mp4', interlaced: 'bottom', options: { crf: '12', 'x264-params': 'bff=1' } }],
    ['MPEG-2', { file: 'a.mpg', encoder: 'mpeg2video', interlaced: 'top' }],
    ['DV', { file: 'a.avi', encoder: 'dvvideo', interlaced: 'bottom', width: 720, height: 576 }],
    [
      'DV for America',
      { file: 'a.avi', encoder: 'dvvideo', interlaced: 'bottom', width: 720, height: 480, pixelFormat: AV_PIX_FMT_YUV411P },
    ],
    ['of 10 bits', { file: 'a.mkv', interlaced: 'top', pixelFormat: AV_PIX_FMT_YUV420P10LE, options: { crf: '12' } }],
    ['4:2:2', { file: 'a.mkv', encoder: 'ffv1', interlaced: 'top', pixelFormat: AV_PIX_FMT_YUV422P }],
    ['4:4:4', { file: 'a.mkv', encoder: 'ffv1', interlaced: 'bottom', pixelFormat: AV_PIX_FMT_YUV444P }],
    ['RGB', { file: 'a.mkv', encoder: 'libx264rgb', interlaced: 'top', pixelFormat: AV_PIX_FMT_RGB24, options: { crf: '12' } }],
    ['grey', { file: 'a.mkv', encoder: 'ffv1', interlaced: 'top', pixelFormat: AV_PIX_FMT_GRAY8 }],
    ['with transparency', { file: 'a.mkv', encoder: 'ffv1', interlaced: 'top', pixelFormat: AV_PIX_FMT_YUVA420P }],
    ['of an odd size', { file: 'a.mkv', encoder: 'ffv1', interlaced: 'top', pixelFormat: AV_PIX_FMT_YUV420P, width: 97, height: 63 }],
    [
      'larger than is needed',
      { file: 'a.mp4', interlaced: 'top', width: 1440, height: 1080, frames: 3, options: { preset: 'ultrafast', crf: '12' } },
    ],
  ];

  it.each(kinds)('%s come as whole pictures, one for each, at their times', async (_, { file, ...options }) => {
    const path = join(folder, file);
    await makeClip({ path, ...options });
    const { frames, info } = await read(path);
    const { width = 96, height = 64, frames: count = 12, encoder } = options;
    expect(frames).toHaveLength(count);
    if (encoder !== 'dvvideo') expect([info.width, info.height]).toEqual([width, height]);
    for (const [i, { timeMs }] of frames.entries()) expect(Math.abs(timeMs - frames[0]!.timeMs - i * 40)).toBeLessThan(1.5);
    // In the middle of the clip the filter has both neighbours.
    expect(comb(frames[1]!)).toBeLessThan(6);
  });

  it('are told by each picture: those between that are whole stay as they are, at their own times', async () => {
    const path = join(folder, 'mixed.mkv');
    const timeMs = (i: number): number => [0, 40, 73, 140, 155, 300, 333, 401, 420, 440, 500, 517][i]!;
    await makeClip({ path, encoder: 'ffv1', interlaced: 'top', marked: (i) => i >= 3 && i < 8, timeMs });
    const { frames } = await read(path);
    expect(frames.map((frame) => Math.round(frame.timeMs))).toEqual(Array.from({ length: 12 }, (_, i) => timeMs(i)));
    for (const frame of frames) expect(comb(frame)).toBeLessThan(6);
    expect(Math.abs(luma(frames[10]!, 92, 30) - movingBar(92, 30, 10)[0])).toBeLessThan(8);
  });
});

describe("a clip's length", () => {
  it.each(['late.mkv', 'late.ts', 'late.mp4'])(
    'counts from its first picture: the progress of %s, which begins at 5 s, comes to its end',
    async (file) => {
      const path = join(folder, file);
      await makeClip({ path, frames: 50, timeMs: (i) => 5000 + i * 40 });
      const { frames, progress, info } = await read(path);
      expect(frames.map(({ timeMs }) => Math.round(timeMs))).toEqual(Array.from({ length: 50 }, (_, i) => i * 40));
      expect(progress.at(-1)).toBeGreaterThan(0.9);
      expect(progress.every((share, i) => share >= (progress[i - 1] ?? 0) && share <= 1)).toBe(true);
      expect(Math.abs(info.durationMs! - 2000)).toBeLessThan(60);
    },
  );
});

it('reads HDR pictures of 4K as quickly as others: the colours of what was made small first', async () => {
  const path = join(folder, 'hlg.mkv');
  const colours = {
    colorTrc: AVCOL_TRC_ARIB_STD_B67,
    colorPrimaries: AVCOL_PRI_BT2020,
    colorSpace: AVCOL_SPC_BT2020_NCL,
  } as ClipOptions['colours'] & object;
  await makeClip({
    path,
    width: 3840,
    height: 2160,
    frames: 2,
    pixelFormat: AV_PIX_FMT_YUV420P10LE,
    colours,
    options: { preset: 'ultrafast' },
    colour: (x) => (x < 1920 ? [200, 60, 60] : [60, 60, 200]),
  });
  const { frames } = await read(path);
  expect(frames).toHaveLength(2);
  expect([frames[0]!.image.width, frames[0]!.image.height]).toEqual([1280, 720]);
  const [left, right] = [[...frames[0]!.image.data.subarray(300, 303)], [...frames[0]!.image.data.subarray(3600, 3603)]] as [
    number[],
    number[],
  ];
  expect(left[0]! - left[2]!).toBeGreaterThan(80);
  expect(right[2]! - right[0]!).toBeGreaterThan(80);
});

describe('what only names other files or addresses is not opened', () => {
  const lists: [string, string][] = [
    ['list.m3u8', '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\nreal.ts\n#EXT-X-ENDLIST\n'],
    ['list.mp4', '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\nreal.ts\n#EXT-X-ENDLIST\n'],
    ['concat.txt', "ffconcat version 1.0\nfile 'real.ts'\n"],
    ['concat.mp4', "ffconcat version 1.0\nfile 'real.ts'\n"],
    ['session.sdp', 'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n'],
    [
      'manifest.mpd',
      '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>real.ts</BaseURL></Representation></AdaptationSet></Period></MPD>',
    ],
  ];
  it.each(lists)('%s', async (name, text) => {
    await makeClip({ path: join(folder, 'real.ts') });
    await writeFile(join(folder, name), text);
    await expect(VideoReader.open(join(folder, name))).rejects.toMatchObject({ name: 'FileError', reason: 'unreadable' });
  });
});

describe('the kind of file that is written', () => {
  const grey = new Uint8Array((64 * 64 * 3) / 2).fill(128);

  async function convert(source: string, target: string): Promise<void> {
    const reader = await VideoReader.open(source);
    const writer = await VideoWriter.create({ path: target, pictureSide: 64, side: 64, ...reader.info, sound: reader.sound });
    for await (const item of reader.items()) {
      if (item.kind === 'sound') writer.writeSound(item.packet);
      else writer.write(grey, item.ticks, item.durationTicks);
    }
    await writer.finish();
    await reader.close();
  }

  it.each([
    ['libopus', 'out.mp4', AV_CODEC_ID_AAC, 'ftypisom'],
    ['libopus', 'out.mov', AV_CODEC_ID_AAC, 'ftypqt  '],
    ['libopus', 'out.webm', AV_CODEC_ID_OPUS, 'webm'],
    ['libopus', 'out.mkv', AV_CODEC_ID_OPUS, 'matroska'],
    ['eac3', 'out.mp4', AV_CODEC_ID_AAC, 'ftypisom'],
    ['eac3', 'out.mkv', AV_CODEC_ID_EAC3, 'matroska'],
    ['eac3', 'out.webm', AV_CODEC_ID_OPUS, 'webm'],
    ['aac', 'out.MP4', AV_CODEC_ID_AAC, 'ftypisom'],
  ] as const)('follows the name, with sound that its players know: %s to %s', async (sound, name, codec, mark) => {
    const [source, target] = [join(folder, 'in.mkv'), join(folder, name)];
    await makeClip({ path: source, frames: 25, sound });
    await convert(source, target);
    expect((await readFile(target)).subarray(0, 64).toString('latin1')).toContain(mark);
    const { frames, soundCodec, soundBytes } = await read(target);
    expect(frames.map(({ timeMs }) => Math.round(timeMs))).toEqual(Array.from({ length: 25 }, (_, i) => i * 40));
    expect([soundCodec, soundBytes > 2000]).toEqual([codec, true]);
  });

  it.each([
    ['out.avi', /\.avi is not a kind/],
    ['out', /no ending/],
    ['-', /standard output/],
    ['out.mp4.', /not a kind/],
  ])('is refused where it is unknown: %s', async (name, message) => {
    expect(() => containerOf(name)).toThrow(message);
    expect(() => containerOf(name)).toThrow(expect.objectContaining({ name: 'FileError', reason: 'unknown-ending' }));
    await expect(
      VideoWriter.create({ path: name, pictureSide: 64, side: 64, timeBase: { num: 1, den: 25 }, framesPerSecond: null, sound: null }),
    ).rejects.toMatchObject({ reason: 'unknown-ending' });
  });

  it('may have any name that the file system takes, and says so of one that it does not', async () => {
    const longest = `${'n'.repeat(251)}.mp4`;
    const pending = await PendingFile.create(join(folder, longest));
    await writeFile(pending.path, 'x');
    await pending.commit();
    expect(readdirSync(folder)).toEqual([longest]);
    await expect(PendingFile.create(join(folder, `n${longest}`))).rejects.toThrow(/too long/);
  });

  it.runIf(process.platform === 'linux')('is not said to lack a folder that is there', async () => {
    await expect(PendingFile.create('/proc/x.mp4')).rejects.toThrow(/^No file can be made in \/proc\./);
  });
});
