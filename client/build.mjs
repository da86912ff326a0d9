/**
 * Builds the package in the working directory into its `dist`: ES modules, declarations and source maps, one file for each source. `npm pack`
 * and `npm publish` run it. Plain JavaScript for Node 20 and newer.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = process.cwd();
const dist = join(folder, 'dist');
const require = createRequire(import.meta.url);
const targets = ['chrome111', 'firefox120', 'safari16.4'];

/** Handlers of browsers that are too old for us and of React Native, and what its own tests need: they would be a third of mediasoup-client. */
const leftOut = /mediasoup-client[\\/]lib[\\/](handlers[\\/](Chrome74|ReactNative106|FakeHandler)|test[\\/]fakeParameters)\.js$/;

function compile() {
  // Not `bin/tsc`: a path that npm may not link.
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', join(folder, 'tsconfig.build.json')], { stdio: 'inherit' });
  if (status !== 0) throw new Error('tsc found errors: nothing was built.');
}

/** tsc leaves the endings of imports in declarations as they are; not every tool that reads declarations knows `.ts` there. */
function nameDeclarations() {
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.d.ts')) continue;
    const file = join(dist, name);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replaceAll(/((?:from|import)\s*\(?\s*['"]\.{1,2}\/[^'"]+)\.tsx?(['"])/g, '$1.js$2'));
  }
}

/** Puts mediasoup-client into the one file that imports it, with the licences of all that comes along. */
async function bundleVendor() {
  const file = join(dist, 'vendor/mediasoup-client.js');
  const { metafile } = await build({
    entryPoints: [file],
    outfile: file,
    allowOverwrite: true,
    bundle: true,
    format: 'esm',
    minifySyntax: true,
    minifyWhitespace: true,
    target: targets,
    legalComments: 'none',
    sourcemap: false,
    metafile: true,
    logLevel: 'warning',
    plugins: [
      {
        name: 'leave-out',
        setup: ({ onLoad }) => onLoad({ filter: leftOut }, () => ({ contents: 'module.exports = {};', loader: 'js' })),
      },
    ],
  });
  rmSync(`${file}.map`, { force: true });
  writeFileSync(join(dist, 'vendor/LICENSES.md'), licencesOf(Object.keys(metafile.inputs)));
}

/** The licence texts of the packages that `inputs` belong to. */
function licencesOf(inputs) {
  const folders = new Set(inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input.replaceAll('\\', '/'))?.[0] ?? []));
  const texts = [...folders].sort().map((name) => {
    const at = join(process.cwd(), name);
    const { name: title, version, license } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'));
    const file = readdirSync(at).find((one) => /^licen[cs]e/i.test(one));
    return `## ${title} ${version} (${license})\n\n${file ? readFileSync(join(at, file), 'utf8').trim() : 'The package has no licence text of its own.'}\n`;
  });
  return `# Licences of what mediasoup-client.js contains\n\n${texts.join('\n')}`;
}

rmSync(dist, { recursive: true, force: true });
compile();
nameDeclarations();
if (existsSync(join(dist, 'vendor'))) await bundleVendor();
if (existsSync(join(dist, 'react'))) copyFileSync(join(folder, 'src/react/style.css'), join(dist, 'react/style.css'));
// Tables, not code: the map would be larger than all others together.
const basis = join(dist, 'protocol/landmark-basis.js');
if (existsSync(basis)) {
  rmSync(`${basis}.map`, { force: true });
  writeFileSync(basis, readFileSync(basis, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'));
}
copyFileSync(fileURLToPath(new URL('../LICENSE', import.meta.url)), join(folder, 'LICENSE'));
