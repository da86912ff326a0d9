import { describe, expect, it } from 'vitest';
import { openSafetensors, packTensors, unpackTensors, writeSafetensors } from '../../server/synthesis/model/safetensors.ts';

/** As PyTorch's own writer lays it out: entries in any order, no padding between them, blanks behind the header. */
function foreign(header: object, body: Uint8Array): Uint8Array {
  const json = Buffer.from(JSON.stringify(header).padEnd(256));
  const file = new Uint8Array(8 + json.length + body.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  file.set(body, 8 + json.length);
  return file;
}

describe('safetensors', () => {
  it('of others are read, at any offset and of any known type', () => {
    const body = new Uint8Array(3 + 8 + 16);
    body.set([7, 8, 9]);
    new DataView(body.buffer).setFloat32(3, 1.5, true);
    new DataView(body.buffer).setFloat32(7, -2, true);
    new DataView(body.buffer).setBigInt64(11, -5n, true);
    new DataView(body.buffer).setBigInt64(19, 2n ** 40n, true);
    const file = foreign(
      {
        index: { dtype: 'I64', shape: [2], data_offsets: [11, 27] },
        planes: { dtype: 'U8', shape: [1, 3], data_offsets: [0, 3] },
        values: { dtype: 'F32', shape: [2], data_offsets: [3, 11] },
      },
      body,
    );
    const opened = openSafetensors(file);
    expect(opened.metadata).toEqual({});
    expect(unpackTensors(opened)).toEqual({
      index: { type: 'int64', shape: [2], data: BigInt64Array.of(-5n, 2n ** 40n) },
      planes: { type: 'uint8', shape: [1, 3], data: Uint8Array.of(7, 8, 9) },
      values: { type: 'float32', shape: [2], data: Float32Array.of(1.5, -2) },
    });
  });

  it('come back as they went in, metadata in any script', () => {
    const tensors = {
      a: { type: 'int64', shape: [], data: BigInt64Array.of(3n) },
      b: { type: 'uint8', shape: [0], data: new Uint8Array(0) },
    } as const;
    const file = writeSafetensors({
      metadata: { who: '莉莎' },
      ...packTensors({ a: { ...tensors.a, shape: [] }, b: { ...tensors.b, shape: [0] } }),
    });
    expect(openSafetensors(file).metadata).toEqual({ who: '莉莎' });
    expect(unpackTensors(openSafetensors(file))).toEqual(tensors);
  });

  it.each([
    ['an unknown type', { dtype: 'BF16', shape: [1], data_offsets: [0, 2] }, /dtype/],
    ['more than there is', { dtype: 'U8', shape: [9], data_offsets: [0, 9] }, /beyond its bytes/],
    ['another length than its shape has', { dtype: 'U8', shape: [2], data_offsets: [0, 3] }, /beyond its bytes/],
  ])('with %s are refused', (_name, entry, message) => {
    expect(() => unpackTensors(openSafetensors(foreign({ entry }, new Uint8Array(4))))).toThrow(message);
  });
});
