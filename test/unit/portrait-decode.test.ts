import { crc32, deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import type { AppError, ErrorCode } from '../../client/src/protocol/index.ts';
import { decodePortrait, sniffFormat } from '../../server/portraits/decode.ts';
import { DEFAULT_PORTRAIT_LIMITS, type PortraitLimits } from '../../server/portraits/limits.ts';

const [WIDTH, HEIGHT] = [120, 80];
/** Left half red, right half blue, a green bar on top: tells turns and mirror images apart. */
function flag(): Sharp {
  const data = Buffer.alloc(WIDTH * HEIGHT * 3);
  for (let y = 0; y < HEIGHT; y += 1)
    for (let x = 0; x < WIDTH; x += 1) data.set(y < 20 ? [0, 160, 0] : x < WIDTH / 2 ? [200, 30, 30] : [30, 30, 200], (y * WIDTH + x) * 3);
  return sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });
}

async function pixel(bytes: Uint8Array, x: number, y: number): Promise<number[]> {
  const image = await decodePortrait(bytes);
  return [...image.data.subarray((y * image.width + x) * 3, (y * image.width + x) * 3 + 3)];
}
const near = (values: number[], tolerance = 14) =>
  values.map((value) => expect.toSatisfy((actual: number) => Math.abs(actual - value) <= tolerance));

async function refusal(bytes: Uint8Array, limits?: PortraitLimits): Promise<{ code: ErrorCode; message: string }> {
  return decodePortrait(bytes, limits).then(
    () => ({ code: 'internal' as const, message: 'it was accepted' }),
    (error: AppError) => ({ code: error.code, message: error.message }),
  );
}

function pngChunk(type: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), body]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(body.length, 0);
  frame.writeUInt32BE(crc32(named), 4);
  return Buffer.concat([frame.subarray(0, 4), named, frame.subarray(4)]);
}

