/** The server's own landmark networks: ONNX converted from the tflite files inside npm packages. */
import { readdir } from 'node:fs/promises';
import { landmarkFolder } from '../landmarker/landmark-models.ts';
import type { Check, Part } from './part.ts';
import { packageVersion } from '../base/paths.ts';

async function convert(cacheDir: string): Promise<string[]> {
  // Lazily: the converter brings flatbuffers and protobuf along.
  const { ensureLandmarkModels } = await import('./landmarker/convert-models.ts');
  return Object.values(await ensureLandmarkModels(landmarkFolder(cacheDir)));
}

export const landmarkModelsPart: Part = {
  name: 'landmark-models',
  need: 'start',
  version: async () => (await packageVersion('@mediapipe/face_mesh')) ?? '-',

  async check(cacheDir): Promise<Check> {
    if (!(await this.ready(cacheDir))) return { ok: false, detail: 'not converted yet', fix: 'npx gioconda setup landmark-models' };
    try {
      const paths = await convert(cacheDir);
      return { ok: true, detail: `${paths.length} networks in ${landmarkFolder(cacheDir)}` };
    } catch (error) {
      return { ok: false, detail: `cannot be converted: ${(error as Error).message}`, fix: 'npm install' };
    }
  },

  ready: async (cacheDir) => (await readdir(landmarkFolder(cacheDir)).catch(() => [])).filter((name) => name.endsWith('.onnx')).length >= 3,

  async ensure({ cacheDir, progress }) {
    progress.step('converting the landmark networks to ONNX');
    await convert(cacheDir);
  },
};
