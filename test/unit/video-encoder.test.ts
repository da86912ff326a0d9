import { describe, expect, it } from 'vitest';
import { VideoEncoder } from '../../server/video/VideoEncoder.ts';
import { decoderOf } from '../support/video-decoder.ts';

const SIZE = 128;

/** A disc that moves over a gradient: something to encode, I420. */
function picture(index: number): Uint8Array {
  const i420 = new Uint8Array((SIZE * SIZE * 3) / 2).fill(128);
  for (let y = 0; y < SIZE; y++)
    for (let x = 0; x < SIZE; x++) {
      const inside = (x - 40 - index) ** 2 + (y - 64) ** 2 < 400;
      i420[y * SIZE + x] = inside ? 220 : 40 + x;
    }
  return i420;
}

function psnr(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < SIZE * SIZE; i++) sum += (a[i]! - b[i]!) ** 2;
  return 10 * Math.log10(255 ** 2 / (sum / (SIZE * SIZE)));
}

describe.each([
  ['vp8', 'vp8'],
  ['h264', 'h264'],
] as const)('VideoEncoder %s', (codec, decoderName) => {
  const create = () => new VideoEncoder({ codec, width: SIZE, height: SIZE, fps: 30, bitrateBps: 400_000 });

  it('makes frames that another decoder shows as the pictures that went in', () => {
    const encoder = create();
    const decode = decoderOf(decoderName);
    for (let index = 0; index < 12; index++) {
      const [encoded, ...more] = encoder.encode(picture(index), index * 33.3);
      expect(more).toEqual([]);
      expect(psnr(decode(encoded!.data), picture(index))).toBeGreaterThan(30);
    }
    encoder.close();
  });

  it('sends one keyframe first and then only on request', () => {
    const encoder = create();
    const keyframes: number[] = [];
    for (let index = 0; index < 20; index++) {
      if (index === 11) encoder.requestKeyframe();
      if (encoder.encode(picture(index), index * 33.3)[0]?.keyframe) keyframes.push(index);
    }
    expect(keyframes).toEqual([0, 11]);
    encoder.close();
  });

  it('survives times that stand still or run back', () => {
    const encoder = create();
    for (const timeMs of [100, 100, 90, 91, 133]) expect(encoder.encode(picture(0), timeMs).length).toBe(1);
    encoder.close();
    encoder.close();
  });
});
