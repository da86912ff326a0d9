/**
 * Measures the landmark packet on people that its basis was not learned from (train_basis.py --heldout writes them).
 *
 *   node models/landmark_codec/evaluate.mjs --frames FILE [--targets 1,0.7,0.5] [--json OUT] [--only PREFIX]
 *
 * Every frame is encoded and decoded by the product's own code. Errors in percent of the face width (points 234 to 454, in 3-D).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { LandmarkDecoder, LandmarkEncoder } from '../../client/src/protocol/landmark-packet.ts';
import { FEATURE_POINTS } from '../../client/src/protocol/landmark-basis.ts';

const { values: options } = parseArgs({
  options: {
    frames: { type: 'string' },
    targets: { type: 'string', default: '1,0.7,0.5,0.35,0.25,0.2,0.15,0.1' },
    json: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
const raw = readFileSync(`${options.frames}.f32`);
const all = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength));
const series = [];
let at = 0;
for (const line of readFileSync(`${options.frames}.jsonl`, 'utf8').trim().split('\n')) {
  const { key, frames, source = '' } = JSON.parse(line);
  const points = Array.from({ length: frames }, (_, i) => all.subarray((at + i) * 1434, (at + i + 1) * 1434));
  at += frames;
  if (key.startsWith(options.only)) series.push({ key, points, source });
}

const groups = {
  lips: FEATURE_POINTS.filter(
    (i) =>
      i < 468 &&
      [
        0, 13, 14, 17, 37, 39, 40, 61, 78, 80, 81, 82, 84, 87, 88, 91, 95, 146, 178, 181, 185, 191, 267, 269, 270, 291, 308, 310, 311, 312,
        314, 317, 318, 321, 324, 375, 402, 405, 409, 415,
      ].includes(i),
  ),
  irises: FEATURE_POINTS.filter((i) => i >= 468),
};
groups.lids = FEATURE_POINTS.filter((i) => i < 468 && !groups.lips.includes(i));
const width = (p) => Math.hypot(p[454 * 3] - p[234 * 3], p[454 * 3 + 1] - p[234 * 3 + 1], p[454 * 3 + 2] - p[234 * 3 + 2]);
const distance = (p, a, b) => Math.hypot(p[a * 3] - p[b * 3], p[a * 3 + 1] - p[b * 3 + 1], p[a * 3 + 2] - p[b * 3 + 2]);
/** Where the iris stands between the corners of its eye, along the line from one to the other. */
const gaze = (p, iris, a, b) =>
  [0, 1, 2].reduce((s, k) => s + (p[iris * 3 + k] - p[a * 3 + k]) * (p[b * 3 + k] - p[a * 3 + k]), 0) / distance(p, a, b);
const signals = {
  lipGap: (p) => distance(p, 13, 14),
  mouthWidth: (p) => distance(p, 61, 291),
  eyeAperture: (p) => distance(p, 159, 145),
  irisPosition: (p) => gaze(p, 468, 33, 133),
};
const squares = (a, b, list) =>
  list.reduce((s, i) => s + (a[i * 3] - b[i * 3]) ** 2 + (a[i * 3 + 1] - b[i * 3 + 1]) ** 2 + (a[i * 3 + 2] - b[i * 3 + 2]) ** 2, 0) /
  list.length;
const everyPoint = Array.from({ length: 478 }, (_, i) => i);
const mean = (list) => list.reduce((s, v) => s + v, 0) / list.length;
const rms = (list) => Math.sqrt(mean(list.map((v) => v * v)));
const quantile = (list, q) => list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))];

function measure(target, chosen) {
  const bytes = [],
    errors = [],
    worstPoint = [],
    residuals = [],
    perGroup = { lips: [], lids: [], irises: [] },
    perSignal = { lipGap: [], mouthWidth: [], eyeAperture: [], irisPosition: [] };
  const decoder = new LandmarkDecoder();
  let encodeMs = 0,
    decodeMs = 0;
  for (const { points } of chosen) {
    const encoder = new LandmarkEncoder({ targetErrorPercent: target });
    for (const p of points) {
      let t = performance.now();
      const packet = encoder.encode({ points: p, confidence: 1, capturedMs: 1_700_000_000_000 });
      encodeMs += performance.now() - t;
      t = performance.now();
      const back = decoder.decode(packet).points;
      decodeMs += performance.now() - t;
      const w = width(p) / 100;
      bytes.push(packet.length);
      residuals.push(packet[0] & 1);
      errors.push(Math.sqrt(squares(p, back, everyPoint)) / w);
      worstPoint.push(Math.sqrt(Math.max(...everyPoint.map((i) => squares(p, back, [i])))) / w);
      for (const g in perGroup) perGroup[g].push(Math.sqrt(squares(p, back, groups[g])) / w);
      for (const s in perSignal) perSignal[s].push((signals[s](back) - signals[s](p)) / w);
    }
  }
  const frames = bytes.length;
  return {
    target,
    frames,
    meanBytes: mean(bytes),
    p95Bytes: quantile(bytes, 0.95),
    maxBytes: Math.max(...bytes),
    kbitPerSecond: (mean(bytes) * 8 * 30) / 1000,
    rms: rms(errors),
    p95: quantile(errors, 0.95),
    worstFrame: Math.max(...errors),
    p99Point: quantile(worstPoint, 0.99),
    residualShare: mean(residuals),
    ...Object.fromEntries(Object.entries(perGroup).map(([k, v]) => [k, rms(v)])),
    ...Object.fromEntries(Object.entries(perSignal).map(([k, v]) => [k, rms(v)])),
    encodeMs: encodeMs / frames,
    decodeMs: decodeMs / frames,
  };
}

