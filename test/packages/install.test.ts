/** What an app gets that installs the packed packages: in Node, in a bundler, in the type checker. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, inject, it } from 'vitest';
import { packageFolder, repositoryRoot } from '../../server/base/paths.ts';
import { runIn } from '../support/packages.ts';

interface Manifest {
  name: string;
  version: string;
  engines?: { node?: string };
  exports: Record<string, string | { types?: string; default?: string }>;
}

const { satisfies } = createRequire(import.meta.url)('semver') as { satisfies(version: string, range: string): boolean };
const { folder, tarballs, warnings } = inject('packages');
const installed = (name: string): string => join(folder, 'node_modules', name);
const manifestOf = (name: string): Manifest => JSON.parse(readFileSync(join(installed(name), 'package.json'), 'utf8')) as Manifest;
const names = Object.keys(tarballs);
/** `@gioconda/client/react` and so on; style sheets and the like are no modules. */
const modules = names.flatMap((name) =>
  Object.entries(manifestOf(name).exports)
    .filter(([, target]) => typeof target === 'object')
    .map(([subpath]) => name + subpath.slice(1)),
);

describe('the packed packages', () => {
  it('are there, and hold what their exports name, with declarations and source maps', () => {
    expect(names).toContain('@gioconda/client');
    for (const name of names) {
      const files = readdirSync(installed(name), { recursive: true, encoding: 'utf8' });
      const named = Object.values(manifestOf(name).exports).flatMap((target) =>
        typeof target === 'object' ? Object.values(target) : target,
      );
      expect(named.filter((file) => !files.includes(file.slice(2)))).toEqual([]);
      expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'dist/index.js.map']));
      expect(files.filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.d.ts'))).toEqual([]);
    }
  });

  it('install without a warning, and say nothing against Node 20', () => {
    expect(warnings).not.toMatch(/warn|deprecated/i);
    const all = readdirSync(join(folder, 'node_modules'), { recursive: true, encoding: 'utf8' })
      .filter((file) => /(^|node_modules\/)(@[^/]+\/)?[^/@]+\/package\.json$/.test(file))
      .map((file) => JSON.parse(readFileSync(join(folder, 'node_modules', file), 'utf8')) as Manifest);
    expect(all.length).toBeGreaterThan(10);
    expect(
      all.filter(({ engines }) => engines?.node && !satisfies('20.20.0', engines.node)).map(({ name, version }) => `${name}@${version}`),
    ).toEqual([]);
  });

  it('carry the licences of what was put into them', () => {
    const licences = readFileSync(join(installed('@gioconda/client'), 'dist/vendor/LICENSES.md'), 'utf8');
    for (const name of ['mediasoup-client', 'sdp-transform', 'debug']) expect(licences).toContain(`## ${name} `);
    expect(licences).not.toContain('no licence text');
  });
});

describe('in Node', () => {
  it.each(modules)('%s can be imported without a browser', async (name) => {
    const script = `const m = await import(${JSON.stringify(name)}); console.log(Object.keys(m).length > 0)`;
    expect((await runIn(folder, process.execPath, ['--input-type=module', '-e', script])).trim()).toBe('true');
  });
});

describe('in the type checker', () => {
  const strict = {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    target: 'es2022',
    jsx: 'react-jsx',
    verbatimModuleSyntax: true,
  };
  const bundler = { where: 'a bundler', options: { module: 'preserve', moduleResolution: 'bundler', lib: ['es2022', 'dom'], types: [] } };
  const node = { where: 'Node', options: { module: 'nodenext', lib: ['es2022'], types: ['node'] } };
  const cases = [
    // Once only with the slow one.
    { compiler: 'TypeScript 5', path: join(installed('typescript'), 'bin/tsc'), ...bundler },
    { compiler: 'TypeScript 7', path: join(packageFolder('typescript')!, 'bin/tsc'), ...bundler },
    { compiler: 'TypeScript 7', path: join(packageFolder('typescript')!, 'bin/tsc'), ...node },
  ];

  it.each(cases)('every module is right for $compiler in $where, without skipLibCheck', async ({ compiler, path, where, options }) => {
    const at = join(folder, `strict ${compiler} ${where}`);
    await mkdir(at);
    const uses = modules.map((name, i) => `export * as m${i} from '${name}';`);
    await writeFile(join(at, 'all.ts'), uses.join('\n'));
    await writeFile(join(at, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...strict, ...options }, include: ['*'] }));
    expect(await runIn(at, process.execPath, [path, '-p', '.'])).toBe('');
  });
});

/** Bytes, gzip, of what a browser loads at first: the entry and all that it imports, not what it may import later. */
async function firstLoad(script: string): Promise<number> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: script, resolveDir: folder },
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    outdir: join(folder, 'out'),
    write: false,
    metafile: true,
    absWorkingDir: folder,
    target: ['chrome111', 'firefox120', 'safari16.4'],
  });
  const first = new Set<string>();
  const add = (file: string): void => {
    if (first.has(file)) return;
    first.add(file);
    for (const { path, kind } of metafile.outputs[file]!.imports) if (kind === 'import-statement') add(path);
  };
  add(Object.keys(metafile.outputs).find((file) => metafile.outputs[file]!.entryPoint === '<stdin>')!);
  return outputFiles
    .filter(({ path }) => [...first].some((file) => path === join(folder, file)))
    .reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
}

describe('in a bundler', () => {
  /** What the README says, in kB. */
  const sizes = {
    'a viewer': {
      limit: 95,
      script: `
        import { Gioconda } from '@gioconda/client';
        const gioconda = await Gioconda.connect({ url, token });
        const call = await gioconda.join({ displayName: 'Ana' });
        call.on('track-added', ({ track }) => show(track));`,
    },
    'the tracker and enrolment too': {
      limit: 105,
      script: `
        import { Camera, Gioconda, GuidedCapture, driveCall, feedTracker, openMicrophone } from '@gioconda/client';
        const gioconda = await Gioconda.connect({ url, token });
        use(Camera, GuidedCapture, feedTracker, openMicrophone, await gioconda.loadTracker(), driveCall);
        await gioconda.join({ displayName: 'Ana' });`,
    },
    'an error class': { limit: 4, script: `import { AppError } from '@gioconda/client'; use(AppError);` },
  };

  it.each(Object.entries(sizes))('%s loads no more than it should', async (_what, { script, limit }) => {
    const bytes = await firstLoad(script);
    expect(bytes / 1000).toBeLessThanOrEqual(limit);
    // A limit that lies far above says nothing.
    expect(bytes / 1000).toBeGreaterThan(limit * 0.5);
  });

  it('the README says the sizes', async () => {
    const readme = readFileSync(join(repositoryRoot, 'client/README.md'), 'utf8');
    for (const [what, { script }] of Object.entries(sizes).slice(0, 2)) {
      const row = readme.split('\n').find((line) => line.startsWith(`| ${what} |`));
      const said = Number(/(\d+) kB/.exec(row ?? '')?.[1]);
      expect(Math.abs(said - (await firstLoad(script)) / 1000), row).toBeLessThan(5);
    }
  });
});
