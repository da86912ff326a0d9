/**
 * Writes a video beside its target and moves it there when it is complete: whatever happens before, the target is untouched and
 * nothing is left over. The ending of the target's name decides what kind of file it is.
 */
import { Codec, CodecContext, FFmpegError, FormatContext, Frame, Packet, Rational, SoftwareScaleContext, type Stream } from 'node-av/lib';
import {
  AV_CODEC_FLAG_FRAME_DURATION,
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_NOPTS_VALUE,
  AV_PIX_FMT_YUV420P,
  AVCHROMA_LOC_LEFT,
  AVCOL_PRI_BT709,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_SMPTE170M,
  AVCOL_TRC_IEC61966_2_1,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  type FFEncoderCodec,
} from 'node-av/constants';
import { containerOf, type Container } from './containers.ts';
import '../../video/ffmpeg-log.ts';
import { PendingFile, unwritable } from './PendingFile.ts';
import { SoundTranscoder } from './SoundTranscoder.ts';
import type { Fraction } from './fraction.ts';
import type { ClipSound } from './VideoReader.ts';

const KEYFRAME_EVERY_S = 2;
/** What the system says when a file cannot be written. */
const failures = ['ENOSPC', 'EACCES', 'EPERM', 'ENOENT', 'ENOTDIR', 'EIO'];

export interface VideoWriterOptions {
  /** The target; replaced on success. Ends with .mp4, .mov, .mkv or .webm. */
  path: string;
  /** Side of the square pictures that `write` gets, and of the video's. */
  pictureSide: number;
  side: number;
  /** Unit of the ticks that `write` gets. */
  timeBase: Fraction;
  framesPerSecond: Fraction | null;
  sound: ClipSound | null;
}

export class VideoWriter {
  readonly #file: PendingFile;
  readonly #format = new FormatContext();
  readonly #encoder: CodecContext;
  readonly #video: Stream;
  readonly #soundStream: Stream | null = null;
  readonly #transcoder: SoundTranscoder | null = null;
  readonly #sound: ClipSound | null;
  readonly #picture = new Frame();
  readonly #scaled: Frame | null;
  readonly #scaler = new SoftwareScaleContext();
  readonly #packet = new Packet();
  #frames = 0;
  #lastSoundDts: bigint | null = null;
  #freed = false;

  /** @throws FileError `unknown-ending`, `not-writable`, `disk-full` */
  static async create(options: VideoWriterOptions): Promise<VideoWriter> {
    const container = containerOf(options.path);
    const file = await PendingFile.create(options.path);
    try {
      return new VideoWriter(options, container, file);
    } catch (error) {
      await file.discard();
      throw error;
    }
  }

  private constructor(options: VideoWriterOptions, container: Container, file: PendingFile) {
    this.#file = file;
    this.#sound = options.sound;
    const format = this.#format;
    this.#check(format.allocOutputContext2(null, container.muxer, `file:${file.path}`));
    this.#encoder = openEncoder(options, container.video);
    this.#video = format.newStream();
    this.#video.codecpar.fromContext(this.#encoder);
    this.#video.timeBase = this.#encoder.timeBase;
    if (options.framesPerSecond) this.#video.avgFrameRate = new Rational(options.framesPerSecond.num, options.framesPerSecond.den);
    if (options.sound) {
      this.#soundStream = format.newStream();
      this.#transcoder = this.#addSound(options.sound, this.#soundStream, container);
    }
    this.#picture = allocate(options.pictureSide);
    this.#scaled = options.side === options.pictureSide ? null : allocate(options.side);
    this.#scaler.allocContext();
    this.#packet.alloc();
    this.#check(format.openOutputSync());
    for (const [name, value] of Object.entries(container.options)) FFmpegError.throwIfError(format.setOption(name, value), name);
    this.#check(format.writeHeaderSync());
  }

  #addSound(sound: ClipSound, stream: Stream, { sound: carried, soundEncoder }: Container): SoundTranscoder | null {
    if (carried.has(sound.codecId)) {
      sound.parameters.copy(stream.codecpar);
      stream.codecpar.codecTag = 0; // the source container's tag means nothing in another
      stream.timeBase = sound.timeBase;
      return null;
    }
    const transcoder = new SoundTranscoder(sound, soundEncoder, (packet) => this.#mux(packet, stream, transcoder.encoder.timeBase));
    stream.codecpar.fromContext(transcoder.encoder);
    stream.timeBase = transcoder.encoder.timeBase;
    return transcoder;
  }

  get frames(): number {
    return this.#frames;
  }

