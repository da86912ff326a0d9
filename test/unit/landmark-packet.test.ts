import { describe, expect, it } from 'vitest';
import { AppError, LANDMARK_COUNT } from '../../client/src/protocol/index.ts';
import {
  LANDMARK_PACKET_VERSION,
  LandmarkDecoder,
  LandmarkEncoder,
  MAX_LANDMARK_PACKET_BYTES,
} from '../../client/src/protocol/landmark-packet.ts';
import { FEATURE_POINTS } from '../../client/src/protocol/landmark-basis.ts';
import { LANDMARK_HEADER_BYTES } from '../../client/src/protocol/landmark-packet.ts';
import { errorPercent, seededRandom, syntheticFace } from '../support/synthetic-faces.ts';

const CAPTURED_MS = 1_764_000_000_123.4;
const frameOf = (points: Float32Array) => ({ points, capturedMs: CAPTURED_MS, confidence: 0.9 });
const seeds = Array.from({ length: 30 }, (_, i) => i + 1);
const sizeOf = (points: Float32Array, targetErrorPercent: number) =>
  new LandmarkEncoder({ targetErrorPercent }).encode(frameOf(points)).length;

describe('points', () => {
  for (const target of [1, 0.5, 0.25, 0.1]) {
    it(`come back within ${target} % of the face width, root mean square`, () => {
      const encoder = new LandmarkEncoder({ targetErrorPercent: target });
      const decoder = new LandmarkDecoder();
      for (const seed of seeds) {
        const points = syntheticFace({ seed, noise: 0.0005 });
        expect(errorPercent(points, decoder.decode(encoder.encode(frameOf(points))).points)).toBeLessThanOrEqual(target);
      }
    });
  }

  it('of faces that the basis does not carry stay within the bound too, at more bytes', () => {
    const encoder = new LandmarkEncoder({ targetErrorPercent: 0.5 });
    const decoder = new LandmarkDecoder();
    for (const seed of seeds) {
      const odd = syntheticFace({ seed, noise: 0.004, dent: 0.08 });
      const packet = encoder.encode(frameOf(odd));
      expect(packet[0]! & 1, 'a residual follows').toBe(1);
      expect(packet.length).toBeLessThanOrEqual(MAX_LANDMARK_PACKET_BYTES);
      expect(errorPercent(odd, decoder.decode(packet).points)).toBeLessThanOrEqual(0.5);
    }
  });

  it('of lips, lids and irises come back more exactly than the face as a whole', () => {
    const encoder = new LandmarkEncoder();
    const decoder = new LandmarkDecoder();
    let features = 0,
      whole = 0;
    for (const seed of seeds) {
      const points = syntheticFace({ seed, noise: 0.0003 });
      const back = decoder.decode(encoder.encode(frameOf(points))).points;
      features += errorPercent(points, back, FEATURE_POINTS) ** 2;
      whole += errorPercent(points, back) ** 2;
    }
    expect(features).toBeLessThan(whole);
  });

  it('may lie anywhere: partly outside, tiny, huge, upside down', () => {
    const encoder = new LandmarkEncoder({ targetErrorPercent: 0.5 });
    const decoder = new LandmarkDecoder();
    for (const at of [
      [-0.1, 0.9],
      [1.2, -0.2],
      [0.5, 1.7],
    ] as [number, number][]) {
      for (const size of [0.004, 0.1, 0.6]) {
        for (const roll of [-3.1, -1.6, 0, 2.4]) {
          const points = syntheticFace({ seed: 7, at, size, roll });
          // The pose's own step adds nothing to the shape's error: it is coded first, and the shape is what remains.
          expect(errorPercent(points, decoder.decode(encoder.encode(frameOf(points))).points)).toBeLessThanOrEqual(0.505);
        }
      }
    }
  });

  it('cost what the goal allows: 40 kbit/s at 30 frames a second and 0.5 %, and less when asked for less', () => {
    const mean = (target: number) =>
      seeds.reduce((sum, seed) => sum + sizeOf(syntheticFace({ seed, noise: 0.0005 }), target), 0) / seeds.length;
    expect((mean(0.5) * 8 * 30) / 1000).toBeLessThan(40);
    expect(mean(1)).toBeLessThan(mean(0.5));
    expect(mean(0.5)).toBeLessThan(mean(0.25));
  });
});

