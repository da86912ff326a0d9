/** `npm run models:test`: the Python tests, where there is a Python with PyTorch; says so loudly where there is none. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const models = fileURLToPath(new URL('..', import.meta.url));
const own = path.join(models, '..', '.venv', 'bin', 'python');
const candidates = [process.env.GIOCONDA_PYTHON, own, 'python3', 'python'].filter((name) => name && (name !== own || existsSync(own)));
const usable = candidates.find((python) => spawnSync(python, ['-c', 'import torch, numpy, cv2, pytest'], { stdio: 'ignore' }).status === 0);
if (!usable) {
  console.warn('SKIPPED: the tests of models/ were NOT run: no Python with torch, numpy, opencv-python-headless and pytest was found.');
  console.warn(
    'Set one up with:  python3 -m venv .venv && .venv/bin/pip install -e "models[train,test]"   (or name one in GIOCONDA_PYTHON)',
  );
  process.exit(0);
}
process.exit(spawnSync(usable, ['-m', 'pytest', '-q', ...process.argv.slice(2)], { cwd: models, stdio: 'inherit' }).status ?? 1);
