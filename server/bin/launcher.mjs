// Runs a script of this repository on Node 24, whatever `node` is on the machine. Plain JavaScript that Node 18 and newer
// understands: it is the only part that runs before we know which Node we have.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const requiredMajor = 24;
export const repositoryRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

// node:sqlite and type stripping announce themselves as experimental; nobody who reads our output can act on that.
const nodeFlags = ['--disable-warning=ExperimentalWarning'];

/** @param {string} version as in process.version */
export function isRecentEnough(version) {
  return Number(/^v?(\d+)\./.exec(version)?.[1] ?? 0) >= requiredMajor;
}

/**
 * The Node binary that npm installed as an optional dependency, or null. It may be hoisted above the repository.
 * @param {{ root?: string, platform?: string, arch?: string }} [where]
 */
export function bundledNode({ root = repositoryRoot, platform = process.platform, arch = process.arch } = {}) {
  const name = `node-${platform === 'win32' ? 'win' : platform}-${arch}`;
  const file = platform === 'win32' ? 'node.exe' : 'node';
  for (let folder = root; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name, 'bin', file);
    if (existsSync(candidate)) return candidate;
    if (dirname(folder) === folder) return null;
  }
}

/** The Node to run on: this one if it is recent enough, else the bundled one, else null. */
export function chooseNode() {
  return isRecentEnough(process.version) ? process.execPath : bundledNode();
}

export function missingNodeMessage() {
  const installed = existsSync(join(repositoryRoot, 'node_modules'));
  const first = `Gioconda runs on Node ${requiredMajor} or newer; this is Node ${process.version} (${process.platform}-${process.arch}).`;
  if (process.platform !== 'linux') return `${first}\nnpm brings it along on Linux only: install Node ${requiredMajor} or newer.`;
  return [
    first,
    installed
      ? `npm should have installed node-${process.platform}-${process.arch} as an optional dependency, and it is not there.`
      : 'The dependencies are not installed yet.',
    `Run \`npm install\` in ${repositoryRoot} (without --omit=optional), or install Node ${requiredMajor} or newer.`,
  ].join('\n');
}

/**
 * Runs `script` (relative to the repository) on the chosen Node with our terminal, passes signals on and ends as it ends.
 * @param {string} script
 * @param {string[]} args
 */
export function launch(script, args) {
  const node = chooseNode();
  if (!node) {
    console.error(missingNodeMessage());
    process.exitCode = 1;
    return;
  }
  // The fourth channel tells the child when this process is gone, even by SIGKILL, so that no server is left behind.
  const child = spawn(node, [...nodeFlags, join(repositoryRoot, script), ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    // ONNX Runtime's; see server/base/no-telemetry.ts. Every process below inherits it.
    env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
  });
  const handlers = passSignals(child);
  child.once('error', (error) => {
    console.error(`Cannot run ${node}: ${error.message}`);
    process.exitCode = 1;
  });
  child.once('exit', (code, signal) => {
    for (const [name, handler] of handlers) process.off(name, handler);
    if (child.connected) child.disconnect();
    // Where the signal does not end us at once (it may be blocked), the shell's convention says the same.
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
    if (signal) process.kill(process.pid, signal);
  });
}

function passSignals(child) {
  const handlers = ['SIGTERM', 'SIGHUP', 'SIGINT'].map((name) => [
    name,
    () => {
      // Ctrl-C reaches every process of the terminal's group already; a second one would mean "at once".
      if (name === 'SIGINT' && process.stdin.isTTY) return;
      child.kill(name);
    },
  ]);
  for (const [name, handler] of handlers) process.on(name, handler);
  return handlers;
}
