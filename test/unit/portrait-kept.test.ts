/** What is kept of a portrait: small, without metadata, and good for a later enrolment. */
import sharp from 'sharp';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalFace } from '../../server/landmarker/canonical-face.ts';
import type { RgbImage } from '../../server/landmarker/types.ts';
import { headSquare } from '../../server/portraits/crop.ts';
import { keptPortrait, keptRegion } from '../../server/portraits/kept.ts';
import { preparePortrait, type FaceFinder } from '../../server/portraits/prepare.ts';

/** The canonical face `wide` pixels wide, its middle at x, y: [478, 3] pixels. */
const faceAt = (x: number, y: number, wide: number): Float32Array => canonicalFace.map((value, i) => value * wide + [x, y, 0][i % 3]!);

/** Coarse noise: as much detail as a picture may have, and nothing that a JPEG could drop. */
function noise(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i += 1) data[i] = 60 + ((i * 7919 + (i >> 5) * 104_729) % 140);
  return { width, height, data };
}

describe('a kept portrait', () => {
  it('is cut out around the head: all of the head square and half as much again, large enough for an avatar of 768 pixels', async () => {
    const image = noise(4096, 3072);
    const square = headSquare(faceAt(2000, 1400, 700), image);
    const { width, height, format } = await sharp(await keptPortrait(image, square)).metadata();
    expect({ width, height, format }).toEqual({ width: 1536, height: 1536, format: 'jpeg' });
    // The head square of 768 x 768 that the largest avatar takes is still made smaller, never larger.
    const region = keptRegion(image, square);
    const scale = 1536 / region.width;
    expect(scale * square.size).toBeGreaterThanOrEqual(1000);
    const again = headSquare(
      faceAt(2000, 1400, 700).map((value, i) => (value - [region.left, region.top, 0][i % 3]!) * scale),
      { width: 1536, height: 1536 },
    );
    expect(again.size).toBeGreaterThanOrEqual(1000);
  });

  it('keeps a small head at its own resolution, however large the picture', async () => {
    const image = noise(4096, 3072);
    const square = headSquare(faceAt(2000, 1400, 90), image);
    const { width, height } = await sharp(await keptPortrait(image, square)).metadata();
    expect([width, height]).toEqual([Math.ceil(1.5 * square.size), Math.ceil(1.5 * square.size)]);
  });

  it('takes a tenth of what eight pictures of 48 megapixels took', async () => {
    const kept = await keptPortrait(noise(4096, 4096), { x: 0, y: 0, size: 4096 });
    expect(8 * kept.byteLength).toBeLessThan(20_000_000);
  });

  it('gives the same head square again, wherever the face is', () => {
    fc.assert(
      fc.property(
        fc.record({ width: fc.integer({ min: 300, max: 4096 }), height: fc.integer({ min: 300, max: 4096 }) }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0.15, max: 0.6, noNaN: true }),
        (image, x, y, share) => {
          const wide = share * Math.min(image.width, image.height);
          const points = faceAt(x * image.width, y * image.height, wide);
          const square = headSquare(points, image);
          const region = keptRegion(image, square);
          expect(region.left).toBeGreaterThanOrEqual(0);
          expect(region.top).toBeGreaterThanOrEqual(0);
          expect(region.left + region.width).toBeLessThanOrEqual(image.width);
          expect(region.top + region.height).toBeLessThanOrEqual(image.height);
          const moved = points.map((value, i) => value - [region.left, region.top, 0][i % 3]!);
          const again = headSquare(moved, region);
          // Whole pixels, rounded twice.
          expect(Math.abs(again.size - square.size)).toBeLessThanOrEqual(1);
          expect(Math.abs(again.x + region.left - square.x)).toBeLessThanOrEqual(2);
          expect(Math.abs(again.y + region.top - square.y)).toBeLessThanOrEqual(2);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is upright and says nothing of camera, place or owner', async () => {
    const [width, height] = [900, 600];
    const upright = noise(width, height);
    const bytes = await sharp(upright.data, { raw: { width, height, channels: 3 } })
      .rotate(270)
      .withExif({ IFD0: { Copyright: 'somebody' }, IFD3: { GPSLatitude: '51/1 30/1 0/1' } })
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 95 })
      .toBuffer();
    const pixels = faceAt(450, 280, 200);
    const points = pixels.map((value) => value / width);
    const finder: FaceFinder = {
      detect: async () => [{ points, confidence: 1, box: [0, 0, 1, 1] }],
      matte: async (image) => new Uint8Array(image.width * image.height),
    };
    const { normalised } = await preparePortrait(bytes, { landmarker: finder, size: 256, crop: 'head' });
    const { orientation, exif, icc, xmp, iptc, format, ...size } = await sharp(normalised).metadata();
    expect({ orientation, exif, icc, xmp, iptc, format }).toEqual({ format: 'jpeg' });
    const region = keptRegion({ width, height }, headSquare(pixels, { width, height }));
    expect(size).toMatchObject({ width: region.width, height: region.height });
    expect(normalised.includes('somebody')).toBe(false);
  });
});