/** Trembling that the packet adds: frame-to-frame change of the coding error over clips, and of a face that stands still but for the tracker's noise. */
function jitter(target, chosen) {
  const decoder = new LandmarkDecoder();
  const added = [],
    own = [],
    out = [];
  for (const { points } of chosen) {
    const encoder = new LandmarkEncoder({ targetErrorPercent: target });
    let before, beforeBack;
    for (const p of points) {
      const back = decoder.decode(encoder.encode({ points: p, confidence: 1, capturedMs: 1e12 })).points;
      if (before) {
        const w = width(p) / 100;
        let d = 0,
          o = 0,
          b = 0;
        for (let i = 0; i < 1434; i++) {
          d += (back[i] - beforeBack[i] - p[i] + before[i]) ** 2;
          o += (p[i] - before[i]) ** 2;
          b += (back[i] - beforeBack[i]) ** 2;
        }
        added.push(Math.sqrt(d / 478) / w);
        own.push(Math.sqrt(o / 478) / w);
        out.push(Math.sqrt(b / 478) / w);
      }
      before = p;
      beforeBack = back;
    }
  }
  // The calmest tenth of all frame pairs: a person who sits still.
  const limit = quantile(own, 0.1);
  const calm = own
    .map((v, i) => [v, i])
    .filter(([v]) => v <= limit)
    .map(([, i]) => i);
  return {
    calmOwn: rms(calm.map((i) => own[i])),
    calmDecoded: rms(calm.map((i) => out[i])),
    calmAdded: rms(calm.map((i) => added[i])),
    allOwn: rms(own),
    allAdded: rms(added),
  };
}

const sets = {
  all: series,
  'portraits, turned (tasks-vision)': series.filter((s) => !s.key.startsWith('clip') && !s.source.includes('mesh')),
  'portraits as they are': series.filter((s) => !s.key.startsWith('clip')).map((s) => ({ ...s, points: s.points.slice(0, 1) })),
  'clips (tasks-vision)': series.filter((s) => s.key.startsWith('clip') && !s.source.includes('mesh')),
  face_mesh: series.filter((s) => s.source.includes('mesh')),
};
const results = [];
const targets = options.targets.split(',').map(Number);
measure(targets[0], series.slice(0, 5));
for (const target of targets) {
  for (const [name, chosen] of Object.entries(sets)) {
    if (chosen.length === 0) continue;
    const r = { set: name, ...measure(target, chosen) };
    if (name.startsWith('clips')) Object.assign(r, jitter(target, chosen));
    results.push(r);
    console.log(
      `${name.slice(0, 9).padEnd(9)} ${target}% n ${r.frames} bytes ${r.meanBytes.toFixed(1)} p95 ${r.p95Bytes} max ${r.maxBytes} kbit/s ${r.kbitPerSecond.toFixed(1)} | rms ${r.rms.toFixed(3)} p95 ${r.p95.toFixed(3)} worst ${r.worstFrame.toFixed(3)} pt99 ${r.p99Point.toFixed(2)} res ${r.residualShare.toFixed(3)} | lips ${r.lips.toFixed(3)} lids ${r.lids.toFixed(3)} iris ${r.irises.toFixed(3)} gap ${r.lipGap.toFixed(3)} mw ${r.mouthWidth.toFixed(3)} ap ${r.eyeAperture.toFixed(3)} ip ${r.irisPosition.toFixed(3)} | ${r.encodeMs.toFixed(3)}/${r.decodeMs.toFixed(3)} ms${r.calmOwn ? ` | calm own ${r.calmOwn.toFixed(3)} out ${r.calmDecoded.toFixed(3)} added ${r.calmAdded.toFixed(3)} all own ${r.allOwn.toFixed(3)} added ${r.allAdded.toFixed(3)}` : ''}`,
    );
  }
}
if (options.json) writeFileSync(options.json, JSON.stringify(results, null, 1));
