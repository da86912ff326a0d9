/** npm's packages with native code: whether each loads on this machine and can what we need of it. */
import { join } from 'node:path';
import { runCommand } from './command.ts';
import type { Check, Need, Part } from './part.ts';
import { packageVersion, repositoryRoot } from '../base/paths.ts';
import { SetupError } from './SetupError.ts';
import { lastLines } from './system-packages.ts';

const fix = 'npm install --include=optional';

async function probe(packageName: string): Promise<Check> {
  if (!(await packageVersion(packageName))) return { ok: false, detail: 'not installed', fix };
  const script = join(repositoryRoot, 'server/setup/native-probe.ts');
  const { code, output } = await runCommand(process.execPath, ['--disable-warning=ExperimentalWarning', script, packageName], {
    cwd: repositoryRoot,
    timeoutMs: 30_000,
  });
  const answer = output.split('\n').findLast((line) => line.startsWith('{"ok"'));
  if (code !== 0 || !answer) return { ok: false, detail: `does not load: ${reasonIn(output) || `ended with code ${code}`}`, fix };
  const { ok, detail } = JSON.parse(answer) as { ok: boolean; detail: string };
  return ok ? { ok, detail } : { ok, detail, fix };
}

/** The error's own line out of a stack trace. */
function reasonIn(output: string): string {
  return (
    output
      .split('\n')
      .find((line) => /^(\w*Error|Error \[\w+\]):? /.test(line.trim()))
      ?.trim() ?? lastLines(output, 1)
  );
}

/** Loading is looked at by `doctor` only: at a start the server loads them itself a moment later, and says so when it cannot. */
function nativePart(packageName: string, need: Need): Part {
  return {
    name: packageName,
    need,
    version: async () => (await packageVersion(packageName)) ?? '-',
    check: () => probe(packageName),
    ready: async () => (await packageVersion(packageName)) !== null,
    async ensure() {
      if (!(await packageVersion(packageName))) throw new SetupError(`the npm package ${packageName} is not installed`, { fix });
    },
  };
}

export const nativeParts: readonly Part[] = [
  nativePart('onnxruntime-node', 'start'),
  nativePart('node-av', 'start'),
  nativePart('sharp', 'start'),
  nativePart('@roamhq/wrtc', 'tests'),
];
