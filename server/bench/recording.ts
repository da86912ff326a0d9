/**
 * A recorded driver for the benchmark: landmark packets as a call carries them, one after the other, each behind its length.
 * Little endian: uint16 bytes, packet, uint16 bytes, packet, …
 */
import { LandmarkDecoder, type LandmarkFrame } from '../../client/src/protocol/index.ts';

export function writeRecording(packets: readonly Uint8Array[]): Buffer {
  return Buffer.concat(packets.flatMap((packet) => {
    const length = Buffer.alloc(2);
    length.writeUInt16LE(packet.length);
    return [length, packet];
  }));
}

/** The faces of a recording, [478, 3] each; frames without a face are left out. @throws AppError `bad-request` for a damaged file. */
export function readRecording(file: Buffer): LandmarkFrame['points'][] {
  const decoder = new LandmarkDecoder();
  const frames: LandmarkFrame['points'][] = [];
  for (let at = 0; at + 2 <= file.length; ) {
    const length = file.readUInt16LE(at);
    const { points, confidence } = decoder.decode(file.subarray(at + 2, at + 2 + length));
    if (confidence > 0) frames.push(Float32Array.from(points));
    at += 2 + length;
  }
  return frames;
}
