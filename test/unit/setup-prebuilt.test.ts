/** mediasoup's own download script, run for real against a server of ours. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fetchPrebuilt } from '../../server/setup/mediasoup-worker/prebuilt.ts';
import { packageFolder, packageVersion } from '../../server/base/paths.ts';

let folder = '';
let server: Server;
let respond: RequestListener;
let asked: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gioconda-prebuilt-test-'));
  asked = [];
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    respond(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  vi.stubEnv('MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD', undefined);
  // Whoever has a worker still gets what was asked for here.
  vi.stubEnv('MEDIASOUP_WORKER_BIN', '/nowhere');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

const target = (): string => join(folder, 'cache/key/mediasoup-worker');
const fetchIt = (answerMs = 20_000): Promise<boolean> =>
  fetchPrebuilt({ packageFolder: packageFolder('mediasoup') as string, target: target(), answerMs });

/** A download as mediasoup's releases have it, with a program in it that ends as `body` says. */
async function archive(body: string): Promise<Buffer> {
  await writeFile(join(folder, 'mediasoup-worker'), `#!/bin/sh\n${body}\n`);
  await chmod(join(folder, 'mediasoup-worker'), 0o755);
  const { status } = spawnSync('tar', ['-czf', join(folder, 'worker.tgz'), '-C', folder, 'mediasoup-worker']);
  expect(status).toBe(0);
  return readFile(join(folder, 'worker.tgz'));
}

test('a worker that starts here is taken, and nothing else is left', async () => {
  const worker = await archive('exit 41');
  respond = (_, response) => response.end(worker);
  expect(await fetchIt()).toBe(true);
  expect(await readFile(target(), 'utf8')).toContain('exit 41');
  expect(asked).toEqual([expect.stringMatching(`/${await packageVersion('mediasoup')}/mediasoup-worker-.*-${process.arch}.*\\.tgz`)]);
});

test('a worker that does not start here (another libc, say) is not', async () => {
  const worker = await archive('exit 127');
  respond = (_, response) => response.end(worker);
  expect(await fetchIt()).toBe(false);
  expect(existsSync(target())).toBe(false);
});

test('where there is none for this machine, nothing is built instead', async () => {
  respond = (_, response) => response.writeHead(404).end();
  expect(await fetchIt()).toBe(false);
  expect(await readdir(folder)).toEqual([]);
});

test('a server that accepts and says nothing is given up', async () => {
  respond = () => {};
  expect(await fetchIt(1500)).toBe(false);
  expect(existsSync(target())).toBe(false);
});

test('a download that breaks off is not used', async () => {
  const worker = await archive('exit 41');
  respond = (_, response) => {
    response.setHeader('content-length', worker.length);
    response.write(worker.subarray(0, worker.length / 2), () => response.destroy());
  };
  expect(await fetchIt()).toBe(false);
  expect(existsSync(target())).toBe(false);
});

test('who forbids the download is obeyed', async () => {
  vi.stubEnv('MEDIASOUP_SKIP_WORKER_PREBUILT_DOWNLOAD', '1');
  expect(await fetchIt()).toBe(false);
  expect(asked).toEqual([]);
});
