/** A Chromium for the browser tests: the machine's own, or one from the package manager, or playwright's. */
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findProgram, isExecutable, runCommand } from './command.ts';
import type { Check, EnsureContext, Part } from './part.ts';
import { packageFolder } from '../base/paths.ts';
import { distribution, installCommand, installPackages, mayInstall } from './system-packages.ts';

const variables = ['GIOCONDA_CHROMIUM', 'CHROMIUM', 'CHROME_BIN', 'PLAYWRIGHT_CHROMIUM_EXECUTABLE_PATH'];
const programs = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'google-chrome-for-testing'];
const places = [
  '/usr/lib/chromium/chromium',
  '/opt/google/chrome/chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** Browsers that playwright has downloaded, newest first. */
async function playwrightBrowsers(): Promise<string[]> {
  const root =
    process.env.PLAYWRIGHT_BROWSERS_PATH ??
    join(homedir(), process.platform === 'darwin' ? 'Library/Caches/ms-playwright' : '.cache/ms-playwright');
  const revision = (name: string): number => Number(name.split('-')[1]);
  const folders = (await readdir(root).catch(() => []))
    .filter((name) => /^chromium-\d+$/.test(name))
    .sort((a, b) => revision(b) - revision(a));
  return folders.flatMap((name) => ['chrome-linux/chrome', 'chrome-linux64/chrome'].map((file) => join(root, name, file)));
}

/** The path of a Chromium or Chrome, or null. It is not run: see `check`. */
export async function chromiumPath(): Promise<string | null> {
  for (const name of variables) {
    const given = process.env[name];
    if (given && (await isExecutable(given))) return given;
  }
  for (const name of programs) {
    const found = await findProgram(name);
    if (found) return found;
  }
  for (const path of [...places, ...(await playwrightBrowsers())]) if (await isExecutable(path)) return path;
  return null;
}

/** Ubuntu's package of the name is a pointer to a snap, which neither containers nor headless machines can run. */
async function aptHasChromium(): Promise<boolean> {
  const { id } = await distribution();
  return id === 'debian' && (await mayInstall());
}

async function install({ progress, network }: EnsureContext): Promise<void> {
  if (await aptHasChromium()) return installPackages(['chromium'], progress);
  const playwright = packageFolder('playwright-core');
  if (!network || !playwright) return;
  progress.step('fetching Chromium with playwright');
  const withSystemLibraries = process.getuid?.() === 0 ? ['--with-deps'] : [];
  await runCommand(process.execPath, [join(playwright, 'cli.js'), 'install', ...withSystemLibraries, 'chromium'], {
    timeoutMs: 10 * 60_000,
    onLine: (line) => {
      const percent = /(\d+)% of/.exec(line)?.[1];
      if (percent) progress.advance(Number(percent) / 100);
    },
  });
}

async function mendText(): Promise<string> {
  const { id } = await distribution();
  if (id === 'debian') return installCommand(['chromium']);
  return 'npx playwright-core install --with-deps chromium, or install Google Chrome; or GIOCONDA_CHROMIUM=/path/to/chrome';
}

export const chromiumPart: Part = {
  name: 'chromium',
  need: 'tests',
  async version() {
    const path = await chromiumPath();
    if (!path) return '-';
    const { output } = await runCommand(path, ['--version'], { timeoutMs: 10_000 });
    return /\d+\.\d+\.\d+(?:\.\d+)?/.exec(output)?.[0] ?? '?';
  },
  async check(): Promise<Check> {
    const path = await chromiumPath();
    if (!path) return { ok: false, level: 'warn', detail: 'not found: the browser tests are skipped', fix: await mendText() };
    const { code } = await runCommand(path, ['--version'], { timeoutMs: 10_000 });
    return code === 0 ? { ok: true, detail: path } : { ok: false, level: 'warn', detail: `${path} does not run`, fix: await mendText() };
  },
  ready: async () => (await chromiumPath()) !== null,
  async ensure(context) {
    if (await chromiumPath()) return;
    await install(context);
    if (!(await chromiumPath())) context.progress.step(`no Chromium: the browser tests are skipped. To run them: ${await mendText()}`);
  },
};
