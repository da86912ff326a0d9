import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AvatarInfo, Gioconda } from '../../client/src/index.ts';
import { authorise } from '../../server/auth/authorise.ts';
import { userWith } from '../support/access.ts';
import { TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';

const NAMES = ['Mona Lisa', 'Marble statue', 'Ines'];

describe('sample avatars', () => {
  let dataDir = '';
  let server: TestServer;
  const start = (enabled = true): Promise<TestServer> => TestServer.create({ config: { dataDir, samples: { enabled } } });
  const shown = async (gioconda: Gioconda): Promise<AvatarInfo[]> => (await gioconda.avatars()).filter(({ sample }) => sample);

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'gioconda-samples-'));
    server = await start();
  });
  afterAll(async () => {
    await server.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('are there for a newcomer, with a picture and without any of their own', async () => {
    const { gioconda } = await server.guest();
    await eventually('all samples', async () => (await shown(gioconda)).length === NAMES.length, 60_000);
    const avatars = await gioconda.avatars();
    expect(avatars.map(({ name, sample, warnings }) => ({ name, sample, warnings }))).toEqual(
      NAMES.map((name) => ({ name, sample: true, warnings: [] })),
    );
    expect((await gioconda.avatarPreview(avatars[0]!.id)).size).toBeGreaterThan(1000);
  });

  it('cannot be deleted by those who use them', async () => {
    const { gioconda } = await server.guest();
    const [sample] = await shown(gioconda);
    await expect(gioconda.deleteAvatar(sample!.id)).rejects.toMatchObject({ code: 'forbidden' });
    expect((await shown(gioconda)).length).toBe(NAMES.length);
  });

  it('may be used by everybody with a token, and by nobody without', () => {
    const avatar = { id: 'av-1', owner: 'samples' };
    const user = userWith({ userId: 'guest-1', scopes: ['join:studio'] });
    expect(authorise(user, { do: 'use-avatar', avatar })).toBe(true);
    expect(authorise(null, { do: 'use-avatar', avatar })).toBe(false);
  });

  it('are the same after a restart, and gone where they are switched off', async () => {
    const { gioconda } = await server.guest();
    const before = (await shown(gioconda)).map(({ id }) => id);
    await server.server.close();
    server = await start();
    const again = (await server.guest()).gioconda;
    await eventually('all samples', async () => (await shown(again)).length === NAMES.length, 60_000);
    expect((await shown(again)).map(({ id }) => id)).toEqual(before);

    await server.server.close();
    server = await start(false);
    const without = (await server.guest()).gioconda;
    expect(await without.avatars()).toEqual([]);
    await expect(without.avatarPreview(before[0]!)).rejects.toMatchObject({ code: 'avatar-not-found' });
  });
});
