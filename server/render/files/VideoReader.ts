/**
 * Reads a video file of any usual format, picture by picture, as a person sees it: whole, upright, square pixels, RGB. Its sound comes along as the
 * packets that the file holds. Streaming: memory does not grow with the clip.
 */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  CodecContext,
  FFmpegError,
  FormatContext,
  Frame,
  Packet,
  Rational,
  type Codec,
  type CodecParameters,
  type Stream,
} from 'node-av/lib';
import {
  AV_DISPOSITION_ATTACHED_PIC,
  AV_NOPTS_VALUE,
  AV_PKT_DATA_DISPLAYMATRIX,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVMEDIA_TYPE_AUDIO,
  AVMEDIA_TYPE_VIDEO,
} from 'node-av/constants';
import type { RgbImage } from '../../landmarker/types.ts';
import { Deinterlacer } from './Deinterlacer.ts';
import type { Fraction } from './fraction.ts';
import '../../video/ffmpeg-log.ts';
import { FileError, unreadable } from './FileError.ts';
import { openInput } from './open-input.ts';
import { orientationOf, swapsSides } from './orientation.ts';
import { PictureConverter } from './PictureConverter.ts';

/** Faces are found as well in smaller pictures, and a 4K picture has 25 MB. */
const MAX_SIDE = 1280;
/** Formats that FFmpeg makes one-picture or scrolling-text videos of. */
const pictureFormats = /(^|,)(image2|.*_pipe|tty|bin|xbin|adf|idf)(,|$)/;
/** Raw streams may give the ticks of their clock instead. */
const MOST_FRAMES_PER_SECOND = 1000;
const endsNotLengths = /^(matroska|flv)/;
/** A file with fewer of its frames than this was not copied to its end; a few are missing in many. */
const CUT_SHORT_SHARE = 0.97;
const formatsAdvice = 'Give a video file: MP4, MOV, WebM, MKV, AVI or MPEG.';

export interface ClipInfo {
  /** The upright picture in square pixels; `image` of a frame may be smaller. */
  width: number;
  height: number;
  /** Unit of all ticks, in seconds. */
  timeBase: Fraction;
  /** The mean rate; single frames may differ (variable frame rate). Null when the file does not tell. */
  framesPerSecond: Fraction | null;
  durationMs: number | null;
}

/** The sound as it lies in the file. */
export interface ClipSound {
  codecId: number;
  parameters: CodecParameters;
  timeBase: Rational;
}

export interface ClipFrame {
  kind: 'frame';
  index: number;
  /** Upright, longest side at most 1280; owned by the caller. */
  image: RgbImage;
  /** Presentation time from the clip's start (its earliest picture or sound), in units of `timeBase`; strictly growing. */
  ticks: bigint;
  durationTicks: bigint;
  timeMs: number;
  /** What reading, decoding and converting took since the frame before. */
  decodeMs: number;
}

/** A packet of the sound on the clip's clock, in the time base of `sound`; valid until the next item. */
export interface ClipSoundPacket {
  kind: 'sound';
  packet: Packet;
}

export class VideoReader {
  readonly info: ClipInfo;
  /** Null for a silent clip. */
  readonly sound: ClipSound | null;
  readonly #format: FormatContext;
  readonly #decoder: CodecContext;
  readonly #video: Stream;
  readonly #audio: Stream | null;
  readonly #deinterlacer: Deinterlacer;
  readonly #converter: PictureConverter;
  readonly #packet = new Packet();
  readonly #decoded = new Frame();
  readonly #originUs: bigint;
  readonly #bytes: number;
  #bytesRead = 0;
  /** Duration of the pictures on their way, by their ticks. */
  readonly #durations = new Map<bigint, bigint>();
  #index = 0;
  #lastTicks: bigint | null = null;
  #resumedMs = 0;
  #damagedPackets = 0;
  #cutShort = false;
  #closed = false;