describe('packets', () => {
  it('never exceed their limit, even for points that are no face', () => {
    const encoder = new LandmarkEncoder({ targetErrorPercent: 0.05 });
    const decoder = new LandmarkDecoder();
    for (const seed of seeds) {
      const random = seededRandom(seed);
      const garbage = Float32Array.from({ length: LANDMARK_COUNT * 3 }, () => (random() < 0.01 ? 20 : 1) * (random() - 0.5));
      const packet = encoder.encode(frameOf(garbage));
      expect(packet.length).toBeGreaterThan(LANDMARK_HEADER_BYTES);
      expect(packet.length).toBeLessThanOrEqual(MAX_LANDMARK_PACKET_BYTES);
      expect(decoder.decode(packet).confidence).toBeCloseTo(0.9, 2);
    }
  });

  it('decode alike alone, in any order, and by a decoder that saw others before', () => {
    const encoder = new LandmarkEncoder();
    const packets = seeds.map((seed) => encoder.encode(frameOf(syntheticFace({ seed, dent: seed % 3 === 0 ? 0.1 : 0 }))));
    const alone = packets.map((packet) => new LandmarkDecoder().decode(packet).points);
    const decoder = new LandmarkDecoder();
    for (const i of [...packets.keys()].reverse()) expect(decoder.decode(packets[i]!).points).toEqual(alone[i]);
  });

  it('are fresh arrays that later calls leave alone', () => {
    const encoder = new LandmarkEncoder();
    const first = encoder.encode(frameOf(syntheticFace({ seed: 1 })));
    const copy = first.slice();
    encoder.encode(frameOf(syntheticFace({ seed: 2 })));
    expect(first).toEqual(copy);
  });

  it('hold a still face still: the same points give the same bytes', () => {
    const encoder = new LandmarkEncoder();
    const points = syntheticFace({ seed: 5 });
    const [, ...settled] = Array.from({ length: 10 }, () => encoder.encode({ ...frameOf(points), sequence: 1 }));
    for (const packet of settled) expect(packet).toEqual(settled[0]);
  });

  it("of a face that trembles by the tracker's noise tremble by little more", () => {
    const encoder = new LandmarkEncoder();
    const decoder = new LandmarkDecoder();
    const face = syntheticFace({ seed: 11, size: 0.12 });
    const random = seededRandom(3);
    const noise = 0.0003 * 0.12 * 2.75;
    const decoded = Array.from(
      { length: 40 },
      () => decoder.decode(encoder.encode(frameOf(face.map((v) => v + (random() - 0.5) * 3.46 * noise)))).points,
    ).slice(5);
    const steps = decoded.slice(1).map((points, i) => errorPercent(decoded[i]!, points));
    const rms = Math.sqrt(steps.reduce((sum, e) => sum + e * e, 0) / steps.length);
    // Frame to frame the noise itself moves the points by 0.03 % * sqrt(3 axes * 2) = 0.07 %.
    expect(rms).toBeLessThan(0.14);
  });
});

