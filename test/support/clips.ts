/** Video files of many kinds, made with the same FFmpeg that reads them. Sizes and formats are the caller's; the picture is a bar that moves. */
import { Codec, CodecContext, FFmpegError, FormatContext, Frame, Packet, Rational, SoftwareScaleContext, type Stream } from 'node-av/lib';
import {
  AV_CODEC_FLAG_FRAME_DURATION,
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_CODEC_FLAG_INTERLACED_DCT,
  AV_CODEC_FLAG_INTERLACED_ME,
  AV_FRAME_FLAG_INTERLACED,
  AV_FRAME_FLAG_TOP_FIELD_FIRST,
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_YUV420P,
  AV_SAMPLE_FMT_FLT,
  AV_SAMPLE_FMT_FLTP,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  type AVPixelFormat,
  type FFEncoderCodec,
} from 'node-av/constants';

export interface ClipOptions {
  path: string;
  width?: number;
  height?: number;
  frames?: number;
  /** Of FFmpeg. */
  encoder?: string;
  pixelFormat?: AVPixelFormat;
  /** Which field comes first; absent: progressive. */
  interlaced?: 'top' | 'bottom';
  /** Only pictures whose number it accepts are marked as interlaced. */
  marked?: (index: number) => boolean;
  /** Presentation time of a picture, in ms. */
  timeMs?: (index: number) => number;
  /** FFmpeg's encoder of a quiet tone. */
  sound?: 'libopus' | 'eac3' | 'aac';
  options?: Record<string, string>;
  /** Set on encoder and frames, e.g. `colorTrc`. */
  colours?: Partial<Pick<Frame, 'colorTrc' | 'colorPrimaries' | 'colorSpace'>>;
  /** RGB of a pixel at a time (in pictures, by halves for the second field). */
  colour?: (x: number, y: number, time: number) => [number, number, number];
}

const UNIT = new Rational(1, 90_000);
/** A white bar that moves by eight pixels a picture: woven fields show a comb at its edges. */
export const movingBar = (x: number, _y: number, time: number): [number, number, number] =>
  Math.abs(x - 12 - 8 * time) < 8 ? [230, 230, 230] : [30, 30, 30];

export async function makeClip(options: ClipOptions): Promise<void> {
  const { path, width = 96, height = 64, frames = 12 } = options;
  const format = new FormatContext();
  FFmpegError.throwIfError(format.allocOutputContext2(null, null, path), 'format');
  const encoder = openVideo({ ...options, width, height });
  const video = addStream(format, encoder);
  const sound = options.sound ? openSound(options.sound) : null;
  const audio = sound && addStream(format, sound);
  FFmpegError.throwIfError(await format.openOutput(), 'open');
  FFmpegError.throwIfError(await format.writeHeader(), 'header');
  const painter = createPainter({ ...options, width, height });
  const times = Array.from({ length: frames }, (_, i) => options.timeMs?.(i) ?? i * 40);
  for (let i = 0; i < frames; i += 1) {
    const frame = painter.paint(i);
    frame.pts = BigInt(Math.round((times[i]! * encoder.timeBase.den) / encoder.timeBase.num / 1000));
    frame.duration = BigInt(Math.round((40 * encoder.timeBase.den) / encoder.timeBase.num / 1000));
    FFmpegError.throwIfError(encoder.sendFrameSync(frame), 'encode');
    drain(format, encoder, video);
  }
  encoder.sendFrameSync(null);
  drain(format, encoder, video);
  if (sound && audio) encodeTone(format, sound, audio, times);
  FFmpegError.throwIfError(await format.writeTrailer(), 'trailer');
  await format.closeOutput();
  painter.close();
  encoder.freeContext();
  sound?.freeContext();
}

function addStream(format: FormatContext, encoder: CodecContext): Stream {
  const stream = format.newStream();
  stream.codecpar.fromContext(encoder);
  stream.timeBase = encoder.timeBase;
  return stream;
}

function openVideo({
  encoder = 'libx264',
  pixelFormat = AV_PIX_FMT_YUV420P,
  interlaced,
  width,
  height,
  options = {},
  colours = {},
}: ClipOptions & { width: number; height: number }): CodecContext {
  const codec = Codec.findEncoderByName(encoder as FFEncoderCodec);
  if (!codec) throw new Error(`no encoder ${encoder}`);
  const context = new CodecContext();
  context.allocContext3(codec);
  Object.assign(context, colours);
  context.width = width;
  context.height = height;
  context.pixelFormat = pixelFormat;
  context.timeBase = /x264|ffv1/.test(encoder) ? UNIT : new Rational(1, 25);
  context.framerate = new Rational(25, 1);
  context.bitRate = 2_000_000n;
  context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER, AV_CODEC_FLAG_FRAME_DURATION);
  if (interlaced) context.setFlags(AV_CODEC_FLAG_INTERLACED_DCT, AV_CODEC_FLAG_INTERLACED_ME);
  for (const [name, value] of Object.entries(options)) FFmpegError.throwIfError(context.setOption(name, value), name);
  FFmpegError.throwIfError(context.open2Sync(codec), `open ${encoder}`);
  return context;
}