  /** @throws FileError `missing`, `empty`, `unreadable`, `no-video` */
  static async open(path: string): Promise<VideoReader> {
    const bytes = await checkFile(path);
    const format = new FormatContext();
    try {
      const opened = await openInput(format, path);
      if (opened < 0) throw notAVideo(path, opened);
      const probed = await format.findStreamInfo();
      if (probed < 0) throw notAVideo(path, probed);
      return new VideoReader(path, format, bytes);
    } catch (error) {
      await format.closeInput();
      throw error;
    }
  }

  private constructor(path: string, format: FormatContext, bytes: number) {
    this.#format = format;
    this.#bytes = bytes;
    const { stream, codec } = findVideo(path, format);
    this.#video = stream;
    this.#decoder = openDecoder(path, stream, codec);
    this.#audio = findSound(format, stream);
    this.sound = this.#audio && { codecId: this.#audio.codecpar.codecId, parameters: this.#audio.codecpar, timeBase: this.#audio.timeBase };
    const orientation = orientationOf(stream.codecpar.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX));
    const full = squarePixels(stream);
    this.#originUs = earliestUs([this.#video, ...(this.#audio ? [this.#audio] : [])]);
    this.info = describe(format, stream, {
      ...(swapsSides(orientation) ? { width: full.height, height: full.width } : full),
      originUs: this.#originUs,
    });
    const scale = Math.min(1, MAX_SIDE / Math.max(full.width, full.height));
    this.#converter = new PictureConverter(
      { width: Math.max(1, Math.round(full.width * scale)), height: Math.max(1, Math.round(full.height * scale)) },
      orientation,
    );
    this.#deinterlacer = new Deinterlacer(this.info.timeBase);
    this.#packet.alloc();
    this.#decoded.alloc();
  }

  /** How far the file has been read, 0..1: by its pictures where it counts them, else by its bytes. */
  get progress(): number {
    const counted = Number(this.#video.nbFrames);
    return Math.min(1, counted > 0 ? this.#index / counted : this.#bytesRead / this.#bytes);
  }

  /** After the last item: packets that could not be decoded, and whether the file ended before its time. */
  get damage(): { packets: number; cutShort: boolean } {
    const promised = Number(this.#video.nbFrames);
    return { packets: this.#damagedPackets, cutShort: this.#cutShort || this.#index < CUT_SHORT_SHARE * promised };
  }

  /** Everything in the file's own order, once. */
  async *items(): AsyncGenerator<ClipFrame | ClipSoundPacket, void, undefined> {
    this.#resumedMs = performance.now();
    for (;;) {
      const status = await this.#format.readFrame(this.#packet);
      if (status < 0) {
        this.#cutShort = status !== AVERROR_EOF;
        break;
      }
      try {
        this.#bytesRead = Math.max(this.#bytesRead, Number(this.#packet.pos) + this.#packet.size);
        if (this.#packet.streamIndex === this.#video.index) yield* this.#frames(this.#packet);
        else if (this.#packet.streamIndex === this.#audio?.index) yield this.#soundPacket();
      } finally {
        this.#packet.unref();
      }
    }
    yield* this.#frames(null);
    yield* this.#timed(this.#held());
  }

  /** What the deinterlacer still has at the end. */
  *#held(): Generator<Omit<ClipFrame, 'decodeMs'>> {
    for (const picture of this.#deinterlacer.pictures(null)) yield this.#convert(picture);
  }

  #frames(packet: Packet | null): Generator<ClipFrame> {
    return this.#timed(this.#decode(packet));
  }

  *#timed(frames: Iterable<Omit<ClipFrame, 'decodeMs'>>): Generator<ClipFrame> {
    for (const frame of frames) {
      yield { ...frame, decodeMs: performance.now() - this.#resumedMs };
      this.#resumedMs = performance.now();
    }
  }

  #soundPacket(): ClipSoundPacket {
    const origin = rescale(this.#originUs, MICROSECONDS, this.#audio!.timeBase);
    const packet = this.#packet;
    if (packet.pts !== AV_NOPTS_VALUE) packet.pts -= origin;
    if (packet.dts !== AV_NOPTS_VALUE) packet.dts -= origin;
    return { kind: 'sound', packet };
  }

  /** @param packet null at the end: gives what the decoder still holds */
  *#decode(packet: Packet | null): Generator<Omit<ClipFrame, 'decodeMs'>> {
    const sent = this.#decoder.sendPacketSync(packet);
    if (sent < 0 && packet !== null) this.#damagedPackets += 1;
    for (;;) {
      const status = this.#decoder.receiveFrameSync(this.#decoded);
      if (status === AVERROR_EAGAIN || status === AVERROR_EOF) return;
      if (status < 0) {
        this.#damagedPackets += 1;
        if (packet === null) return;
        continue;
      }
      yield* this.#whole();
      this.#decoded.unref();
    }
  }

  *#whole(): Generator<Omit<ClipFrame, 'decodeMs'>> {
    const durationTicks = this.#decoded.duration > 0n ? this.#decoded.duration : this.#usualTicks();
    this.#decoded.pts = this.#nextTicks(durationTicks);
    this.#durations.set(this.#decoded.pts, durationTicks);
    for (const picture of this.#deinterlacer.pictures(this.#decoded)) yield this.#convert(picture);
  }

  #convert(picture: Frame): Omit<ClipFrame, 'decodeMs'> {
    const { num, den } = this.info.timeBase;
    const ticks = picture.pts;
    const durationTicks = this.#durations.get(ticks) ?? this.#usualTicks();
    this.#durations.delete(ticks);
    return {
      kind: 'frame',
      index: this.#index++,
      image: this.#converter.convert(picture),
      ticks,
      durationTicks,
      timeMs: (Number(ticks) * num * 1000) / den,
    };
  }

  /** Files without times (raw streams, old AVI) and times that run back get the next one in line. */
  #nextTicks(durationTicks: bigint): bigint {
    const given = this.#decoded.bestEffortTimestamp;
    const last = this.#lastTicks;
    let ticks =
      given === AV_NOPTS_VALUE
        ? last === null
          ? 0n
          : last + durationTicks
        : given - rescale(this.#originUs, MICROSECONDS, this.#video.timeBase);
    if (last !== null && ticks <= last) ticks = last + 1n;
    this.#lastTicks = ticks;
    return ticks;
  }

  #usualTicks(): bigint {
    const { framesPerSecond: rate, timeBase } = this.info;
    const seconds = rate ? rate.den / rate.num : 1 / 25;
    return BigInt(Math.max(1, Math.round((seconds * timeBase.den) / timeBase.num)));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#packet.free();
    this.#decoded.free();
    this.#deinterlacer.close();
    this.#converter.close();
    this.#decoder.freeContext();
    await this.#format.closeInput();
  }
}

const MICROSECONDS = new Rational(1, 1_000_000);

/** From one time base to another, to the nearest tick. */
export function rescale(ticks: bigint, from: Fraction, to: Fraction): bigint {
  const numerator = ticks * BigInt(from.num) * BigInt(to.den);
  const denominator = BigInt(from.den) * BigInt(to.num);
  const half = denominator / 2n;
  return (numerator + (numerator < 0n ? -half : half)) / denominator;
}

/** @returns its size in bytes */
async function checkFile(path: string): Promise<number> {
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (!found.isFile()) throw new FileError('unreadable', `${path} is not a file.`, { fix: formatsAdvice });
  if (found.size === 0) throw new FileError('empty', `${basename(path)} is empty.`, { fix: 'Copy or record it again.' });
  return found.size;
}

function notAVideo(path: string, status: number): FileError {
  const denied = status === FFmpegError.AVERROR('EACCES' as never);
  if (denied) return new FileError('unreadable', `${basename(path)} may not be read.`, { fix: 'Check its permissions.' });
  // What the list of formats leaves out: playlists and the like, which may name any other file or address.
  if (status === FFmpegError.AVERROR('EINVAL' as never))
    return new FileError('unreadable', `${basename(path)} is not a video itself, but a list of others, or of a kind that is not read.`, {
      fix: formatsAdvice,
    });
  return new FileError('unreadable', `${basename(path)} is damaged or not a video (${FFmpegError.strerror(status)}).`, {
    fix: formatsAdvice,
  });
}

function findVideo(path: string, format: FormatContext): { stream: Stream; codec: Codec } {
  const none = new FileError('no-video', `${basename(path)} has no moving picture.`, { fix: formatsAdvice });
  if (pictureFormats.test(format.iformat?.name ?? '')) throw none;
  const { streamIndex, decoder } = format.findBestStream(AVMEDIA_TYPE_VIDEO, -1, -1, true);
  const stream = streamIndex >= 0 ? format.streams[streamIndex] : undefined;
  if (!stream || (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) !== 0) throw none;
  if (!decoder)
    throw new FileError('unreadable', `There is no decoder for the pictures of ${basename(path)}.`, {
      fix: 'Convert it to H.264 in MP4.',
    });
  return { stream, codec: decoder };
}

function findSound(format: FormatContext, video: Stream): Stream | null {
  const index = format.findBestStream(AVMEDIA_TYPE_AUDIO, -1, video.index);
  return (index >= 0 ? format.streams[index] : undefined) ?? null;
}

function openDecoder(path: string, stream: Stream, codec: Codec): CodecContext {
  const context = new CodecContext();
  context.allocContext3(codec);
  const status = context.parametersToContext(stream.codecpar);
  context.pktTimebase = stream.timeBase;
  context.threadCount = 0; // as many as there are cores
  const opened = status < 0 ? status : context.open2Sync(codec);
  if (opened >= 0 && stream.codecpar.width > 0 && stream.codecpar.height > 0) return context;
  context.freeContext();
  throw notAVideo(path, opened);
}

/** The stored picture's size once its pixels are square. */
function squarePixels(stream: Stream): { width: number; height: number } {
  const { width, height } = stream.codecpar;
  const inFile = stream.sampleAspectRatio;
  const { num, den } = inFile.num > 0 && inFile.den > 0 ? inFile : stream.codecpar.sampleAspectRatio;
  return { width: num > 0 && den > 0 ? Math.max(1, Math.round((width * num) / den)) : width, height };
}

function describe(
  format: FormatContext,
  stream: Stream,
  { originUs, ...size }: { width: number; height: number; originUs: bigint },
): ClipInfo {
  const { num, den } = stream.timeBase;
  const rate = [stream.avgFrameRate, stream.rFrameRate].find(({ num, den }) => num > 0 && den > 0 && num <= MOST_FRAMES_PER_SECOND * den);
  // Matroska and FLV say when a clip ends, not how long it is.
  const beforeS = endsNotLengths.test(format.iformat?.name ?? '') ? Number(originUs) / 1e6 : 0;
  const totalS = stream.duration > 0n ? (Number(stream.duration) * num) / den : format.duration > 0n ? Number(format.duration) / 1e6 : null;
  const durationS = totalS !== null && totalS > beforeS ? totalS - beforeS : totalS;
  return {
    ...size,
    timeBase: { num, den },
    framesPerSecond: rate ? { num: rate.num, den: rate.den } : null,
    durationMs: durationS === null ? null : durationS * 1000,
  };
}

function earliestUs(streams: readonly Stream[]): bigint {
  const starts = streams
    .filter(({ startTime }) => startTime !== AV_NOPTS_VALUE)
    .map(({ startTime, timeBase }) => rescale(startTime, timeBase, MICROSECONDS));
  return starts.reduce((least, start) => (start < least ? start : least), starts[0] ?? 0n);
}