describe('header', () => {
  it('names the version and carries confidence to 1/255', () => {
    const packet = new LandmarkEncoder().encode({ ...frameOf(syntheticFace({ seed: 1 })), confidence: 0.001 });
    expect(packet[0]! >> 4).toBe(LANDMARK_PACKET_VERSION);
    expect(new LandmarkDecoder().decode(packet).confidence).toBe(1 / 255);
  });

  it('carries times exactly to a tenth of a millisecond', () => {
    const encoder = new LandmarkEncoder();
    const decoder = new LandmarkDecoder();
    for (const capturedMs of [0, 0.1, 429_496_729.5, 429_496_729.6, 1_764_000_000_000.7, 28_147_497_671_065.5]) {
      for (const delta of [0, 0.1, 12.3, 6553.5]) {
        const { capturedMs: captured, sentMs } = decoder.decode(
          encoder.encode({ points: new Float32Array(0), capturedMs, confidence: 0, sentMs: capturedMs + delta }),
        );
        expect(captured).toBeCloseTo(capturedMs, 3);
        expect(sentMs - captured).toBeCloseTo(delta, 2);
      }
    }
  });

  it('bounds what cannot be: sent before captured, long after, or no time at all', () => {
    const encoder = new LandmarkEncoder();
    const decoder = new LandmarkDecoder();
    const sent = (capturedMs: number, sentMs: number) =>
      decoder.decode(encoder.encode({ points: new Float32Array(0), confidence: 0, capturedMs, sentMs }));
    expect(sent(5000, 4000)).toMatchObject({ capturedMs: 5000, sentMs: 5000 });
    expect(sent(5000, 60_000)).toMatchObject({ capturedMs: 5000, sentMs: 11_553.5 });
    expect(sent(Number.NaN, Number.NaN)).toMatchObject({ capturedMs: 0, sentMs: 0 });
    expect(sent(-1, Number.POSITIVE_INFINITY)).toMatchObject({ capturedMs: 0, sentMs: 6553.5 });
  });

  it('counts sequence numbers and wraps after 65535', () => {
    const encoder = new LandmarkEncoder();
    const decoder = new LandmarkDecoder();
    const none = { points: new Float32Array(0), capturedMs: 1, confidence: 0 };
    const next = (sequence?: number) => decoder.decode(encoder.encode(sequence === undefined ? none : { ...none, sequence })).sequence;
    expect([next(), next(), next(65_534), next(), next(), next(70_000)]).toEqual([0, 1, 65_534, 65_535, 0, 70_000 - 65_536]);
  });
});

describe('no face', () => {
  const face = syntheticFace({ seed: 1 });
  const spoil = (value: number, index = 700) => face.map((v, i) => (i === index ? value : v));
  const cases: [string, Float32Array, number][] = [
    ['confidence 0', face, 0],
    ['confidence NaN', face, Number.NaN],
    ['a NaN point', spoil(Number.NaN), 1],
    ['an infinite point', spoil(Number.NEGATIVE_INFINITY), 1],
    ['points too few', face.subarray(3), 1],
    ['all points in one place', new Float32Array(LANDMARK_COUNT * 3).fill(0.5), 1],
    ['a face far outside of the picture', face.map((v) => v + 1000), 1],
    ['a face larger than any', face.map((v) => v * 1e6), 1],
  ];
  for (const [name, points, confidence] of cases) {
    it(`${name} gives a header alone`, () => {
      const packet = new LandmarkEncoder().encode({ points, capturedMs: CAPTURED_MS, confidence });
      expect(packet.length).toBe(LANDMARK_HEADER_BYTES);
      const decoded = new LandmarkDecoder().decode(packet);
      expect(decoded).toMatchObject({ confidence: 0, capturedMs: CAPTURED_MS });
      expect(decoded.points.every((v) => v === 0)).toBe(true);
    });
  }
});

describe('misuse', () => {
  it('refuses a target out of range', () => {
    for (const targetErrorPercent of [0, -1, 10, Number.NaN]) expect(() => new LandmarkEncoder({ targetErrorPercent })).toThrow(AppError);
  });

  it('refuses other versions, unknown flags and wrong lengths', () => {
    const good = new LandmarkEncoder().encode(frameOf(syntheticFace({ seed: 3 })));
    const decoder = new LandmarkDecoder();
    const changed = (at: number, value: number) => good.map((v, i) => (i === at ? value : v));
    for (const bad of [
      changed(0, 0x20),
      changed(0, good[0]! | 8),
      new Uint8Array(0),
      good.slice(0, 11),
      good.slice(0, 12),
      new Uint8Array([...good, 0]),
      new Uint8Array(1101),
      changed(1, 0),
    ]) {
      expect(() => decoder.decode(bad)).toThrow(expect.objectContaining({ code: 'bad-request' }));
    }
    expect(() => decoder.decode(good)).not.toThrow();
  });

  it('passes over the reserved flags', () => {
    const packet = new LandmarkEncoder().encode(frameOf(syntheticFace({ seed: 3 })));
    const flagged = packet.map((v, i) => (i === 0 ? v | 6 : v));
    expect(new LandmarkDecoder().decode(flagged).points).toEqual(new LandmarkDecoder().decode(packet).points);
  });
});
