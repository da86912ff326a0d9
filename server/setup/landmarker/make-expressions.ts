/**
 * Developer's tool that wrote `server/motion/expressions.json`: node make-expressions.ts CACHE_DIR FOLDER
 * FOLDER holds the expression sheets of OpenPeople (AI-generated people, MIT): PNNN_emot_NN.jpg, of which 00 is calm. Each expression is the mean
 * motion from the calm face over all people, left and right averaged. Not run by the product.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { LANDMARK_COUNT } from '../../../client/src/protocol/landmarks.ts';
import { mirrorPoints } from '../../landmarker/canonical-face.ts';
import { Landmarker } from '../../landmarker/Landmarker.ts';
import { lipColumns } from '../../landmarker/mesh-topology.ts';
import { analyseHead } from '../../motion/head-geometry.ts';
import { motionLayout as L, motionLength, restMotion, type Motion } from '../../motion/motion.ts';
import { Retargeter } from '../../motion/Retargeter.ts';
import { ensureLandmarkModels } from './convert-models.ts';

/** Number of each expression on a person's sheet. */
const sheet = { calm: 0, smile: 1, sad: 2, angry: 3, surprise: 4, disgust: 5, worry: 6, 'gentle-smile': 8 } as const;
/** The first iris point: gaze is the driver's own. */
const IRISES = 468;
/** Integers per unit in the file. */
const UNITS = 10_000;

const [cacheDir = '', folder = ''] = process.argv.slice(2);
await ensureLandmarkModels(cacheDir);
const landmarker = await Landmarker.create({ cacheDir });

async function track(person: string, number: number): Promise<Float32Array | null> {
  const file = join(folder, `${person}_emot_${String(number).padStart(2, '0')}.jpg`);
  const { data, info } = await sharp(await readFile(file))
    .raw()
    .toBuffer({ resolveWithObject: true });
  const [face] = await landmarker.detect({ width: info.width, height: info.height, data });
  return face?.points ?? null;
}

/** The motion without pose and gaze, mean of it and its mirror image. */
function symmetric(m: Motion): Motion {
  const out = restMotion();
  for (const eye of [0, 1] as const) out[L.closure + eye] = (m[L.closure]! + m[L.closure + 1]!) / 2;
  for (let i = 0; i < lipColumns; i++) out[L.lips + i] = (m[L.lips + i]! + m[L.lips + lipColumns - 1 - i]!) / 2;
  for (let point = 0; point < IRISES; point++)
    for (let axis = 0; axis < 3; axis++) {
      const [own, partner] = [m[L.deltas + point * 3 + axis]!, m[L.deltas + mirrorPoints[point]! * 3 + axis]!];
      out[L.deltas + point * 3 + axis] = (own + (axis === 0 ? -partner : partner)) / 2;
    }
  return out;
}

const people = [...new Set((await readdir(folder)).flatMap((name) => /^(P\d+)_emot_00/.exec(name)?.[1] ?? []))].sort();
const sums = new Map<string, { motion: Motion; count: number }>();
for (const person of people) {
  const calm = await track(person, sheet.calm);
  if (!calm) continue;
  for (const [name, number] of Object.entries(sheet)) {
    if (name === 'calm') continue;
    const points = await track(person, number);
    if (!points) continue;
    const retargeter = new Retargeter({ motion: 'absolute', neutral: analyseHead(Float64Array.from(calm)), filter: false });
    const motion = symmetric(retargeter.observe(points, 0));
    const sum = sums.get(name) ?? { motion: restMotion(), count: 0 };
    for (let i = 0; i < motionLength; i++) sum.motion[i]! += motion[i]!;
    sum.count++;
    sums.set(name, sum);
  }
}
await landmarker.close();

const expressions = Object.fromEntries(
  [...sums].map(([name, { motion, count }]) => {
    const whole = (from: number, length: number): number[] =>
      [...motion.subarray(from, from + length)].map((value) => Math.round((value / count) * UNITS) + 0);
    return [name, { closure: whole(L.closure, 2), lips: whole(L.lips, lipColumns), deltas: whole(L.deltas, LANDMARK_COUNT * 3) }];
  }),
);
const target = new URL('../../motion/expressions.json', import.meta.url);
await writeFile(target, `${JSON.stringify({ from: `${people.length} people of OpenPeople 0.1.2 (MIT)`, unit: 1 / UNITS, expressions })}\n`);
for (const [name, { closure, lips, deltas }] of Object.entries(expressions))
  console.log(
    name,
    sums.get(name)!.count,
    'closure',
    closure[0],
    'lips',
    Math.max(...lips),
    'corner',
    deltas.slice(61 * 3, 62 * 3),
    'brow',
    deltas.slice(105 * 3, 106 * 3),
  );
