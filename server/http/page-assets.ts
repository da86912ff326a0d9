/** Bundles the page and the tracker's workers at start (milliseconds, in memory and then a cache folder) and lists every file that the page needs. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';
import type { BuildOptions } from 'esbuild';
import { makeFolder } from '../base/folders.ts';
import { writeAtomically } from '../base/write-atomically.ts';

export interface PageAsset {
  /** Absolute path of the file to serve. */
  file: string;
  contentType: string;
  /** The address carries a version or a hash: browsers may keep it for ever. */
  immutable: boolean;
  /** Pages of any origin may load it, whatever `http.corsOrigins` says. */
  anyOrigin?: boolean;
}

export interface PageAssetsOptions {
  /** Where the bundles are written. */
  cacheDir: string;
  /** `face_landmarker.task`. */
  trackerModelPath: string;
}

const client = fileURLToPath(new URL('../../client/', import.meta.url));
const require = createRequire(import.meta.url);

/** Its address is in other people's pages: it stays. */
const ELEMENTS = 'gioconda.js';

const contentTypes: Record<string, string> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  json: 'application/json; charset=utf-8',
  svg: 'image/svg+xml',
  wasm: 'application/wasm',
};

/** URL path → file. @throws when the page's sources do not bundle. */
export async function pageAssets({ cacheDir, trackerModelPath }: PageAssetsOptions): Promise<Map<string, PageAsset>> {
  await makeFolder(cacheDir);
  const assets = new Map<string, PageAsset>();
  const write = async (name: string, content: Uint8Array | string): Promise<string> => {
    const hashed = withHash(name, content);
    const file = await place(cacheDir, hashed, content);
    assets.set(`/assets/${hashed}`, { file, contentType: typeOf(name), immutable: true });
    return `/assets/${hashed}`;
  };

  const bundles = await bundleAll();
  const elements = await bundleElements();
  await stop(); // esbuild's own process would stay for the server's life, with hundreds of megabytes
  const [script, style, workerUrl, icon] = await Promise.all([
    write('page.js', bundles.script),
    write('page.css', bundles.style),
    write('face-landmarker-worker.js', bundles.faceLandmarkerWorker),
    readFile(join(client, 'demo/icon.svg')).then((content) => write('icon.svg', content)),
  ]);
  const tracker = { workerUrl, ...(await addFaceLandmarker(assets, trackerModelPath)) };

  const addPlain = async (path: string, name: string, content: string): Promise<void> => {
    const file = await place(cacheDir, withHash(name, content), content);
    assets.set(path, { file, contentType: typeOf(name), immutable: false });
  };
  for (const { name, content } of elements) {
    const file = await place(cacheDir, withHash(name, content), content);
    assets.set(`/sdk/${name}`, { file, contentType: typeOf(name), immutable: name !== ELEMENTS, anyOrigin: true });
  }
  await addPlain('/assets/tracker.json', 'tracker.json', JSON.stringify(tracker));
  const html = await readFile(join(client, 'demo/index.html'), 'utf8');
  await addPlain('/', 'index.html', html.replaceAll('{{script}}', script).replaceAll('{{style}}', style).replaceAll('{{icon}}', icon));
  return assets;
}

/** Every file has its hash in its name on disk, and appears at once whole: several servers may share the folder. */
async function place(cacheDir: string, name: string, content: Uint8Array | string): Promise<string> {
  const file = join(cacheDir, name);
  await writeAtomically(file, content);
  return file;
}

interface Bundles {
  script: Uint8Array;
  style: Uint8Array;
  faceLandmarkerWorker: Uint8Array;
}

async function bundleAll(): Promise<Bundles> {
  const [script, style, faceLandmarkerWorker] = await Promise.all([
    bundle('demo/main.ts', 'esm'),
    bundle('demo/styles/index.css'),
    bundle('src/tracking/face-landmarker-worker.ts', 'esm'),
  ]);
  return { script, style, faceLandmarkerWorker };
}

async function bundle(entry: string, format?: BuildOptions['format']): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [join(client, entry)],
    bundle: true,
    write: false,
    minify: true,
    target: ['chrome111', 'firefox120', 'safari16.4'],
    logLevel: 'silent',
    ...(format && { format }),
  });
  return outputFiles[0]!.contents;
}

/** The custom elements as a script for pages of any origin; what only drivers of avatars need is loaded by it later, by names with a hash. */
async function bundleElements(): Promise<{ name: string; content: Uint8Array }[]> {
  const { outputFiles } = await build({
    entryPoints: { gioconda: join(client, 'src/element/index.ts') },
    bundle: true,
    write: false,
    minify: true,
    splitting: true,
    format: 'esm',
    outdir: client,
    chunkNames: 'gioconda-[hash]',
    target: ['chrome111', 'firefox120', 'safari16.4'],
    logLevel: 'silent',
  });
  return outputFiles.map(({ path, contents }) => ({ name: basename(path), content: contents }));
}

/** The wasm of tasks-vision (the ES module variant: the worker is a module) and Google's model. */
async function addFaceLandmarker(
  assets: Map<string, PageAsset>,
  modelPath: string,
): Promise<{ wasmLoaderUrl: string; wasmBinaryUrl: string; modelUrl: string }> {
  const loader = require.resolve('@mediapipe/tasks-vision/vision_wasm_module_internal.js');
  const binary = require.resolve('@mediapipe/tasks-vision/vision_wasm_module_internal.wasm');
  const addHashed = async (file: string, contentType = typeOf(file)): Promise<string> => {
    const path = `/assets/face-landmarker/${withHash(basename(file), await readFile(file))}`;
    assets.set(path, { file, contentType, immutable: true });
    return path;
  };
  const [wasmLoaderUrl, wasmBinaryUrl, modelUrl] = await Promise.all([
    addHashed(loader),
    addHashed(binary),
    addHashed(modelPath, 'application/octet-stream'),
  ]);
  return { wasmLoaderUrl, wasmBinaryUrl, modelUrl };
}

function withHash(name: string, content: Uint8Array | string): string {
  const hash = createHash('sha256').update(content).digest('base64url').slice(0, 10);
  const dot = name.lastIndexOf('.');
  return `${name.slice(0, dot)}.${hash}${name.slice(dot)}`;
}

const typeOf = (name: string): string => contentTypes[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
