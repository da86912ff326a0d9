// Runs the product's browser tracker (tasks-vision in headless Chromium) over pictures and writes what it sees.
// usage: node track.mjs JOB.json   JOB = { model, chromium, mode: 'IMAGE' | 'VIDEO', frameMs, files: [...], out }
// out: float32 little-endian, 1 + 478 * 3 per face slot and file: found (0/1), then x y z in units of the picture's width.
import { createReadStream, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { chromium } from 'playwright-core';

const job = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const tasksRoot = dirname(createRequire(import.meta.url).resolve('@mediapipe/tasks-vision'));
const types = {
  '.mjs': 'text/javascript',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
};

const server = createServer((request, response) => {
  const [, kind, ...rest] = new URL(request.url, 'http://localhost').pathname.split('/');
  const path =
    kind === 'tasks'
      ? join(tasksRoot, ...rest)
      : kind === 'model'
        ? resolve(job.model)
        : kind === 'file'
          ? resolve(job.files[Number(rest[0])])
          : '';
  if (kind === '') {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>tracker</title>');
  } else if (!path || !existsSync(path)) {
    response.writeHead(404).end();
  } else {
    response.writeHead(200, { 'content-type': types[extname(path)] ?? 'application/octet-stream' });
    createReadStream(path).pipe(response);
  }
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));

const browser = await chromium.launch({
  executablePath: job.chromium,
  args: [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.evaluate(async ({ mode }) => {
    const vision = await import('/tasks/vision_bundle.mjs');
    const fileset = { wasmLoaderPath: '/tasks/wasm/vision_wasm_internal.js', wasmBinaryPath: '/tasks/wasm/vision_wasm_internal.wasm' };
    globalThis.tracker = await vision.FaceLandmarker.createFromOptions(fileset, {
      baseOptions: { modelAssetPath: '/model', delegate: 'CPU' },
      runningMode: mode,
      numFaces: 1,
    });
  }, job);
  const rows = [];
  for (let index = 0; index < job.files.length; index += 1) {
    rows.push(
      ...(await page.evaluate(
        async ({ index, mode, frameMs }) => {
          const bitmap = await createImageBitmap(await (await fetch(`/file/${index}`)).blob());
          const seen =
            mode === 'VIDEO' ? globalThis.tracker.detectForVideo(bitmap, 1000 + index * frameMs) : globalThis.tracker.detect(bitmap);
          const face = seen.faceLandmarks[0];
          const aspect = bitmap.height / bitmap.width;
          return face ? [1, ...face.flatMap((p) => [p.x, p.y * aspect, p.z])] : [0, ...new Array(478 * 3).fill(0)];
        },
        { index, ...job },
      )),
    );
  }
  writeFileSync(job.out, new Uint8Array(new Float32Array(rows).buffer));
} finally {
  await browser.close();
  server.close();
}
