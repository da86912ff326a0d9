/** Compiles the kernel (AssemblyScript) to what the server loads: `npm run build:kernel`. A test holds the committed file to this. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const folder = fileURLToPath(new URL('.', import.meta.url));
const target = fileURLToPath(new URL('../../server/synthesis/compose/kernel.wasm', import.meta.url));

/** The module's bytes; the same ones for the same source and compiler. Throws with the compiler's messages. */
export async function compileKernel() {
  const made = new Map();
  const options = { baseDir: folder, runtime: 'stub', optimizeLevel: 3, noAssert: true, converge: true };
  const flags = ['--enable', 'simd', '--outFile', 'kernel.wasm'];
  for (const [name, value] of Object.entries(options)) flags.push(`--${name}`, ...(value === true ? [] : [String(value)]));
  const messages = [];
  const stderr = { write: (text) => messages.push(text) };
  const { error } = await asc.main(['source/index.ts', ...flags], {
    stderr,
    stdout: stderr,
    writeFile: (name, content) => made.set(name, content),
  });
  if (error) throw new Error(`the kernel does not compile:\n${messages.join('')}`, { cause: error });
  return made.get('kernel.wasm');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const bytes = await compileKernel();
  await writeFile(target, bytes);
  console.log(`${target}: ${bytes.length} bytes`);
}
