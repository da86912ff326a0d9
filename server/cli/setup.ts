import { configuredCacheFolder, ensureSetup } from '../setup/index.ts';
import type { SetupOptions } from './options.ts';

/** `gioconda setup`: what a first start does, without starting. */
export async function run({ parts, tests }: SetupOptions): Promise<number> {
  const startedMs = performance.now();
  await ensureSetup({ only: parts, tests, retry: true, cacheDir: configuredCacheFolder() });
  console.log(
    `Ready, after ${((performance.now() - startedMs) / 1000).toFixed(1)} s. \`npm start\` starts the server, \`npx gioconda doctor\` shows the parts.`,
  );
  return 0;
}
