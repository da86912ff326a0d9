/**
 * The product's own way from portraits and landmarks to pictures, for the evaluation: enrolment (segmentation included) and one AvatarSession
 * per clip. Reads from stdin, one clip after the other, a line of JSON
 * { k, frames, frameRate } and then portraits u8 [K, S, S, 3], their landmarks and the driver's f32 [.., 478, 3] in picture widths;
 * writes u8 [frames, S * 3 / 2, S] I420 to stdout.
 *
 *     node animate.mjs MODEL SIZE LANDMARK_FOLDER absolute|relative [on|off]     the motion; the filter of the driver's motion
 */
import { once } from 'node:events';
import { AvatarSession } from '../../../server/synthesis/frame/AvatarSession.ts';
import { enrolAvatar } from '../../../server/synthesis/enrol/enrol-avatar.ts';
import { Landmarker } from '../../../server/landmarker/Landmarker.ts';
import { loadModel } from '../../../server/synthesis/model/OnnxModel.ts';
import { ensureLandmarkModels } from '../../../server/setup/landmarker/convert-models.ts';

const landmarkValues = 478 * 3;
const [name, sizeText, cacheDir, motion, filter = 'on'] = process.argv.slice(2);
const size = Number(sizeText);
const model = await loadModel(name, { size });
await ensureLandmarkModels(cacheDir);
const landmarker = await Landmarker.create({ cacheDir });

/** Takes what was asked for, however the pipe cuts it up. */
class Reader {
  #chunks = process.stdin[Symbol.asyncIterator]();
  #rest = Buffer.alloc(0);

  /** Null at the end of the input. */
  async line() {
    while (!this.#rest.includes(10)) if (!(await this.#more())) return null;
    const end = this.#rest.indexOf(10);
    const text = this.#rest.subarray(0, end).toString();
    this.#rest = this.#rest.subarray(end + 1);
    return text;
  }

  async bytes(count) {
    const parts = [];
    for (let missing = count; missing > 0;) {
      if (this.#rest.length === 0 && !(await this.#more())) throw new Error('the input ends within a clip');
      const part = this.#rest.subarray(0, missing);
      parts.push(part);
      this.#rest = this.#rest.subarray(part.length);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }

  /** A copy, for floats must lie at multiples of four bytes. */
  async floats(count) {
    const bytes = await this.bytes(count * 4);
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  }

  async #more() {
    const { value, done } = await this.#chunks.next();
    if (!done) this.#rest = this.#rest.length ? Buffer.concat([this.#rest, value]) : value;
    return !done;
  }
}

async function enrol(reader, k) {
  const pictures = [];
  for (let i = 0; i < k; i++) pictures.push({ width: size, height: size, data: new Uint8Array(await reader.bytes(size * size * 3)) });
  const portraits = [];
  for (const image of pictures) {
    const points = (await reader.floats(landmarkValues)).map((value) => value * size);
    portraits.push({ image, points, matte: await landmarker.matte(image), crop: { x: 0, y: 0, size } });
  }
  return enrolAvatar({ model, portraits });
}

async function animate(reader, { k, frames, frameRate }) {
  const avatar = await enrol(reader, k);
  const session = await AvatarSession.create({ model, avatar, motion, filter: filter === 'on' });
  for (let frame = 0; frame < frames; frame++) {
    const timeMs = 1000 + (frame * 1000) / frameRate;
    const points = await reader.floats(landmarkValues);
    const { i420 } = await session.render({ landmarks: { points, capturedMs: timeMs, confidence: 1 }, timeMs });
    if (!process.stdout.write(Buffer.from(i420))) await once(process.stdout, 'drain');
  }
  await session.close();
}

const reader = new Reader();
for (let header; (header = await reader.line()) !== null;) await animate(reader, JSON.parse(header));
await landmarker.close();
await model.close();