/** A well-formed PNG of that size whose pixels take a few bytes. */
function bomb(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.alloc(100_000))),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('decodePortrait accepts', () => {
  const formats: [string, (picture: Sharp) => Sharp][] = [
    ['JPEG', (picture) => picture.jpeg({ quality: 95 })],
    ['progressive JPEG', (picture) => picture.jpeg({ progressive: true, quality: 95 })],
    ['CMYK JPEG', (picture) => picture.toColourspace('cmyk').jpeg({ quality: 95 })],
    ['PNG', (picture) => picture.png()],
    ['PNG of 16 bits', (picture) => picture.toColourspace('rgb16').png()],
    ['PNG with a palette', (picture) => picture.png({ palette: true })],
    ['WebP', (picture) => picture.webp({ quality: 95 })],
    ['AVIF', (picture) => picture.avif({ quality: 90 })],
    ['GIF', (picture) => picture.gif()],
  ];
  it.each(formats)('%s', async (name, encode) => {
    const bytes = await encode(flag()).toBuffer();
    const image = await decodePortrait(bytes);
    expect([image.width, image.height, image.data.length]).toEqual([WIDTH, HEIGHT, WIDTH * HEIGHT * 3]);
    // Without a profile, CMYK's inks are anybody's guess: the hues must be right, not the numbers.
    const tolerance = name.startsWith('CMYK') ? 90 : 14;
    expect(await pixel(bytes, 20, 60)).toEqual(near([200, 30, 30], tolerance));
    expect(await pixel(bytes, 100, 60)).toEqual(near([30, 30, 200], tolerance));
  });

  it('grey pictures, as three equal channels', async () => {
    const bytes = await flag().toColourspace('b-w').png().toBuffer();
    const [r, g, b] = await pixel(bytes, 20, 60);
    expect([g, b]).toEqual([r, r]);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('EXIF orientation %d, upright', async (orientation) => {
    // What a camera stores so that this orientation puts it upright again.
    const stored = [
      null,
      (p: Sharp) => p,
      (p: Sharp) => p.flop(),
      (p: Sharp) => p.rotate(180),
      (p: Sharp) => p.flip(),
      (p: Sharp) => p.rotate(270).flop(),
      (p: Sharp) => p.rotate(270),
      (p: Sharp) => p.rotate(90).flop(),
      (p: Sharp) => p.rotate(90),
    ][orientation]!;
    // Rotation and mirroring happen in sharp's own order within one pipeline, so they are done apart.
    const turned = await stored(flag()).png().toBuffer();
    const bytes = await sharp(turned).withMetadata({ orientation }).jpeg({ quality: 95 }).toBuffer();
    const image = await decodePortrait(bytes);
    expect([image.width, image.height]).toEqual([WIDTH, HEIGHT]);
    expect(await pixel(bytes, 60, 8)).toEqual(near([0, 160, 0], 20));
    expect(await pixel(bytes, 20, 60)).toEqual(near([200, 30, 30], 20));
  });

  it('transparency, on a neutral ground', async () => {
    const bytes = await sharp({ create: { width: 64, height: 64, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0 } } })
      .png()
      .toBuffer();
    expect(await pixel(bytes, 30, 30)).toEqual(near([200, 200, 200], 2));
  });

  it('animations, by their first frame', async () => {
    const frames = await Promise.all(
      ['#c01010', '#1010c0'].map((background) =>
        sharp({ create: { width: 64, height: 64, channels: 3, background } })
          .png()
          .toBuffer(),
      ),
    );
    for (const bytes of [
      await sharp(frames, { join: { animated: true } })
        .webp({ quality: 95 })
        .toBuffer(),
      await sharp(frames, { join: { animated: true } })
        .gif()
        .toBuffer(),
    ]) {
      const image = await decodePortrait(bytes);
      expect([image.width, image.height]).toEqual([64, 64]);
      expect(await pixel(bytes, 30, 30)).toEqual(near([192, 16, 16]));
    }
  });

  it('large pictures, at no more than 4096 pixels a side', async () => {
    const bytes = await sharp({ create: { width: 6000, height: 1500, channels: 3, background: '#808080' } })
      .jpeg()
      .toBuffer();
    const image = await decodePortrait(bytes);
    expect([image.width, image.height]).toEqual([4096, 1024]);
  });
});

describe('decodePortrait refuses', () => {
  it.each<[string, Uint8Array]>([
    ['text', Buffer.from('I am a portrait, believe me')],
    [
      'SVG, which could load other files',
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"><rect width="99" height="99"/></svg>'),
    ],
    ['PDF', Buffer.from('%PDF-1.7\n%âãÏÓ\n')],
    ['a JPEG of three bytes', Uint8Array.of(0xff, 0xd8, 0xff)],
    ['a PNG without a body', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')],
    ['a HEIC that is none', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1')],
  ])('%s', async (_, bytes) => {
    expect((await refusal(bytes)).code).toBe('portrait-not-an-image');
  });

  it.each(['jpeg', 'png', 'webp'] as const)('a %s that was cut short', async (format) => {
    const grain = Buffer.from(Uint8Array.from({ length: 300 * 300 * 3 }, (_, i) => (i * 7919 * (i % 13)) % 251));
    const whole = await sharp(grain, { raw: { width: 300, height: 300, channels: 3 } })
      .toFormat(format)
      .toBuffer();
    expect((await refusal(whole)).message).toBe('it was accepted');
    for (const share of [0.1, 0.5, 0.9])
      expect((await refusal(whole.subarray(0, Math.floor(share * whole.length)))).code).toBe('portrait-not-an-image');
  });

  it('too many bytes', async () => {
    const { code, message } = await refusal(new Uint8Array(DEFAULT_PORTRAIT_LIMITS.maxBytes + 1));
    expect([code, message]).toEqual(['portrait-too-large', expect.stringContaining('15 MB')]);
  });

  it.each([
    [30_000, 30_000],
    [60_000, 60_000],
    [8_000, 6_251],
  ])('a decompression bomb of %d x %d, at once', async (width, height) => {
    const { code, message } = await refusal(bomb(width, height));
    expect([code, message]).toEqual(['portrait-too-large', expect.stringContaining(`${width} x ${height}`)]);
  });

  it('by the limits that it is given, tighter and wider than usual', async () => {
    const bytes = await flag().png().toBuffer();
    const { maxBytes, maxPixels } = DEFAULT_PORTRAIT_LIMITS;
    expect(await refusal(bytes, { maxBytes: bytes.byteLength, maxPixels: WIDTH * HEIGHT })).toMatchObject({ message: 'it was accepted' });
    expect(await refusal(bytes, { maxBytes: bytes.byteLength - 1, maxPixels })).toMatchObject({ code: 'portrait-too-large' });
    expect(await refusal(bytes, { maxBytes, maxPixels: WIDTH * HEIGHT - 1 })).toMatchObject({
      code: 'portrait-too-large',
      message: expect.stringContaining('0.0096 million') as string,
    });
    const large = await sharp({ create: { width: 8_000, height: 6_251, channels: 3, background: '#808080' } })
      .jpeg()
      .toBuffer();
    expect(await refusal(large, { maxBytes: Number.MAX_SAFE_INTEGER, maxPixels: Number.MAX_SAFE_INTEGER })).toMatchObject({
      message: 'it was accepted',
    });
  });

  it('a picture too small for any face', async () => {
    const { code, message } = await refusal(
      await sharp({ create: { width: 20, height: 300, channels: 3, background: 'white' } })
        .png()
        .toBuffer(),
    );
    expect([code, message]).toEqual(['portrait-too-small', expect.stringContaining('20 x 300 pixels, 32 each way are needed')]);
  });

  it.each([
    ['an empty file', async () => Buffer.alloc(0), 'portrait-empty'],
    [
      'a picture of one pixel',
      () =>
        sharp({ create: { width: 1, height: 1, channels: 3, background: 'white' } })
          .png()
          .toBuffer(),
      'portrait-too-small',
    ],
  ])('%s', async (_, bytes, code) => {
    expect((await refusal(await bytes())).code).toBe(code);
  });

  it('a limit is named in the message, not promised by it', async () => {
    const { message } = await refusal(new Uint8Array(20_000_000));
    expect(message).toBe('The file has 20 MB, 15 MB are allowed. Send a smaller picture.');
  });

  it('damaged files of every kind, without a crash', async () => {
    const wholes = await Promise.all((['jpeg', 'png', 'webp', 'avif', 'gif'] as const).map((format) => flag().toFormat(format).toBuffer()));
    for (const whole of wholes)
      for (let seed = 1; seed <= 12; seed += 1) {
        const damaged = Buffer.from(whole);
        for (let k = 0; k < 4; k += 1) damaged[(seed * 7919 + k * 104729) % damaged.length]! ^= 1 << (seed % 8);
        // Some damage goes unnoticed (a pixel changes); whatever is refused has its code.
        expect(['internal', 'portrait-not-an-image', 'portrait-too-large', 'portrait-too-small']).toContain((await refusal(damaged)).code);
        expect((await refusal(damaged)).message).not.toMatch(/\/|vips/i);
      }
  });
});

it('sniffs formats by content, not by what they are called', async () => {
  expect(sniffFormat(await flag().avif().toBuffer())).toBe('heif');
  expect(sniffFormat(await flag().webp().toBuffer())).toBe('webp');
  expect(sniffFormat(Buffer.from('GIF89a'))).toBe('gif');
  expect(sniffFormat(Buffer.from('RIFF....AVI '))).toBeNull();
});
