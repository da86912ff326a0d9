/** An uncompressed AVI with PCM sound, byte by byte: a clip that needs no encoder, with a sound that MP4 does not carry. */

export interface AviOptions {
  width: number;
  height: number;
  framesPerSecond: number;
  frames: number;
  /** Hz of the tone: 16 bit, mono, 48 kHz. */
  toneHz: number;
  /** RGB of a pixel. */
  colour(x: number, y: number, frame: number): [red: number, green: number, blue: number];
}

const SAMPLE_RATE = 48_000;

export function makeAvi(options: AviOptions): Buffer {
  const { frames, framesPerSecond } = options;
  const perFrame = SAMPLE_RATE / framesPerSecond;
  const movi = Array.from({ length: frames }, (_, i) =>
    Buffer.concat([chunk('00db', picture(options, i)), chunk('01wb', tone(options.toneHz, i * perFrame, perFrame))]),
  );
  const header = list('hdrl', [mainHeader(options), list('strl', videoStream(options)), list('strl', soundStream(frames * perFrame))]);
  return riff([header, list('movi', movi)]);
}

const chunk = (name: string, data: Buffer): Buffer => {
  const head = Buffer.alloc(8);
  head.write(name, 'latin1');
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
};
const list = (name: string, parts: Buffer[]): Buffer => chunk('LIST', Buffer.concat([Buffer.from(name, 'latin1'), ...parts]));
const riff = (parts: Buffer[]): Buffer => chunk('RIFF', Buffer.concat([Buffer.from('AVI '), ...parts]));
const words = (...values: number[]): Buffer => {
  const out = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => out.writeUInt32LE(value >>> 0, i * 4));
  return out;
};

function mainHeader({ width, height, framesPerSecond, frames }: AviOptions): Buffer {
  return chunk('avih', words(Math.round(1e6 / framesPerSecond), 0, 0, 0, frames, 0, 2, 0, width, height, 0, 0, 0, 0));
}

function videoStream({ width, height, framesPerSecond, frames }: AviOptions): Buffer[] {
  const size = width * height * 3;
  const head = Buffer.concat([Buffer.from('vidsDIB ', 'latin1'), words(0, 0, 0, 1, framesPerSecond, 0, frames, size, 0, 0, 0, 0)]);
  const format = Buffer.concat([words(40, width, height), Buffer.from([1, 0, 24, 0]), words(0, size, 0, 0, 0, 0)]);
  return [chunk('strh', head), chunk('strf', format)];
}

function soundStream(samples: number): Buffer[] {
  const head = Buffer.concat([Buffer.from('auds\0\0\0\0', 'latin1'), words(0, 0, 0, 1, SAMPLE_RATE, 0, samples, SAMPLE_RATE, 0, 2, 0, 0)]);
  const format = Buffer.concat([Buffer.from([1, 0, 1, 0]), words(SAMPLE_RATE, SAMPLE_RATE * 2), Buffer.from([2, 0, 16, 0])]);
  return [chunk('strh', head), chunk('strf', format)];
}

/** Bottom row first, blue first; the width has to be a multiple of 4. */
function picture({ width, height, colour }: AviOptions, frame: number): Buffer {
  const out = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) out.set([...colour(x, y, frame)].reverse(), ((height - 1 - y) * width + x) * 3);
  return out;
}

function tone(hertz: number, from: number, count: number): Buffer {
  const out = Buffer.alloc(count * 2);
  for (let i = 0; i < count; i += 1)
    out.writeInt16LE(Math.round(12_000 * Math.sin((2 * Math.PI * hertz * (from + i)) / SAMPLE_RATE)), i * 2);
  return out;
}
