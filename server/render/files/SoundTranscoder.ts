/** Sound of any codec → AAC or Opus, for what a container's players cannot be expected to play (PCM, Vorbis, MP2 …). */
import { Codec, CodecContext, FFmpegError, Frame, Packet, Rational, SoftwareResampleContext } from 'node-av/lib';
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_NOPTS_VALUE,
  AV_SAMPLE_FMT_FLT,
  AV_SAMPLE_FMT_FLTP,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  type FFEncoderCodec,
} from 'node-av/constants';
import { FileError } from './FileError.ts';
import { rescale, type ClipSound } from './VideoReader.ts';

const BITRATE_BPS_PER_CHANNEL = 80_000;
export type SoundEncoder = 'aac' | 'libopus';
const encoders = {
  aac: { format: AV_SAMPLE_FMT_FLTP, rates: new Set([8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]) },
  libopus: { format: AV_SAMPLE_FMT_FLT, rates: new Set([8000, 12_000, 16_000, 24_000, 48_000]) },
} as const;
const DEFAULT_RATE = 48_000;
/** Channel masks and order of FFmpeg's channel layouts. */
const layouts = { mono: { nbChannels: 1, order: 1, mask: 0x4n }, stereo: { nbChannels: 2, order: 1, mask: 0x3n } } as const;
/** A hole in the sound of at least this is kept as silence; less is jitter of the time stamps. */
const HOLE_S = 0.05;

export class SoundTranscoder {
  /** What the muxer needs to know; its time base is one sample. */
  readonly encoder: CodecContext;
  readonly #decoder = new CodecContext();
  readonly #resampler = new SoftwareResampleContext();
  readonly #decoded = new Frame();
  readonly #resampled = new Frame();
  readonly #packet = new Packet();
  readonly #inputRate: number;
  readonly #emit: (packet: Packet) => void;
  readonly #timeBase: Rational;
  /** Position of the next encoded sample on the clip's clock; null until the first sound. */
  #position: bigint | null = null;
  #closed = false;

  /**
   * @param emit gets each packet, in the encoder's time base; valid during the call
   * @throws FileError `unreadable` when the sound's codec is unknown
   */
  constructor(sound: ClipSound, encoder: SoundEncoder, emit: (packet: Packet) => void) {
    this.#emit = emit;
    this.#timeBase = sound.timeBase;
    this.#openDecoder(sound);
    this.#inputRate = this.#decoder.sampleRate;
    this.encoder = openEncoder(this.#decoder, encoder);
    const { channelLayout, sampleRate, sampleFormat } = this.encoder;
    const given = this.#decoder.channelLayout;
    const input = given.order === 0 ? (given.nbChannels === 1 ? layouts.mono : layouts.stereo) : given;
    FFmpegError.throwIfError(
      this.#resampler.allocSetOpts2(channelLayout, sampleFormat, sampleRate, input as never, this.#decoder.sampleFormat, this.#inputRate),
      'swr',
    );
    FFmpegError.throwIfError(this.#resampler.init(), 'swr init');
    for (const part of [this.#decoded, this.#resampled, this.#packet]) part.alloc();
  }

  #openDecoder({ codecId, parameters, timeBase }: ClipSound): void {
    const codec = Codec.findDecoder(codecId as never);
    this.#decoder.allocContext3(codec);
    const status = codec ? this.#decoder.parametersToContext(parameters) : -1;
    this.#decoder.pktTimebase = timeBase;
    const opened = status < 0 ? status : this.#decoder.open2Sync(codec);
    if (opened >= 0) return;
    this.#decoder.freeContext();
    throw new FileError('unreadable', "The clip's sound has a codec that cannot be decoded.", { fix: 'Convert it, or remove its sound.' });
  }

  /** A damaged packet is left out. */
  write(packet: Packet): void {
    if (this.#decoder.sendPacketSync(packet) >= 0) this.#drainDecoder();
  }

  /** Emits what is still under way. */
  finish(): void {
    this.#decoder.sendPacketSync(null);
    this.#drainDecoder();
    if (this.#position === null) return;
    this.#encode(true);
    this.encoder.sendFrameSync(null);
    this.#drainEncoder();
  }

  #drainDecoder(): void {
    while (this.#decoder.receiveFrameSync(this.#decoded) >= 0) {
      this.#keepTime();
      FFmpegError.throwIfError(this.#resampler.convertSync(null, 0, this.#decoded.extendedData, this.#decoded.nbSamples), 'resample');
      this.#decoded.unref();
      this.#encode(false);
    }
  }

  #keepTime(): void {
    if (this.#decoded.pts === AV_NOPTS_VALUE) return void (this.#position ??= 0n);
    const rate = this.encoder.sampleRate;
    const at = rescale(this.#decoded.pts, this.#timeBase, new Rational(1, rate));
    if (this.#position === null) return void (this.#position = at);
    const expected = this.#position + this.#resampler.getDelay(BigInt(rate));
    const hole = Number(at - expected);
    if (hole > HOLE_S * rate) this.#resampler.injectSilence(Math.round((hole * this.#inputRate) / rate));
  }

  /** Takes whole frames out of the resampler, at the end also the rest. */
  #encode(atEnd: boolean): void {
    const context = this.encoder;
    const wanted = context.frameSize;
    for (;;) {
      const held = Number(this.#resampler.getDelay(BigInt(context.sampleRate)));
      if (held < wanted && !(atEnd && held > 0)) return;
      const frame = this.#resampled;
      frame.unref();
      frame.format = context.sampleFormat;
      frame.nbSamples = wanted;
      frame.channelLayout = context.channelLayout;
      frame.sampleRate = context.sampleRate;
      FFmpegError.throwIfError(frame.getBuffer(), 'getBuffer');
      const got = this.#resampler.convertSync(frame.extendedData, wanted, null, 0);
      FFmpegError.throwIfError(got, 'resample');
      if (got === 0) return;
      frame.nbSamples = got;
      frame.pts = this.#position!;
      this.#position! += BigInt(got);
      FFmpegError.throwIfError(context.sendFrameSync(frame), 'sendFrame');
      this.#drainEncoder();
      if (got < wanted) return;
    }
  }

  #drainEncoder(): void {
    for (;;) {
      const status = this.encoder.receivePacketSync(this.#packet);
      if (status === AVERROR_EAGAIN || status === AVERROR_EOF) return;
      FFmpegError.throwIfError(status, 'receivePacket');
      this.#emit(this.#packet);
      this.#packet.unref();
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#decoder.freeContext();
    this.encoder.freeContext();
    this.#resampler.free();
    for (const part of [this.#decoded, this.#resampled, this.#packet]) part.free();
  }
}

function openEncoder(decoder: CodecContext, name: SoundEncoder): CodecContext {
  const codec = Codec.findEncoderByName(name as FFEncoderCodec);
  if (!codec) throw new Error(`node-av's FFmpeg has no encoder ${name}`);
  const { format, rates } = encoders[name];
  const context = new CodecContext();
  const channels = decoder.channels === 1 ? layouts.mono : layouts.stereo;
  context.allocContext3(codec);
  context.sampleFormat = format;
  context.sampleRate = (rates as ReadonlySet<number>).has(decoder.sampleRate) ? decoder.sampleRate : DEFAULT_RATE;
  context.channelLayout = channels as never;
  context.bitRate = BigInt(BITRATE_BPS_PER_CHANNEL * channels.nbChannels);
  context.timeBase = new Rational(1, context.sampleRate);
  context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
  FFmpegError.throwIfError(context.open2Sync(codec), `open ${name}`);
  return context;
}
