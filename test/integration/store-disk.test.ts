/** A full disk and a read-only one, for real. */
import { join } from 'node:path';
import { readdir } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { Store } from '../../server/store/Store.ts';
import { gioconda } from '../support/command-line.ts';
import { avatarForm, fakePortrait, startHttp, type RunningHttp } from '../support/http-server.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { wordAvatar } from '../support/store-avatars.ts';

const probe = SmallDisk.create(1);
probe?.close();
const reason = probe ? '' : ' (skipped: needs the right to mount a tmpfs)';

let disk: SmallDisk;
let http: RunningHttp | null = null;
afterEach(async () => {
  await http?.close({ keepData: true });
  http = null;
  disk.close();
});

const filesOf = async (dataDir: string): Promise<number> =>
  (await readdir(join(dataDir, 'store', 'content'), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length;

describe.skipIf(!probe)(`a full disk${reason}`, () => {
  it('reads, lets avatars into calls, refuses with a code of its own, and loses nothing', async () => {
    disk = SmallDisk.create(8)!;
    const dataDir = join(disk.folder, 'data');
    http = await startHttp({ dataDir });
    const token = await http.tokenFor('ann', 'enrol');
    const enrol = (text: string): ReturnType<RunningHttp['call']> =>
      http!.call('POST', '/avatars', {
        token,
        form: avatarForm({ portraits: [Buffer.concat([fakePortrait(text), Buffer.alloc(100_000)])] }),
      });
    const {
      body: { id },
    } = await enrol('one');
    const {
      body: { id: second },
    } = await enrol('two');

    disk.fill();
    expect((await enrol('three')).body.error?.code).toBe('storage-full');
    expect((await http.enrolment.weights(id!)).path).toContain('content');
    await http.store.tick();
    expect((await http.call('GET', `/avatars/${id}/preview`, { token })).status).toBe(200);
    expect((await http.call('GET', '/avatars', { token })).body.avatars).toHaveLength(2);
    expect((await http.call('GET', '/readyz')).status).toBe(503);
    const deleted = await http.call('DELETE', `/avatars/${second}`, { token });
    expect([204, 507]).toContain(deleted.status);
    if (deleted.status === 507) expect(deleted.body.error).toMatchObject({ code: 'storage-full', retryable: true });

    disk.free();
    await http.store.tick();
    if (deleted.status === 507) expect((await http.call('DELETE', `/avatars/${second}`, { token })).status).toBe(204);
    expect((await enrol('three')).status).toBe(201);
    await http.close({ keepData: true });
    http = await startHttp({ dataDir });
    expect((await http.call('GET', '/avatars', { token })).body.avatars).toHaveLength(2);
    expect((await http.call('GET', `/avatars/${id}/preview`, { token })).status).toBe(200);
    expect(await filesOf(dataDir)).toBe(6);
  });

  it('is told by the command line without a stack when the server cannot start on it', async () => {
    disk = SmallDisk.create(2)!;
    disk.fill();
    const { code, stderr } = await gioconda(['start', '--no-setup', '--port', '0', '--data', join(disk.folder, 'data')], {
      GIOCONDA_MEDIA_RTC_PORT: '0',
    });
    expect([code, stderr]).toEqual([73, expect.stringMatching(/disk of the data folder is full.*\(store-full\)\n$/s)]);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe.skipIf(!probe)(`a read-only folder${reason}`, () => {
  it('is told as such, and nothing is lost', async () => {
    disk = SmallDisk.create(8)!;
    const dataDir = join(disk.folder, 'data');
    const store = await Store.create({ dataDir });
    await store.add(wordAvatar('a'));
    await store.close();
    disk.makeReadOnly();
    await expect(Store.create({ dataDir })).rejects.toMatchObject({ code: 'store-not-writable', exitCode: 73 });
    expect(await filesOf(dataDir)).toBe(3);
    const { code, stderr } = await gioconda(['start', '--no-setup', '--port', '0', '--data', dataDir], { GIOCONDA_MEDIA_RTC_PORT: '0' });
    expect([code, stderr]).toEqual([73, expect.stringMatching(/data folder cannot be written.*\(store-not-writable\)\n$/s)]);
  });
});

describe('gioconda store', () => {
  it('checks, backs up and restores, with exit codes for programs', async () => {
    disk =
      SmallDisk.create(8) ??
      (() => {
        throw new Error('no right to mount');
      })();
    const dataDir = join(disk.folder, 'data');
    const store = await Store.create({ dataDir });
    await store.add(wordAvatar('a'));
    const file = join(disk.folder, 'backup.sqlite');
    expect((await gioconda(['store', 'backup', file, '--data', dataDir])).code).toBe(0);
    expect(await gioconda(['store', 'restore', file, '--data', dataDir])).toMatchObject({
      code: 75,
      stderr: expect.stringContaining('(store-in-use)') as string,
    });
    await store.close();
    expect((await gioconda(['store', 'restore', file, '--data', dataDir])).code).toBe(0);
    const checked = await gioconda(['store', 'check', '--data', dataDir, '--json']);
    expect([checked.code, JSON.parse(checked.stdout)]).toEqual([0, expect.objectContaining({ sound: true, avatars: 1, files: 3 })]);
    expect(await gioconda(['store', 'check', '--data', join(disk.folder, 'other')])).toMatchObject({ code: 66 });
  });
});
