/** FFmpeg's decoders, for what our encoders make. */
import { Codec, CodecContext, Frame, Packet } from 'node-av/lib';

/** @returns decodes one frame after the other to I420. @throws Error for what cannot be decoded */
export function decoderOf(name: 'vp8' | 'h264'): (data: Uint8Array) => Buffer {
  const context = new CodecContext();
  context.allocContext3(Codec.findDecoderByName(name as never)!);
  context.open2Sync();
  const frame = new Frame();
  frame.alloc();
  return (data) => {
    const packet = new Packet();
    packet.alloc();
    packet.data = Buffer.from(data);
    if (context.sendPacketSync(packet) < 0 || context.receiveFrameSync(frame) < 0) throw new Error('not decodable');
    return Buffer.from(frame.toBuffer());
  };
}
