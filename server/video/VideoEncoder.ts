/** A real-time VP8 / H.264 encoder for I420 pictures, on node-av's low-level API (FFmpeg's libvpx and libx264). */
import { Codec, CodecContext, FFmpegError, Frame, Packet, Rational } from 'node-av/lib';
import {
  AV_CODEC_FLAG_LOW_DELAY,
  AV_PICTURE_TYPE_I,
  AV_PICTURE_TYPE_NONE,
  AV_PIX_FMT_YUV420P,
  AVERROR_EAGAIN,
  type FFEncoderCodec,
} from 'node-av/constants';
import { AppError } from '../../client/src/protocol/errors.ts';
import './ffmpeg-log.ts';
import { VIDEO_CLOCK_RATE } from './rtp-clock.ts';
import type { VideoCodec } from './rtp-packetizer.ts';

const encoders: Record<VideoCodec, { name: string; options: Record<string, string> }> = {
  vp8: {
    name: 'libvpx',
    options: {
      deadline: 'realtime',
      'cpu-used': '-8', // a fixed speed; positive values adapt and take twice the time for the same PSNR (measured)
      'lag-in-frames': '0',
      'error-resilient': 'default', // a frame stays decodable after a lost one
      'auto-alt-ref': '0',
      'static-thresh': '0',
      'max-intra-rate': '400', // caps keyframes, in % of a mean frame: a newcomer must not burst the path
    },
  },
  h264: {
    name: 'libx264',
    options: {
      preset: 'superfast',
      tune: 'zerolatency',
      profile: 'baseline',
      'forced-idr': '1',
      'x264-params': 'repeat-headers=1:annexb=1:sliced-threads=0:scenecut=0',
    },
  },
};

export interface VideoEncoderOptions {
  codec: VideoCodec;
  width: number;
  height: number;
  fps: number;
  bitrateBps: number;
}

export interface EncodedPicture {
  /** One VP8 frame, or the Annex B access unit. Owned by the caller. */
  data: Buffer;
  keyframe: boolean;
}

/** Keyframes come only when asked for (`requestKeyframe`), the first frame always is one. */
export class VideoEncoder {
  readonly options: Readonly<VideoEncoderOptions>;
  readonly #context = new CodecContext();
  readonly #frame = new Frame();
  readonly #packet = new Packet();
  #keyframeWanted = true;
  #lastPts = -1n;
  #closed = false;

  /** @throws AppError `internal` if this build of FFmpeg lacks the codec or refuses the options. */
  constructor(options: VideoEncoderOptions) {
    this.options = options;
    const { name, options: extra } = encoders[options.codec];
    const codec = Codec.findEncoderByName(name as FFEncoderCodec);
    if (!codec) throw new AppError('internal', `node-av's FFmpeg has no ${name}`);
    this.#configure(codec);
    // Not through open2's dictionary: node-av 6.1 leaves it dangling and the garbage collector crashes on it later.
    for (const [key, value] of Object.entries(extra)) FFmpegError.throwIfError(this.#context.setOption(key, value), `option ${key}`);
    FFmpegError.throwIfError(this.#context.open2Sync(codec), 'open2');
    this.#allocate();
  }

  #configure(codec: Codec): void {
    const { width, height, fps, bitrateBps } = this.options;
    const context = this.#context;
    context.allocContext3(codec);
    context.width = width;
    context.height = height;
    context.pixelFormat = AV_PIX_FMT_YUV420P;
    context.timeBase = new Rational(1, VIDEO_CLOCK_RATE);
    context.framerate = new Rational(fps, 1);
    context.bitRate = BigInt(bitrateBps);
    context.rcMaxRate = BigInt(bitrateBps);
    context.rcBufferSize = Math.round(bitrateBps / 2);
    context.gopSize = 1_000_000;
    context.maxBFrames = 0;
    context.threadCount = 1;
    if (this.options.codec === 'vp8') {
      context.rcMinRate = BigInt(bitrateBps);
      context.qMin = 4;
      context.qMax = 52;
    }
    context.setFlags(AV_CODEC_FLAG_LOW_DELAY);
  }

  #allocate(): void {
    this.#frame.alloc();
    this.#frame.format = AV_PIX_FMT_YUV420P;
    this.#frame.width = this.options.width;
    this.#frame.height = this.options.height;
    FFmpegError.throwIfError(this.#frame.getBuffer(), 'getBuffer');
    this.#packet.alloc();
  }

  requestKeyframe(): void {
    this.#keyframeWanted = true;
  }

  /**
   * @param i420 planar Y, U, V, width * height * 3 / 2 bytes; copied.
   * @param timeMs the picture's time; must grow from call to call (equal or smaller times are nudged on).
   * @returns usually one picture; none when the rate control drops the frame.
   */
  encode(i420: Uint8Array, timeMs: number): EncodedPicture[] {
    const wanted = BigInt(Math.round(timeMs * (VIDEO_CLOCK_RATE / 1000)));
    this.#lastPts = wanted > this.#lastPts ? wanted : this.#lastPts + 1n;
    const frame = this.#frame;
    FFmpegError.throwIfError(frame.makeWritable(), 'makeWritable'); // the encoder may still hold the last one
    FFmpegError.throwIfError(frame.fromBuffer(Buffer.from(i420.buffer, i420.byteOffset, i420.length)), 'fromBuffer');
    frame.pts = this.#lastPts;
    frame.pictType = this.#keyframeWanted ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    this.#keyframeWanted = false;
    FFmpegError.throwIfError(this.#context.sendFrameSync(frame), 'sendFrame');
    return this.#drain();
  }

  #drain(): EncodedPicture[] {
    const pictures: EncodedPicture[] = [];
    for (;;) {
      const status = this.#context.receivePacketSync(this.#packet);
      if (status === AVERROR_EAGAIN) return pictures;
      FFmpegError.throwIfError(status, 'receivePacket');
      // The packet's memory is the library's: copy before it is reused.
      if (this.#packet.data) pictures.push({ data: Buffer.from(this.#packet.data), keyframe: this.#packet.isKeyframe });
      this.#packet.unref();
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#context.freeContext();
    this.#frame.free();
    this.#packet.free();
  }
}
