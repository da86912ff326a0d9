import { describe, expect, it } from 'vitest';
import { joined, sha256Of } from '../../server/base/large-bytes.ts';
import { sha256 } from '../support/sha256.ts';

const MIB = 2 ** 20;

function bytes(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7 + (i >> 8)) & 0xff);
}

/** How often the event loop went round until the work was done. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let done = false;
  void work.finally(() => (done = true));
  while (!done) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  return turns;
}

describe('large bytes', () => {
  it.each([0, 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 3 * MIB + 5])('have the hash that they have at once: %i', async (length) => {
    const data = bytes(length);
    expect(await sha256Of(data)).toBe(sha256(data));
  });

  it.each([[[]], [[0]], [[5, 0, 7]], [[65_536, 65_536, 65_536, 65_536, 65_536, 3]], [[2 * MIB, 1, MIB + 1]]])(
    'are joined in order: %j',
    async (lengths) => {
      const chunks = lengths.map(bytes);
      expect(Buffer.compare(await joined(chunks), Buffer.concat(chunks))).toBe(0);
    },
  );

  it('leave the event loop free: it goes round several times', async () => {
    const data = bytes(4 * MIB);
    expect(await turnsDuring(sha256Of(data))).toBeGreaterThanOrEqual(15);
    expect(await turnsDuring(joined([data]))).toBeGreaterThanOrEqual(15);
    expect(await turnsDuring(joined(Array.from({ length: 64 }, () => data.subarray(0, 65_536))))).toBeGreaterThanOrEqual(15);
  });
});
