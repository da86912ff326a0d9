import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../client/src/protocol/errors.ts';
import { decodeAvatar, encodeAvatar } from '../../server/synthesis/model/avatar-file.ts';
import type { EnrolledAvatar } from '../../server/synthesis/model/types.ts';

const avatar: EnrolledAvatar = {
  model: 'warp',
  modelVersion: '1',
  size: 256,
  tensors: {
    points: { type: 'float32', shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 1e-30, 7) },
    flag: { type: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 255) },
    half: { type: 'float16', shape: [1, 1], data: Uint16Array.of(0x3c00) },
    choice: { type: 'int32', shape: [2], data: Int32Array.of(-1, 4) },
  },
};

describe('the avatar file', () => {
  it('comes back as it went in', () => {
    expect(decodeAvatar(encodeAvatar(avatar))).toEqual(avatar);
  });

  it('is a safetensors file: aligned header, offsets without holes', () => {
    const file = encodeAvatar(avatar);
    const length = Number(new DataView(file.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const { __metadata__: metadata, ...entries } = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
    expect(Object.values(metadata).every((v) => typeof v === 'string')).toBe(true);
    const offsets = Object.values(entries as Record<string, { data_offsets: [number, number] }>)
      .map((e) => e.data_offsets)
      .sort((a, b) => a[0] - b[0]);
    let at = 0;
    for (const [from, to] of offsets) {
      expect(from).toBe(at);
      at = to;
    }
    expect(8 + length + at).toBe(file.length);
  });

  it('can be read from the middle of a larger buffer', () => {
    const file = encodeAvatar(avatar);
    const larger = new Uint8Array(file.length + 11);
    larger.set(file, 5);
    expect(decodeAvatar(larger.subarray(5, 5 + file.length))).toEqual(avatar);
  });

  it('any flipped byte, any cut, any garbage is an AppError', () => {
    const file = encodeAvatar(avatar);
    const refused = (bytes: Uint8Array) => {
      try {
        // a blank that turned into another kind of blank does no harm
        return Buffer.from(encodeAvatar(decodeAvatar(bytes))).equals(Buffer.from(file));
      } catch (error) {
        return error instanceof AppError && error.code === 'avatar-not-found';
      }
    };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: file.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bad = file.slice();
        bad[at]! ^= flip;
        return refused(bad);
      }),
    );
    fc.assert(fc.property(fc.integer({ min: 0, max: file.length - 1 }), (end) => refused(file.subarray(0, end))));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => refused(bytes)));
  });
});
