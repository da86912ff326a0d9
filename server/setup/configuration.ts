/** The configuration as doctor sees it, and the cache folder that it names. */
import { ConfigError, loadConfig } from '../config/index.ts';
import type { Check, Part } from './part.ts';
import { cacheFolder } from '../base/paths.ts';

/** The cache folder of the configuration; of a broken configuration, the user's own: the doctor has to work then too. */
export function configuredCacheFolder(): string {
  try {
    return loadConfig().config.cacheDir;
  } catch (error) {
    if (error instanceof ConfigError) return cacheFolder();
    throw error;
  }
}

export const configurationPart: Part = {
  name: 'configuration',
  need: 'start',
  version: () => Promise.resolve('-'),
  check(): Promise<Check> {
    try {
      const { file, warnings } = loadConfig();
      const source = file ?? 'defaults and environment';
      if (warnings.length === 0) return Promise.resolve({ ok: true, detail: source });
      return Promise.resolve({
        ok: true,
        level: 'warn',
        detail: `${source}; ${warnings.join('; ')}`,
        fix: 'unset what is misspelt; docs/configuration.md lists all settings',
      });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return Promise.resolve({ ok: false, detail: error.problems.join('; '), fix: 'docs/configuration.md lists all settings' });
    }
  },
  ready: () => Promise.resolve(true),
  async ensure() {
    // Nothing can be made here: a start reads it and says what is wrong.
  },
};
