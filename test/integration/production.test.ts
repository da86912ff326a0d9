/** `gioconda start` and `gioconda render` without development dependencies, as `npm ci --omit=dev` leaves them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../server/base/paths.ts';
import { people } from '../support/fixtures.ts';
import { ProductionTree } from '../support/ProductionTree.ts';
import { eventually } from '../support/wait.ts';

describe('without development dependencies', () => {
  let tree: ProductionTree;
  let folder: string;
  const running = new Set<ChildProcess>();

  beforeAll(() => {
    tree = new ProductionTree();
    folder = mkdtempSync(join(tmpdir(), 'gioconda-production-data-'));
  });
  afterAll(() => {
    for (const child of running) child.kill('SIGKILL');
    tree?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  function gioconda(...args: string[]): {
    child: ChildProcess;
    ended: Promise<number | null>;
    output: () => string;
    errors: Promise<string>;
  } {
    const { VITEST: _, NODE_ENV: __, NODE_PATH: ___, ...env } = process.env;
    const child = spawn(process.execPath, [join(tree.folder, 'server/bin/gioconda.mjs'), ...args], {
      cwd: tree.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...env,
        NODE_ENV: 'production',
        GIOCONDA_OFFLINE: '1',
        GIOCONDA_MEDIA_RTC_PORT: '0',
        GIOCONDA_SYNTHESIS_WORKERS: '1',
        GIOCONDA_SYNTHESIS_MODEL: 'warp',
      },
    });
    running.add(child);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve)).finally(() => running.delete(child));
    return { child, ended, output: () => output, errors: text(child.stderr) };
  }

  it('the tree has what the product needs, and no more', () => {
    for (const name of ['fastify', 'mediasoup', 'onnxruntime-node', 'node-av', 'esbuild']) expect(tree.has(name), name).toBe(true);
    for (const name of ['vitest', 'playwright-core', '@roamhq/wrtc', 'typescript', 'fast-check']) expect(tree.has(name), name).toBe(false);
  });

  it('the server starts, is ready, gives its page and ends', async () => {
    const { child, ended, output, errors } = gioconda('start', '--port', '0', '--data', join(folder, 'data'));
    const failed = ended.then(async (code) => Promise.reject(new Error(`ended with ${code}: ${output()} ${await errors}`)));
    const url = await Promise.race([eventually('the address', () => /running at (\S+)/.exec(output())?.[1], 100_000), failed]);
    failed.catch(() => undefined);
    expect((await fetch(new URL('/readyz', url))).status).toBe(200);
    const page = await (await fetch(url)).text();
    const script = /<script[^>]*src="([^"]+)"/.exec(page)?.[1];
    const bundle = await fetch(new URL(script!, url));
    expect([bundle.status, (await bundle.text()).length > 10_000]).toEqual([200, true]);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  it('a clip is rendered', async () => {
    const out = join(folder, 'out.mp4');
    const { ended, output, errors } = gioconda(
      ...['render', '--portrait', people[0]!.portraits[0]!, '--drive', join(repositoryRoot, 'test/fixtures/driver.mp4')],
      ...['--out', out, '--size', '256', '--model', 'warp', '--data', join(folder, 'data')],
    );
    const code = await ended;
    expect(code, `${output()} ${await errors}`).toBe(0);
    expect(existsSync(out) && statSync(out).size).toBeGreaterThan(10_000);
  });
});
