/**
 * Developer's tool that wrote `canonical-face.json`: node make-canonical-face.ts CACHE_DIR PICTURE...
 * Landmarks of all pictures are laid on their mean (similarity, all mesh points), the mean is taken again, until it stays;
 * profile views are dropped; left and right are averaged. Not run by the product.
 */
import { readFile, writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import { ensureLandmarkModels } from './convert-models.ts';
import { rigidPoints } from '../../landmarker/mesh-topology.ts';
import { fitSimilarity } from '../../../client/src/faces/rigid-fit.ts';
import { Landmarker } from '../../landmarker/Landmarker.ts';

const POINTS = 478;
/** Faces turned further than this from the mean face are left out, degrees. */
const MAX_TURN = 12;
const all = Array.from({ length: POINTS }, (_, i) => i);

async function landmarks(cacheDir: string, files: string[]): Promise<Float64Array[]> {
  await ensureLandmarkModels(cacheDir);
  const landmarker = await Landmarker.create({ cacheDir });
  const found: Float64Array[] = [];
  for (const file of files) {
    const { data, info } = await sharp(await readFile(file))
      .rotate()
      .flatten()
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    const [face] = await landmarker.detect({ width: info.width, height: info.height, data });
    if (face !== undefined) found.push(Float64Array.from(face.points));
  }
  await landmarker.close();
  return found;
}

/** Each face in the frame of `mean`; faces turned away are dropped. */
function aligned(faces: Float64Array[], mean: Float64Array): Float64Array[] {
  return faces.flatMap((face) => {
    const { rotation, scale, sourceCentre, targetCentre } = fitSimilarity(face, mean, all);
    if ((Math.acos(Math.min(1, rotation[8]!)) * 180) / Math.PI > MAX_TURN) return [];
    const out = new Float64Array(face.length);
    for (let i = 0; i < face.length; i += 3)
      for (let a = 0; a < 3; a += 1) {
        let sum = 0;
        for (let b = 0; b < 3; b += 1) sum += rotation[3 * a + b]! * (face[i + b]! - sourceCentre[b]!);
        out[i + a] = scale * sum + targetCentre[a]!;
      }
    return [out];
  });
}

/** Centre at `rigidPoints`, 1 wide. */
function normalised(face: Float64Array): Float64Array {
  const width = Math.hypot(...[0, 1, 2].map((a) => face[454 * 3 + a]! - face[234 * 3 + a]!));
  const centre = [0, 1, 2].map((a) => rigidPoints.reduce((sum, i) => sum + face[i * 3 + a]!, 0) / rigidPoints.length);
  return face.map((value, i) => (value - centre[i % 3]!) / width);
}

const meanOf = (faces: Float64Array[]): Float64Array =>
  new Float64Array(POINTS * 3).map((_, i) => faces.reduce((sum, face) => sum + face[i]!, 0) / faces.length);

/** Partner of each point: the nearest one to its mirror image; must come out one to one. */
function mirrorPartners(face: Float64Array): number[] {
  const partners = all.map((i) => {
    const distance = (j: number) =>
      Math.hypot(face[i * 3]! + face[j * 3]!, face[i * 3 + 1]! - face[j * 3 + 1]!, face[i * 3 + 2]! - face[j * 3 + 2]!);
    return all.reduce((best, j) => (distance(j) < distance(best) ? j : best), 0);
  });
  const wrong = all.filter((i) => partners[partners[i]!] !== i);
  if (wrong.length > 0) throw new Error(`points without a mirror partner: ${wrong.join(', ')}`);
  return partners;
}

const flipped = (face: Float64Array, mirror: number[]): Float64Array =>
  face.map((_, i) => (i % 3 === 0 ? -1 : 1) * face[mirror[Math.floor(i / 3)]! * 3 + (i % 3)]!);

const [cacheDir = '', ...files] = process.argv.slice(2);
const faces = (await landmarks(cacheDir, files)).map(normalised);
const mirror = mirrorPartners(meanOf(faces));
// The set is closed under mirroring, so its mean looks neither left nor right.
const both = faces.flatMap((face) => [face, flipped(face, mirror)]);
let mean = meanOf(both);
let used = 0;
for (let round = 0; round < 10; round += 1) {
  const kept = aligned(both, mean);
  used = kept.length / 2;
  mean = normalised(meanOf(kept));
}
mean = meanOf([mean, flipped(mean, mirror)]);
const points = [...mean].map((value) => Number(value.toFixed(5)) + 0);
await writeFile(
  new URL('../../landmarker/canonical-face.json', import.meta.url),
  `${JSON.stringify({ from: `${used} frontal portraits`, mirror, points })}\n`,
);
console.log(`${used} of ${faces.length} faces`);
