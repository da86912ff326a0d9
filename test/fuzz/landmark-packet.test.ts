import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError, LANDMARK_COUNT } from '../../client/src/protocol/index.ts';
import { LandmarkDecoder, LandmarkEncoder, MAX_LANDMARK_PACKET_BYTES } from '../../client/src/protocol/landmark-packet.ts';
import type { DecodedLandmarks } from '../../client/src/protocol/landmark-packet.ts';
import { errorPercent, syntheticFace } from '../support/synthetic-faces.ts';

const decoder = new LandmarkDecoder();

/** What a decoder may do with bytes from anybody: answer soundly, or refuse with the one code. */
function decodeOrRefuse(bytes: Uint8Array): DecodedLandmarks | undefined {
  let decoded: DecodedLandmarks;
  try {
    decoded = decoder.decode(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe('bad-request');
    return undefined;
  }
  expect(decoded.points.length).toBe(LANDMARK_COUNT * 3);
  expect(decoded.points.every(Number.isFinite)).toBe(true);
  expect(decoded.confidence >= 0 && decoded.confidence <= 1).toBe(true);
  expect(Number.isFinite(decoded.capturedMs) && decoded.sentMs >= decoded.capturedMs).toBe(true);
  return decoded;
}

const face = fc.record({
  seed: fc.nat(),
  noise: fc.double({ min: 0, max: 0.02, noNaN: true }),
  dent: fc.double({ min: -0.3, max: 0.3, noNaN: true }),
});
const packetOf = (options: { seed: number; noise: number; dent: number }): Uint8Array =>
  new LandmarkEncoder({ targetErrorPercent: 0.3 }).encode({ points: syntheticFace(options), capturedMs: 1e12, confidence: 1 });

describe('landmark decoder', () => {
  it('answers or refuses any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1300 }), (bytes) => void decodeOrRefuse(bytes)),
      { numRuns: 500 },
    );
  });

  it('answers or refuses any bytes behind a sound header', () => {
    const body = fc.uint8Array({ maxLength: MAX_LANDMARK_PACKET_BYTES - 12 });
    fc.assert(
      fc.property(
        body,
        fc.boolean(),
        (bytes, residual) => void decodeOrRefuse(Uint8Array.from([residual ? 0x11 : 0x10, 255, ...new Uint8Array(10), ...bytes])),
      ),
      { numRuns: 500 },
    );
  });

  it('answers or refuses damaged and shortened packets', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(7)), { maxLength: 4 });
    fc.assert(
      fc.property(face, damage, fc.nat(), (options, flips, cut) => {
        const packet = packetOf(options);
        for (const [at, bit] of flips) packet[at % packet.length]! ^= 1 << bit;
        decodeOrRefuse(packet);
        decodeOrRefuse(packet.subarray(0, cut % (packet.length + 1)));
      }),
      { numRuns: 200 },
    );
  });

  it('refuses constant bodies that invite endless numbers', () => {
    for (const fill of [0x00, 0xff, 0x55, 0xaa]) {
      for (const length of [13, 64, 700, MAX_LANDMARK_PACKET_BYTES]) {
        const packet = new Uint8Array(length).fill(fill);
        packet.set([0x11, 255]);
        decodeOrRefuse(packet);
      }
    }
  });
});

describe('landmark encoder', () => {
  it('keeps the error bound for every face, however bent', () => {
    fc.assert(
      fc.property(face, (options) => {
        const points = syntheticFace(options);
        const packet = packetOf(options);
        const decoded = decodeOrRefuse(packet);
        // Independent noise of over a percent on every coordinate does not fit into the packet at 0.3 %.
        if (options.noise < 0.005) expect(errorPercent(points, decoded!.points)).toBeLessThanOrEqual(0.3);
      }),
      { numRuns: 200 },
    );
  });

  it('never exceeds the limit and never throws, whatever the floats', () => {
    const any = fc.oneof(
      fc.float(),
      fc.float({ min: -2, max: 2, noNaN: true }),
      fc.constantFrom(0, 1e-30, 1e30, Number.NaN, Number.POSITIVE_INFINITY),
    );
    const points = fc.oneof(
      fc
        .array(any, { minLength: 20, maxLength: 20 })
        .map((few) => Float32Array.from({ length: LANDMARK_COUNT * 3 }, (_, i) => few[(i * 7919) % 20]!)),
      fc
        .tuple(fc.nat(), fc.float({ min: -60, max: 60, noNaN: true }), fc.nat(LANDMARK_COUNT * 3 - 1))
        .map(([seed, value, at]) => syntheticFace({ seed }).map((v, i) => (i === at ? value : v))),
      fc
        .tuple(fc.nat(), fc.float({ min: -9, max: 3, noNaN: true }))
        .map(([seed, exponent]) => syntheticFace({ seed }).map((v) => v * 10 ** exponent)),
    );
    const encoder = new LandmarkEncoder({ targetErrorPercent: 0.05 });
    fc.assert(
      fc.property(points, fc.double(), fc.double(), (values, capturedMs, confidence) => {
        const packet = encoder.encode({ points: values, capturedMs, confidence });
        expect(packet.length).toBeLessThanOrEqual(MAX_LANDMARK_PACKET_BYTES);
        expect(decodeOrRefuse(packet)).toBeDefined();
      }),
      { numRuns: 300 },
    );
  });
});
