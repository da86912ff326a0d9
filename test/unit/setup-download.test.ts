import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { download, isIntact, sha256Of, type PinnedFile } from '../../server/setup/download.ts';
import { SetupError } from '../../server/setup/SetupError.ts';
import { trackerModel, trackerModelPart, trackerModelPath } from '../../server/setup/tracker-model.ts';

const content = Buffer.alloc(300_000, 'landmarks');
const sha256 = createHash('sha256').update(content).digest('hex');

let folder = '';
let server: Server;
let respond: RequestListener;
let requests = 0;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gioconda-download-'));
  requests = 0;
  vi.stubEnv('GIOCONDA_TRACKER_MODEL', '');
  server = createServer((request, response) => {
    requests++;
    respond(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

const pinned = (changes: Partial<PinnedFile> = {}): PinnedFile => ({
  url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/model`,
  bytes: content.length,
  sha256,
  ...changes,
});
const place = (): string => join(folder, 'deep/er/model.task');
const leftBehind = async (): Promise<string[]> => (await readdir(folder, { recursive: true })).filter((name) => name.includes('model'));

describe('download', () => {
  test('puts the right file in its place and tells how far it is', async () => {
    respond = (_, response) => response.end(content);
    const told: number[] = [];
    await download(pinned(), place(), { onProgress: (fraction) => told.push(fraction) });
    expect(await sha256Of(place())).toBe(sha256);
    expect(told.at(-1)).toBe(1);
    expect(await leftBehind()).toEqual(['deep/er/model.task']);
  });

  test('refuses a file of the right size and another hash, and leaves nothing', async () => {
    respond = (_, response) => response.end(Buffer.alloc(content.length, 'x'));
    await expect(download(pinned(), place())).rejects.toThrow(/not the file we know/);
    expect(await leftBehind()).toEqual([]);
  });

  test('keeps what was there before when the new file is refused', async () => {
    respond = (_, response) => response.end(content);
    await download(pinned(), place());
    respond = (_, response) => response.end('an error page');
    await expect(download(pinned(), place())).rejects.toThrow(SetupError);
    expect(await readFile(place())).toEqual(content);
  });

  test('never uses a half-received file', async () => {
    respond = (_, response) => {
      response.setHeader('content-length', content.length);
      response.write(content.subarray(0, 1000), () => response.destroy());
    };
    await expect(download(pinned(), place())).rejects.toThrow(SetupError);
    expect(await leftBehind()).toEqual([]);
  });

  test('a file that ends early without an error is refused too', async () => {
    respond = (_, response) => response.end(content.subarray(0, 1000));
    await expect(download(pinned(), place())).rejects.toThrow(/1000 of 300000 bytes/);
    expect(await leftBehind()).toEqual([]);
  });

  test('stops reading a file that is longer than it may be', async () => {
    respond = (_, response) => response.end(Buffer.concat([content, content]));
    await expect(download(pinned(), place())).rejects.toThrow(/longer than/);
    expect(await leftBehind()).toEqual([]);
  });

  test('gives up on a server that accepts and says nothing', async () => {
    respond = () => {};
    await expect(download(pinned(), place(), { idleMs: 100 })).rejects.toThrow(/no answer/);
  });

  test('names the status of a refusal and the cause of a broken connection', async () => {
    respond = (_, response) => response.writeHead(403).end();
    await expect(download(pinned(), place())).rejects.toThrow(/403/);
    const { url } = pinned();
    server.close();
    server.closeAllConnections();
    await expect(download({ url, bytes: content.length, sha256 }, place())).rejects.toThrow(/ECONNREFUSED/);
  });
});

describe('the tracker model', () => {
  test('a cached file of another content is not served', async () => {
    const path = join(folder, 'tracker/face_landmarker.task');
    respond = (_, response) => response.end(content);
    await download(pinned(), path);
    expect(await isIntact(path, pinned(), true)).toBe(true);
    expect(await trackerModelPath(folder)).toBeNull();
    await writeFile(path, Buffer.alloc(trackerModel.bytes));
    expect(await trackerModelPath(folder)).toBeNull();
  });

  test('without network the offline tracker serves, which is a warning with a remedy and not an error', async () => {
    const progress = { step: () => {}, advance: () => {} };
    await trackerModelPart.ensure({ progress, cacheDir: folder, network: false });
    expect(requests).toBe(0);
    const check = await trackerModelPart.check(folder);
    expect(check).toMatchObject({ ok: false, level: 'warn' });
    expect(check.detail).toContain('@mediapipe/face_mesh');
    expect(check.mend).toContain('GIOCONDA_TRACKER_MODEL');
  });
});