function createPainter({
  width,
  height,
  pixelFormat = AV_PIX_FMT_YUV420P,
  interlaced,
  marked = () => true,
  colour = movingBar,
  colours = {},
}: ClipOptions & { width: number; height: number }) {
  const allocate = (format: AVPixelFormat): Frame => {
    const frame = new Frame();
    frame.alloc();
    Object.assign(frame, { format, width, height });
    FFmpegError.throwIfError(frame.getBuffer(), 'getBuffer');
    return frame;
  };
  const [rgb, out, scaler] = [allocate(AV_PIX_FMT_RGB24), allocate(pixelFormat), new SoftwareScaleContext()];
  scaler.allocContext();
  const second = interlaced === 'top' ? 1 : 0;
  return {
    paint(index: number): Frame {
      const data = Buffer.alloc(width * height * 3);
      for (let y = 0; y < height; y += 1)
        for (let x = 0; x < width; x += 1)
          data.set(colour(x, y, index + (interlaced && marked(index) && y % 2 === second ? 0.5 : 0)), (y * width + x) * 3);
      rgb.makeWritable();
      rgb.fromBuffer(data);
      FFmpegError.throwIfError(out.makeWritable(), 'makeWritable');
      out.clearFlags(AV_FRAME_FLAG_INTERLACED, AV_FRAME_FLAG_TOP_FIELD_FIRST);
      FFmpegError.throwIfError(scaler.scaleFrameSync(out, rgb), 'scale');
      if (interlaced && marked(index)) out.setFlags(AV_FRAME_FLAG_INTERLACED);
      if (interlaced === 'top' && marked(index)) out.setFlags(AV_FRAME_FLAG_TOP_FIELD_FIRST);
      Object.assign(out, colours);
      return out;
    },
    close(): void {
      for (const frame of [rgb, out]) frame.free();
      scaler.freeContext();
    },
  };
}

function openSound(name: string): CodecContext {
  const codec = Codec.findEncoderByName(name as FFEncoderCodec)!;
  const context = new CodecContext();
  context.allocContext3(codec);
  context.sampleFormat = name === 'libopus' ? AV_SAMPLE_FMT_FLT : AV_SAMPLE_FMT_FLTP;
  context.sampleRate = 48_000;
  context.channelLayout = { nbChannels: 1, order: 1, mask: 0x4n } as never;
  context.bitRate = 64_000n;
  context.timeBase = new Rational(1, 48_000);
  context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
  FFmpegError.throwIfError(context.open2Sync(codec), `open ${name}`);
  return context;
}

function encodeTone(format: FormatContext, context: CodecContext, stream: Stream, times: number[]): void {
  const [first, last] = [times[0]!, times.at(-1)! + 40];
  const size = context.frameSize;
  const frame = new Frame();
  for (let at = Math.round(first * 48); at < last * 48; at += size) {
    frame.alloc();
    Object.assign(frame, { format: context.sampleFormat, nbSamples: size, sampleRate: 48_000, channelLayout: context.channelLayout });
    FFmpegError.throwIfError(frame.getBuffer(), 'getBuffer');
    const samples = new Float32Array(size).map((_, i) => 0.3 * Math.sin((2 * Math.PI * 440 * (at + i)) / 48_000));
    frame.fromBuffer(Buffer.from(samples.buffer));
    frame.pts = BigInt(at);
    FFmpegError.throwIfError(context.sendFrameSync(frame), 'encode');
    drain(format, context, stream);
    frame.free();
  }
  context.sendFrameSync(null);
  drain(format, context, stream);
}

function drain(format: FormatContext, context: CodecContext, stream: Stream): void {
  const packet = new Packet();
  packet.alloc();
  for (;;) {
    const status = context.receivePacketSync(packet);
    if (status === AVERROR_EAGAIN || status === AVERROR_EOF) break;
    FFmpegError.throwIfError(status, 'receivePacket');
    packet.rescaleTs(context.timeBase, stream.timeBase);
    packet.streamIndex = stream.index;
    FFmpegError.throwIfError(format.interleavedWriteFrameSync(packet), 'mux');
    packet.unref();
  }
  packet.free();
}
