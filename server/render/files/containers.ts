/** The kinds of video file that are written, by the ending of the name: codecs that players and editors of that kind take. */
import { extname } from 'node:path';
import {
  AV_CODEC_ID_AAC,
  AV_CODEC_ID_AC3,
  AV_CODEC_ID_ALAC,
  AV_CODEC_ID_EAC3,
  AV_CODEC_ID_FLAC,
  AV_CODEC_ID_MP2,
  AV_CODEC_ID_MP3,
  AV_CODEC_ID_OPUS,
  AV_CODEC_ID_VORBIS,
} from 'node-av/constants';
import { FileError } from './FileError.ts';

export interface Container {
  /** FFmpeg's name of the muxer. */
  muxer: string;
  options: Readonly<Record<string, string>>;
  video: { encoder: string; options: Readonly<Record<string, string>> };
  /** Codec ids of sound that is taken over bit by bit. */
  sound: ReadonlySet<number>;
  /** Everything else is encoded by this. */
  soundEncoder: 'aac' | 'libopus';
}

/** Visually lossless, as x264's users say. */
const h264 = { encoder: 'libx264', options: { crf: '18', preset: 'medium' } };
const vp9 = { encoder: 'libvpx-vp9', options: { crf: '20', deadline: 'good', 'cpu-used': '4', 'row-mt': '1' } };
/** Opus and E-AC-3 may lie in an MP4 by the standard, but QuickTime and most editors refuse such a file. */
const mp4Sound = new Set<number>([AV_CODEC_ID_AAC, AV_CODEC_ID_MP3, AV_CODEC_ID_AC3]);
const mkvSound = new Set<number>([
  ...mp4Sound,
  AV_CODEC_ID_OPUS,
  AV_CODEC_ID_EAC3,
  AV_CODEC_ID_VORBIS,
  AV_CODEC_ID_FLAC,
  AV_CODEC_ID_ALAC,
  AV_CODEC_ID_MP2,
]);
const inFront = { movflags: '+faststart' };

const containers: Readonly<Record<string, Container>> = {
  '.mp4': { muxer: 'mp4', options: inFront, video: h264, sound: mp4Sound, soundEncoder: 'aac' },
  '.mov': { muxer: 'mov', options: inFront, video: h264, sound: mp4Sound, soundEncoder: 'aac' },
  '.mkv': { muxer: 'matroska', options: {}, video: h264, sound: mkvSound, soundEncoder: 'aac' },
  '.webm': {
    muxer: 'webm',
    options: {},
    video: vp9,
    sound: new Set<number>([AV_CODEC_ID_OPUS, AV_CODEC_ID_VORBIS]),
    soundEncoder: 'libopus',
  },
};

/** @throws FileError `unknown-ending`, also for standard output: a file's index is written at its beginning when all else is there */
export function containerOf(path: string): Container {
  const ending = extname(path).toLowerCase();
  const container = Object.hasOwn(containers, ending) ? containers[ending] : undefined;
  if (container) return container;
  const what =
    path === '-'
      ? 'The video cannot be written to standard output.'
      : ending === ''
        ? `${path} has no ending that tells the kind of video.`
        : `${ending} is not a kind of video that is written here.`;
  throw new FileError('unknown-ending', what, { fix: `Name a file that ends with ${Object.keys(containers).join(', ')}.` });
}
