/**
 * Where the landmarker's three networks lie. The set-up converts them from the npm packages @mediapipe/face_mesh and
 * @mediapipe/selfie_segmentation (`server/setup/landmarker`); a file's name carries the hash of what it was made from.
 */
import { createHash } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export interface LandmarkModelPaths {
  /** image [1, 3, 128, 128] RGB -1..1 → boxes [896, 16] pixels, scores [896] logits. */
  detector: string;
  /** image [1, 3, 192, 192] RGB 0..1 → points [478, 3] pixels of the crop, presence [1] logit. */
  mesh: string;
  /** image [1, 3, 256, 256] RGB 0..1 → matte [256, 256] 0..1. */
  matte: string;
}

export type LandmarkModel = keyof LandmarkModelPaths;

export interface LandmarkModelFile {
  name: LandmarkModel;
  /** The ONNX file, converted already or not. */
  path: string;
  /** The tflite file that it is converted from. */
  source: Uint8Array;
}

/** Raise it with every change of the converter or of the outputs above: it is part of the cache's key. */
const CONVERTER_VERSION = 3;

const ASSETS = '@mediapipe/face_mesh/face_mesh_solution_packed_assets';
const require = createRequire(import.meta.url);

/** Files inside the packed assets of @mediapipe/face_mesh, by the table that its loader script carries. */
async function readPacked(fileName: string): Promise<Uint8Array> {
  const loader = await readFile(require.resolve(`${ASSETS}_loader.js`), 'utf8');
  const entry = [...loader.matchAll(/\{\s*"filename":\s*"([^"]+)",\s*"start":\s*(\d+),\s*"end":\s*(\d+)/g)].find((match) =>
    match[1]?.endsWith(`/${fileName}`),
  );
  if (entry === undefined) throw new Error(`@mediapipe/face_mesh does not pack ${fileName}`);
  const packed = await readFile(require.resolve(`${ASSETS}.data`));
  return packed.subarray(Number(entry[2]), Number(entry[3]));
}

const sources: Record<LandmarkModel, () => Promise<Uint8Array>> = {
  detector: () => readPacked('face_detection_short_range.tflite'),
  mesh: () => readPacked('face_landmark_with_attention.tflite'),
  matte: () => readFile(require.resolve('@mediapipe/selfie_segmentation/selfie_segmentation.tflite')),
};

export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Inside the cache folder of the configuration. */
export const landmarkFolder = (cacheDir: string): string => join(cacheDir, 'landmarker');

/** @throws Error when an npm package is missing or is another version than expected. */
export async function landmarkModels(folder: string): Promise<LandmarkModelFile[]> {
  return Promise.all(
    (['detector', 'mesh', 'matte'] as const).map(async (name) => {
      const source = await sources[name]();
      const key = createHash('sha256').update(source).digest('hex').slice(0, 16);
      return { name, source, path: join(folder, `landmarker-${name}-${key}-v${CONVERTER_VERSION}.onnx`) };
    }),
  );
}

export function pathsOf(files: readonly LandmarkModelFile[]): LandmarkModelPaths {
  const paths: LandmarkModelPaths = { detector: '', mesh: '', matte: '' };
  for (const { name, path } of files) paths[name] = path;
  return paths;
}

/** @throws Error when a network has not been converted on this machine. */
export async function convertedLandmarkModels(folder: string): Promise<LandmarkModelPaths> {
  const files = await landmarkModels(folder);
  for (const { name, path } of files) {
    if (!(await exists(path)))
      throw new Error(`The landmark network "${name}" is not in ${folder}; npx gioconda setup landmark-models makes it`);
  }
  return pathsOf(files);
}
