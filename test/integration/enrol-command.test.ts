import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Store } from '../../server/store/Store.ts';
import { gioconda } from '../support/command-line.ts';
import { badPortraits, portraitOf } from '../support/fixtures.ts';
import { TestServer } from '../support/TestServer.ts';

const portraits = [portraitOf('kenji', 'neutral'), portraitOf('kenji', 'smile')];
const who = ['--name', 'Kenji', '--consent-by', 'A rendered person'];

describe('gioconda enrol, locally', () => {
  let data: string;
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'gioconda-enrol-'));
  });
  afterAll(() => rm(data, { recursive: true, force: true }));

  it('makes an avatar with the consent given, and finds it again', async () => {
    const first = await gioconda([
      'enrol',
      ...portraits,
      ...who,
      '--data',
      data,
      '--json',
      '--consent-statement',
      'My face may speak for me in our calls.',
    ]);
    expect(first.code).toBe(0);
    const avatar = JSON.parse(first.stdout) as { id: string };
    expect(avatar).toMatchObject({ name: 'Kenji', model: 'warp', portraits: 2, created: true });
    const again = await gioconda(['enrol', ...portraits, ...who, '--data', data]);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining(`enrolled already: ${avatar.id}`) as string });
    const store = await Store.create({ dataDir: data });
    expect(store.consent(avatar.id)).toMatchObject({
      subject: 'A rendered person',
      statement: 'My face may speak for me in our calls.',
      revokedMs: null,
    });
    await store.close();
  });

  it('names the portrait that will not do, and keeps nothing', async () => {
    const { code, stdout, stderr } = await gioconda(['enrol', portraits[0]!, badPortraits.noFace, ...who, '--data', data]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^gioconda: ${basename(badPortraits.noFace).replace('.', '\\.')}: No face`, 'm'));
    const missing = await gioconda(['enrol', 'nowhere.jpg', ...who, '--data', data]);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringMatching(/There is no file nowhere\.jpg/) as string });
    const store = await Store.create({ dataDir: data });
    expect(store.count()).toBe(1);
    await store.close();
  });

  it('asks for a consent that says something', async () => {
    const { code, stderr } = await gioconda(['enrol', ...portraits, ...who, '--data', join(data, 'other'), '--consent-statement', 'ok']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/consent\.statement/);
  });
});

describe('gioconda enrol, at a server', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await TestServer.create();
  });
  afterAll(() => server?.close());

  it('uses the API, with the key from option or environment', async () => {
    const { apiKey } = server.server.keys;
    const made = await gioconda(['enrol', ...portraits, ...who, '--server', server.url, '--api-key', apiKey, '--json']);
    expect(made).toMatchObject({ code: 0 });
    const again = await gioconda(['enrol', ...portraits, ...who, '--server', server.url, '--json'], { GIOCONDA_AUTH_API_KEY: apiKey });
    expect(JSON.parse(again.stdout)).toMatchObject({ id: (JSON.parse(made.stdout) as { id: string }).id, created: false });
  });

  it('passes on what the server says, and says when there is none', async () => {
    const refused = await gioconda([
      'enrol',
      portraits[0]!,
      badPortraits.twoFaces,
      ...who,
      '--server',
      server.url,
      '--api-key',
      server.server.keys.apiKey,
    ]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^gioconda: bad-two-faces\.jpg: /m) as string });
    const stranger = await gioconda(['enrol', ...portraits, ...who, '--server', server.url, '--api-key', 'not-the-key-of-this-server']);
    expect(stranger).toMatchObject({ code: 1, stdout: '' });
    expect(stranger.stderr).toMatch(/^gioconda: .*token/im);
    const nobody = await gioconda(['enrol', ...portraits, ...who, '--server', 'http://127.0.0.1:9', '--api-key', 'x']);
    expect(nobody).toMatchObject({ code: 1, stderr: expect.stringMatching(/cannot be reached/) as string });
    const keyless = await gioconda(['enrol', ...portraits, ...who, '--server', server.url], { GIOCONDA_AUTH_API_KEY: '' });
    expect(keyless).toMatchObject({ code: 1, stderr: expect.stringMatching(/API key/i) as string });
  });
});