  /**
   * @param i420 planar Y, U, V of BT.601 limited range, side * side * 3 / 2 bytes; copied.
   * @param ticks presentation time, growing
   * @throws FileError `disk-full`, `not-writable`
   */
  write(i420: Uint8Array, ticks: bigint, durationTicks: bigint): void {
    FFmpegError.throwIfError(this.#picture.makeWritable(), 'makeWritable');
    FFmpegError.throwIfError(this.#picture.fromBuffer(Buffer.from(i420.buffer, i420.byteOffset, i420.length)), 'fromBuffer');
    let frame = this.#picture;
    if (this.#scaled) {
      FFmpegError.throwIfError(this.#scaled.makeWritable(), 'makeWritable');
      FFmpegError.throwIfError(this.#scaler.scaleFrameSync(this.#scaled, frame), 'scaleFrame');
      frame = this.#scaled;
    }
    frame.pts = ticks;
    frame.duration = durationTicks;
    FFmpegError.throwIfError(this.#encoder.sendFrameSync(frame), 'sendFrame');
    this.#frames += 1;
    this.#drain();
  }

  /** @param packet on the same clock as the pictures, in the time base of the sound; left as it is */
  writeSound(packet: Packet): void {
    if (!this.#soundStream || !this.#sound) return;
    if (this.#transcoder) return this.#transcoder.write(packet);
    const copy = packet.clone();
    if (!copy) return;
    try {
      this.#mux(copy, this.#soundStream, this.#sound.timeBase);
    } finally {
      copy.free();
    }
  }

  /** Completes the file and moves it to its target. @throws FileError; `discard` is still to be called then */
  async finish(): Promise<void> {
    FFmpegError.throwIfError(this.#encoder.sendFrameSync(null), 'sendFrame');
    this.#drain();
    this.#transcoder?.finish();
    this.#check(this.#format.writeTrailerSync());
    await this.#format.closeOutput();
    await this.#file.commit();
    this.#free();
  }

  /** Gives up: nothing is left of it. Idempotent, and nothing after `finish`. */
  async discard(): Promise<void> {
    if (this.#freed) return;
    await this.#format.closeOutput();
    await this.#file.discard();
    this.#free();
  }

  #free(): void {
    this.#freed = true;
    this.#transcoder?.close();
    this.#encoder.freeContext();
    this.#scaler.freeContext();
    this.#picture.free();
    this.#scaled?.free();
    this.#packet.free();
    this.#format.freeContext();
  }

  #drain(): void {
    for (;;) {
      const status = this.#encoder.receivePacketSync(this.#packet);
      if (status === AVERROR_EAGAIN || status === AVERROR_EOF) return;
      FFmpegError.throwIfError(status, 'receivePacket');
      this.#mux(this.#packet, this.#video, this.#encoder.timeBase);
      this.#packet.unref();
    }
  }

  #mux(packet: Packet, stream: Stream, timeBase: Rational): void {
    packet.rescaleTs(timeBase, stream.timeBase);
    if (stream === this.#soundStream && !this.#inOrder(packet)) return;
    packet.streamIndex = stream.index;
    this.#check(this.#format.interleavedWriteFrameSync(packet));
  }

  /** Streams that were cut or joined have packets whose time runs back: MP4 cannot hold them. */
  #inOrder(packet: Packet): boolean {
    if (packet.dts === AV_NOPTS_VALUE) packet.dts = packet.pts;
    if (packet.dts === AV_NOPTS_VALUE) return false;
    if (packet.pts === AV_NOPTS_VALUE) packet.pts = packet.dts;
    if (this.#lastSoundDts !== null && packet.dts <= this.#lastSoundDts) return false;
    this.#lastSoundDts = packet.dts;
    return true;
  }

  #check(status: number): void {
    if (status >= 0) return;
    const code = failures.find((name) => FFmpegError.AVERROR(name as never) === status);
    throw unwritable(this.#file.target, { code, message: FFmpegError.strerror(status) });
  }
}

function openEncoder({ side, timeBase, framesPerSecond }: VideoWriterOptions, { encoder, options }: Container['video']): CodecContext {
  const codec = Codec.findEncoderByName(encoder as FFEncoderCodec);
  if (!codec) throw new Error(`node-av's FFmpeg has no ${encoder}`);
  const context = new CodecContext();
  const rate = framesPerSecond ?? { num: 25, den: 1 };
  context.allocContext3(codec);
  context.width = side;
  context.height = side;
  context.pixelFormat = AV_PIX_FMT_YUV420P;
  context.timeBase = new Rational(timeBase.num, timeBase.den);
  context.framerate = new Rational(rate.num, rate.den);
  context.gopSize = Math.max(1, Math.round((KEYFRAME_EVERY_S * rate.num) / rate.den));
  // The pictures are sRGB portraits in a BT.601 matrix: players that look at the tags show the right colours.
  context.colorRange = AVCOL_RANGE_MPEG;
  context.colorSpace = AVCOL_SPC_SMPTE170M;
  context.colorPrimaries = AVCOL_PRI_BT709;
  context.colorTrc = AVCOL_TRC_IEC61966_2_1;
  context.chromaLocation = AVCHROMA_LOC_LEFT;
  context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER, AV_CODEC_FLAG_FRAME_DURATION);
  // Not through open2's dictionary: see VideoEncoder.
  for (const [name, value] of Object.entries(options)) FFmpegError.throwIfError(context.setOption(name, value), `option ${name}`);
  FFmpegError.throwIfError(context.open2Sync(codec), `open ${encoder}`);
  return context;
}

function allocate(side: number): Frame {
  const frame = new Frame();
  frame.alloc();
  frame.format = AV_PIX_FMT_YUV420P;
  frame.width = side;
  frame.height = side;
  frame.colorRange = AVCOL_RANGE_MPEG;
  frame.colorSpace = AVCOL_SPC_SMPTE170M;
  frame.colorPrimaries = AVCOL_PRI_BT709;
  frame.colorTrc = AVCOL_TRC_IEC61966_2_1;
  frame.chromaLocation = AVCHROMA_LOC_LEFT;
  FFmpegError.throwIfError(frame.getBuffer(), 'getBuffer');
  return frame;
}
