/** The synthesis models of this checkout: every file that models/manifest.json names, by its hash. */
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { sha256Of } from './files.ts';
import type { Check, Part } from './part.ts';
import { repositoryRoot } from '../base/paths.ts';
import { SetupError } from './SetupError.ts';

export interface ModelFile {
  path: string;
  sha256: string;
}

const manifestPath = join(repositoryRoot, 'models/manifest.json');
const fix = 'git checkout -- models';

/**
 * Every `{ file, sha256 }` pair anywhere in the manifest, paths made absolute: the set-up needs no more of its form, which
 * server/synthesis owns.
 */
export function filesIn(manifest: unknown, folder: string): ModelFile[] {
  if (Array.isArray(manifest)) return manifest.flatMap((entry) => filesIn(entry, folder));
  if (typeof manifest !== 'object' || manifest === null) return [];
  const { file, path, sha256 } = manifest as Record<string, unknown>;
  const name = typeof file === 'string' ? file : path;
  const own = typeof name === 'string' && typeof sha256 === 'string' ? [{ path: resolve(folder, name), sha256 }] : [];
  return [...own, ...Object.values(manifest).flatMap((entry) => filesIn(entry, folder))];
}

/** What is wrong, one line each; none means all files are there and are the right ones. */
export async function wrongModelFiles(manifest: string = manifestPath): Promise<{ count: number; problems: string[] }> {
  const text = await readFile(manifest, 'utf8').catch(() => null);
  if (text === null) return { count: 0, problems: [`${manifest} is missing`] };
  const files = filesIn(JSON.parse(text), dirname(manifest));
  const problems: string[] = files.length === 0 ? [`${manifest} names no files`] : [];
  for (const { path, sha256 } of files) {
    const found = await sha256Of(path).catch(() => null);
    if (found === null) problems.push(`${path} is missing`);
    else if (found !== sha256) problems.push(`${path} is not the file of the manifest`);
  }
  return { count: files.length, problems };
}

export const modelFilesPart: Part = {
  name: 'models',
  need: 'start',
  async version() {
    const manifest = JSON.parse(await readFile(manifestPath, 'utf8').catch(() => '{}')) as { models?: Record<string, unknown> | unknown[] };
    const count = Object.keys(manifest.models ?? {}).length;
    return count > 0 ? `${count} model${count === 1 ? '' : 's'}` : '-';
  },
  async check(): Promise<Check> {
    const { count, problems } = await wrongModelFiles();
    return problems.length === 0
      ? { ok: true, detail: `${count} files with the right sha256` }
      : { ok: false, detail: problems.join('; '), fix };
  },
  // Hashing them all is the doctor's; the server checks each as it loads it.
  ready: async () => (await readFile(manifestPath).catch(() => null)) !== null,
  async ensure() {
    const { problems } = await wrongModelFiles();
    if (problems.length > 0) throw new SetupError(problems.join('; '), { fix });
  },
};
