/** The browser's own trackers on still pictures, in headless Chromium: the other side of the landmarker's parity tests. */
import { createServer, type Server } from 'node:http';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join, normalize } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

const require = createRequire(import.meta.url);
const packageDir = (name: string): string => dirname(require.resolve(name));

export const chromiumPath: string | undefined = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path && existsSync(path));

const types: Record<string, string> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.jpg': 'image/jpeg',
  '.html': 'text/html',
};

/** [478, 3] normalised as MediaPipe gives it (x by width, y by height, z by width), after `repeats` looks in video mode. */
export interface BrowserTracker {
  landmarks(picture: Uint8Array): Promise<number[] | null>;
  close(): Promise<void>;
}

async function serve(roots: Record<string, string>, page: string, picture: () => Uint8Array): Promise<{ server: Server; origin: string }> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname);
    const [, root = '', ...rest] = path.split('/');
    const answer = async (): Promise<Uint8Array | string> => {
      if (path === '/') return page;
      if (root === 'picture') return picture();
      const folder = roots[root];
      if (folder === undefined) throw new Error('no such root');
      return folder.endsWith('.task') ? readFile(folder) : readFile(join(folder, normalize(rest.join('/'))));
    };
    answer().then(
      (body) =>
        response
          .writeHead(200, { 'content-type': path === '/' ? 'text/html' : (types[extname(path)] ?? 'application/octet-stream') })
          .end(body),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, origin: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}` };
}

const common = `
  async function load(url) { const blob = await (await fetch(url)).blob(); return createImageBitmap(blob); }
  function canvasOf(bitmap) { const c = document.createElement('canvas'); c.width = bitmap.width; c.height = bitmap.height; c.getContext('2d').drawImage(bitmap, 0, 0); return c; }
  const flat = (points) => points ? points.flatMap((p) => [p.x, p.y, p.z]) : null;`;

const faceMeshPage = `<!doctype html><script src="/mesh/face_mesh.js"></script><script>${common}
  let last = null; let picture = 0;
  const ready = (async () => {
    const mesh = new FaceMesh({ locateFile: (file) => '/mesh/' + file });
    mesh.setOptions({ maxNumFaces: 1, refineLandmarks: true, selfieMode: false }); // setting confidences makes its detector refuse to run
    mesh.onResults((results) => { last = results.multiFaceLandmarks && results.multiFaceLandmarks[0] || null; });
    await mesh.initialize();
    return mesh;
  })();
  async function track() {
    const mesh = await ready; const canvas = canvasOf(await load('/picture/' + picture++));
    const black = document.createElement('canvas'); black.width = canvas.width; black.height = canvas.height; black.getContext('2d').fillRect(0, 0, black.width, black.height);
    await mesh.send({ image: black }); // forgets the face before
    last = null;
    for (let i = 0; i < 6; i++) await mesh.send({ image: canvas });
    return flat(last);
  }</script>`;

const tasksPage = `<!doctype html><script type="module">${common}
  import { FaceLandmarker, FilesetResolver } from '/tasks/vision_bundle.mjs';
  let picture = 0;
  globalThis.track = async () => {
    const fileset = await FilesetResolver.forVisionTasks('/tasks/wasm');
    const landmarker = await FaceLandmarker.createFromOptions(fileset, { baseOptions: { modelAssetPath: '/model/face_landmarker.task', delegate: 'CPU' }, runningMode: 'VIDEO', numFaces: 1 });
    const canvas = canvasOf(await load('/picture/' + picture++));
    let last = null;
    for (let i = 0; i < 6; i++) last = landmarker.detectForVideo(canvas, 1000 + 40 * i).faceLandmarks[0];
    landmarker.close();
    return flat(last);
  };</script>`;

async function open(page: string, roots: Record<string, string>): Promise<BrowserTracker> {
  let picture: Uint8Array = new Uint8Array();
  const { server, origin } = await serve(roots, page, () => picture);
  const flags = [
    '--headless=new',
    '--no-sandbox',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--use-angle=swiftshader',
    '--enable-unsafe-swiftshader',
  ];
  const browser: Browser = await chromium.launch({ executablePath: chromiumPath ?? '', args: flags });
  const tab: Page = await browser.newPage();
  await tab.goto(origin);
  return {
    async landmarks(bytes) {
      picture = bytes;
      return tab.evaluate<number[] | null>('globalThis.track()');
    },
    async close() {
      await browser.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** @mediapipe/face_mesh with refined landmarks: the same networks as the server's. */
export const openFaceMesh = (): Promise<BrowserTracker> => open(faceMeshPage, { mesh: packageDir('@mediapipe/face_mesh') });

/** tasks-vision's FaceLandmarker: a newer network for the same points. */
export const openFaceLandmarker = (modelPath: string): Promise<BrowserTracker> =>
  open(tasksPage, { tasks: packageDir('@mediapipe/tasks-vision'), model: modelPath });
