/** Which Python runs the scripts of models/, and the set-up of one in the user's cache folder. Node 20 is enough for this file. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const models = fileURLToPath(new URL('..', import.meta.url));

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const KEPT_DAYS = 30;

/** As the server's `cacheFolder`. */
function cacheFolder({ GIOCONDA_CACHE_DIR, XDG_CACHE_HOME, HOME } = process.env) {
  if (GIOCONDA_CACHE_DIR) return path.resolve(GIOCONDA_CACHE_DIR);
  if (XDG_CACHE_HOME?.startsWith('/')) return path.join(XDG_CACHE_HOME, 'gioconda');
  const home = HOME ?? homedir();
  return path.join(home, process.platform === 'darwin' ? 'Library/Caches/gioconda' : '.cache/gioconda');
}

const binary = (environment) =>
  process.platform === 'win32' ? path.join(environment, 'Scripts', 'python.exe') : path.join(environment, 'bin', 'python');

/** Whether that Python can import all of these. */
export function imports(python, names) {
  return spawnSync(python, ['-c', `import ${names.join(', ')}`], { stdio: 'ignore' }).status === 0;
}

/** What pyproject.toml asks for, as pip's words, and the name of the cached environment; null where that Python is too old to read it. */
function wanted(python) {
  const script = `
import json, sys, tomllib
project = tomllib.load(open(sys.argv[1], "rb"))["project"]
extra = project["optional-dependencies"]
print(json.dumps({
  "light": project["dependencies"] + extra["tools"] + extra["test"],
  "heavy": extra["torch"],
  "version": ".".join(map(str, sys.version_info[:2])),
}))`;
  const { status, stdout } = spawnSync(python, ['-c', script, path.join(models, 'pyproject.toml')], { encoding: 'utf8' });
  if (status !== 0) return null;
  const lists = JSON.parse(stdout);
  const key = createHash('sha256').update(JSON.stringify(lists)).digest('hex').slice(0, 16);
  return { ...lists, folder: path.join(cacheFolder(), `python-${key}`) };
}

const commands = () => [process.env.GIOCONDA_PYTHON, 'python3', 'python3.13', 'python3.12', 'python3.11', 'python'].filter(Boolean);

/** Pythons that may do, best first: the one that was named, the checkout's own, the cached one, the system's. */
function candidates() {
  const own = binary(path.join(models, '..', '.venv'));
  const cached = commands()
    .map((python) => wanted(python)?.folder)
    .filter(Boolean)
    .map(binary);
  return [process.env.GIOCONDA_PYTHON, own, ...new Set(cached), 'python3', 'python'].filter(
    (python) => python && (!path.isAbsolute(python) || existsSync(python)),
  );
}

/** The best Python that can import these, or null. */
export function findPython(names) {
  const found = candidates().find((python) => imports(python, names)) ?? null;
  if (found && path.isAbsolute(found)) touch(found);
  return found;
}

/** Its age tells when it was last used. */
function touch(python) {
  const folder = path.dirname(path.dirname(python));
  if (path.dirname(folder) === cacheFolder()) utimesSync(folder, new Date(), new Date());
}

function pip(python, packages, timeoutMs) {
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages];
  return spawnSync(python, args, { stdio: ['ignore', 'inherit', 'inherit'], timeout: timeoutMs }).status === 0;
}

/** Made beside its place and moved there when it is whole: what an aborted set-up leaves is never taken for an environment. */
function make(base, { folder, light }) {
  const building = `${folder}-${process.pid}`;
  try {
    mkdirSync(path.dirname(folder), { recursive: true });
    if (spawnSync(base, ['-m', 'venv', building], { stdio: 'inherit' }).status !== 0) return false;
    if (!pip(binary(building), light, 10 * MINUTE_MS)) return false;
    renameSync(building, folder);
    return true;
  } catch (error) {
    if (existsSync(folder)) return true; // another set-up was faster
    throw error;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

function removeForgotten() {
  const cache = cacheFolder();
  for (const name of readdirSync(cache).filter((entry) => /^python-[0-9a-f]{16}/.test(entry))) {
    const folder = path.join(cache, name);
    if (Date.now() - statSync(folder).mtimeMs > KEPT_DAYS * DAY_MS) rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Makes the cached environment unless there is a Python that has everything already. PyTorch comes second and may fail: the tests that need
 * none of it run all the same. On Linux pip's PyTorch brings CUDA along, some gigabytes; PIP_EXTRA_INDEX_URL can name an index that has it for CPUs.
 */
export function setUpPython() {
  if (findPython(['torch', 'cv2', 'onnxruntime', 'pytest'])) return;
  const base = commands().find((python) => wanted(python) !== null);
  if (!base) return console.warn('No Python of version 3.11 or later was found.');
  const plan = wanted(base);
  if (!existsSync(plan.folder)) {
    console.log(`Setting up Python ${plan.version} in ${plan.folder}`);
    if (!make(base, plan)) return console.warn('pip could not install what the tests of models/ need.');
    removeForgotten();
  }
  if (!imports(binary(plan.folder), ['torch']) && !pip(binary(plan.folder), plan.heavy, 15 * MINUTE_MS))
    console.warn('pip could not install PyTorch.');
}
