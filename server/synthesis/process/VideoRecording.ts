/** Encoded frames of one avatar as one file: a JSON header behind its length (uint32, little endian), then the frames one after the other. */
import { AppError } from '../../../client/src/protocol/index.ts';
import type { VideoCodec } from '../../video/rtp-packetizer.ts';

export interface RecordedFrame {
  data: Uint8Array;
  keyframe: boolean;
}

export interface VideoRecording {
  codec: VideoCodec;
  /** Side of the square image, pixels. */
  size: number;
  framesPerSecond: number;
  /** In decoding order; the first is a keyframe. */
  frames: RecordedFrame[];
}

interface Header extends Omit<VideoRecording, 'frames'> {
  format: typeof FORMAT;
  /** Bytes of each frame. */
  lengths: number[];
  /** Indices. */
  keyframes: number[];
}

const FORMAT = 'gioconda-recording';
const LENGTH_BYTES = 4;

export function encodeRecording({ frames, codec, size, framesPerSecond }: VideoRecording): Uint8Array {
  const header: Header = {
    format: FORMAT,
    codec,
    size,
    framesPerSecond,
    lengths: frames.map(({ data }) => data.byteLength),
    keyframes: frames.flatMap(({ keyframe }, index) => (keyframe ? [index] : [])),
  };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(text.byteLength);
  return Buffer.concat([length, text, ...frames.map(({ data }) => data)]);
}

/** The frames are views into `file`. @throws AppError `internal`: the file is damaged, or not a recording. */
export function decodeRecording(file: Uint8Array): VideoRecording {
  try {
    const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
    const start = LENGTH_BYTES + bytes.readUInt32LE(0);
    const header = JSON.parse(bytes.toString('utf8', LENGTH_BYTES, start)) as Header;
    const { codec, size, framesPerSecond } = header;
    return { codec, size, framesPerSecond, frames: cut(bytes.subarray(start), header) };
  } catch (cause) {
    throw new AppError('internal', 'The recording is damaged; make another', { cause });
  }
}

function cut(body: Uint8Array, { format, lengths, keyframes }: Header): RecordedFrame[] {
  if (format !== FORMAT || keyframes[0] !== 0) throw new Error('not a recording that begins with a keyframe');
  if (lengths.reduce((sum, length) => sum + length, 0) !== body.byteLength) throw new Error('its frames are not all there');
  const isKeyframe = new Set(keyframes);
  let at = 0;
  return lengths.map((length, index) => ({ data: body.subarray(at, (at += length)), keyframe: isKeyframe.has(index) }));
}
