/** Lint and format of the Python, where Ruff is installed: `node models/tests/ruff.mjs check` (the default) or `format`. */
import { spawnSync } from 'node:child_process';
import { findPython, models } from './python.mjs';

const python = findPython(['ruff']);
const ruff = (...args) => spawnSync(python, ['-m', 'ruff', ...args, '.'], { cwd: models, stdio: 'inherit' }).status === 0;

if (!python) {
  console.warn('skipped: Ruff over models/ (no Python has it: npm run models:test -- --set-up)');
} else if (process.argv[2] === 'format') {
  process.exitCode = ruff('format', '--quiet') ? 0 : 1;
} else {
  const [clean, formatted] = [ruff('check'), ruff('format', '--check')];
  process.exitCode = clean && formatted ? 0 : 1;
}
