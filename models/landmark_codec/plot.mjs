/**
 * Draws the rate-distortion curve of docs/landmark-packet.md from evaluate.mjs's JSON and prints its tables.
 *
 *   node models/landmark_codec/plot.mjs --json FILE --svg docs/landmark-packet-curve.svg
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({ options: { json: { type: 'string' }, svg: { type: 'string' } } });
const results = JSON.parse(readFileSync(options.json, 'utf8'));
const shown = [
  ['clips (tasks-vision)', '#1b6ca8', 'people at a camera (clips)'],
  ['portraits as they are', '#3aa08f', 'portraits as they are'],
  ['face_mesh', '#7a8a3c', 'offline tracker, mostly turning'],
  ['all', '#222222', 'all held-out frames'],
  ['portraits, turned (tasks-vision)', '#b5482a', 'faces turning all the time'],
];
const box = { left: 56, top: 18, width: 520, height: 300 };
const maxRate = 70,
  minError = 0.08,
  maxError = 1.1;
const x = (rate) => box.left + (rate / maxRate) * box.width;
const y = (error) => box.top + ((Math.log(maxError) - Math.log(error)) / (Math.log(maxError) - Math.log(minError))) * box.height;
const parts = [];
for (const rate of [0, 10, 20, 30, 40, 50, 60, 70]) {
  parts.push(
    `<path d="M${x(rate)} ${box.top}v${box.height}" stroke="#ddd"/><text x="${x(rate)}" y="${box.top + box.height + 16}" text-anchor="middle">${rate}</text>`,
  );
}
for (const error of [0.1, 0.2, 0.3, 0.5, 0.7, 1]) {
  parts.push(
    `<path d="M${box.left} ${y(error).toFixed(1)}h${box.width}" stroke="#ddd"/><text x="${box.left - 6}" y="${(y(error) + 4).toFixed(1)}" text-anchor="end">${error}</text>`,
  );
}
parts.push(
  `<path d="M${x(40)} ${y(0.5).toFixed(1)}V${box.top + box.height}M${box.left} ${y(0.5).toFixed(1)}H${x(40)}" stroke="#888" stroke-dasharray="5 4" fill="none"/>`,
);
parts.push(`<text x="${x(40) + 5}" y="${(y(0.5) + 16).toFixed(1)}" fill="#666">goal: 40 kbit/s, 0.5 %</text>`);
shown.forEach(([set, colour, label], i) => {
  const points = results.filter((r) => r.set === set).map((r) => `${x(r.kbitPerSecond).toFixed(1)},${y(r.rms).toFixed(1)}`);
  parts.push(`<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`);
  for (const p of points) parts.push(`<circle cx="${p.split(',')[0]}" cy="${p.split(',')[1]}" r="3" fill="${colour}"/>`);
  parts.push(
    `<path d="M${box.left + 330} ${box.top + 16 + i * 18}h20" stroke="${colour}" stroke-width="2"/><text x="${box.left + 356}" y="${box.top + 20 + i * 18}">${label}</text>`,
  );
});
parts.push(
  `<text x="${box.left + box.width / 2}" y="${box.top + box.height + 36}" text-anchor="middle">payload at 30 packets a second, kbit/s</text>`,
);
parts.push(
  `<text transform="translate(14 ${box.top + box.height / 2}) rotate(-90)" text-anchor="middle">error, % of face width (RMS)</text>`,
);
writeFileSync(
  options.svg,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 366" font-family="sans-serif" font-size="12" fill="#222">\n<rect width="600" height="366" fill="#fff"/>\n${parts.join('\n')}\n</svg>\n`,
);

const f = (v, n = 2) => v.toFixed(n);
for (const [set] of shown) {
  console.log(
    `\n${set}\n| target % | bytes mean | p95 | max | kbit/s | RMS % | p95 | worst frame | lips | lids | irises | lip gap | eye aperture | iris position | with residual |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|`,
  );
  for (const r of results.filter((e) => e.set === set)) {
    console.log(
      `| ${r.target} | ${f(r.meanBytes, 1)} | ${r.p95Bytes} | ${r.maxBytes} | ${f(r.kbitPerSecond, 1)} | ${[r.rms, r.p95, r.worstFrame, r.lips, r.lids, r.irises, r.lipGap, r.eyeAperture, r.irisPosition].map((v) => f(v)).join(' | ')} | ${f(r.residualShare * 100, 1)} % |`,
    );
  }
}
for (const r of results.filter((e) => e.calmOwn))
  console.log(`jitter ${r.target}: own ${f(r.calmOwn, 3)} decoded ${f(r.calmDecoded, 3)} added ${f(r.calmAdded, 3)}`);
