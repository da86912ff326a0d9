/**
 * `npm run models:test`: the Python tests, as far as there is a Python for them; ends with a line `N passed, N failed, N skipped`.
 * `-- --set-up` makes a Python environment first; other arguments go to pytest.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readJUnit } from './junit.mjs';
import { findPython, models, setUpPython } from './python.mjs';

const HINT =
  'Set one up with  npm run models:test -- --set-up  or  python3 -m venv .venv && .venv/bin/pip install -e "models[train,test]"' +
  '  (or name one in GIOCONDA_PYTHON)';

function runPytest(python, args) {
  const folder = mkdtempSync(path.join(tmpdir(), 'gioconda-pytest-'));
  const report = path.join(folder, 'junit.xml');
  try {
    const { status } = spawnSync(python, ['-m', 'pytest', '-q', '--continue-on-collection-errors', `--junitxml=${report}`, ...args], {
      cwd: models,
      stdio: 'inherit',
      env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
    });
    return { status, ...readJUnit(readFileSync(report, 'utf8')) };
  } catch (error) {
    console.error(`pytest ended before it could report: ${error.message}`);
    return { status: 1, passed: 0, failed: 1, skipped: [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function main(args) {
  if (args.includes('--set-up')) setUpPython();
  const python =
    findPython(['torch', 'numpy', 'cv2', 'onnxruntime', 'pytest']) ??
    findPython(['numpy', 'cv2', 'onnxruntime', 'pytest']) ??
    findPython(['numpy', 'cv2', 'PIL', 'moderngl', 'pytest']);
  if (!python) {
    console.warn(HINT);
    console.log('skipped: all tests of models/ (no Python with numpy, opencv-python-headless, pillow, moderngl and pytest was found)');
    console.log('0 passed, 0 failed, 1 skipped');
    return 0;
  }
  const { status, passed, failed, skipped } = runPytest(
    python,
    args.filter((arg) => arg !== '--set-up'),
  );
  for (const { name, reason } of skipped) console.log(`skipped: models/${name} (${reason})`);
  if (skipped.some(({ reason }) => /not installed/.test(reason))) console.warn(HINT);
  console.log(`${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
  return failed > 0 ? 1 : (status ?? 1);
}

process.exitCode = main(process.argv.slice(2));
