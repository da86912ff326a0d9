/** `@gioconda/server` as it was packed, and a client that a stock generator makes of the OpenAPI document, against the real HTTP API. */
import { readFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type * as Package from '../../server/sdk/src/index.ts';
import { consent, fakePortrait, startHttp, type RunningHttp } from '../support/http-server.ts';
import { runIn } from '../support/packages.ts';
import { apiTypesFile, generateTypes, openApiDocument } from '../support/write-api-types.ts';

const { folder } = inject('packages');
let http: RunningHttp;
beforeAll(async () => (http = await startHttp()));
afterAll(() => http?.close());

describe('@gioconda/server', () => {
  let module: typeof Package;
  let api: Package.ServerApi;
  beforeAll(async () => {
    module = (await import(pathToFileURL(join(folder, 'node_modules/@gioconda/server/dist/index.js')).href)) as typeof Package;
    api = new module.ServerApi({ url: http.url, apiKey: http.apiKey });
  });

  it('makes tokens that the server takes, and takes them back', async () => {
    const { token, userId } = await api.createToken({ userId: 'ann', scopes: ['enrol', 'join:studio'], ttlSeconds: 60 });
    expect([userId, (await http.call('GET', '/avatars', { token })).status]).toEqual(['ann', 200]);
    expect((await api.revokeTokens('ann')).subject).toBe('ann');
    expect((await http.call('GET', '/avatars', { token })).body.error?.code).toBe('access-revoked');
  });

  it('makes, lists, shows and deletes avatars, with their consent', async () => {
    const portraits = [fakePortrait('front'), new Blob([new Uint8Array(fakePortrait('side'))])];
    const avatar = await api.createAvatar({ owner: 'ben', portraits, consent, name: 'Lisa' });
    expect(avatar).toMatchObject({ name: 'Lisa', portraits: 2 });
    expect((await api.listAvatars('ben')).map(({ id }) => id)).toEqual([avatar.id]);
    expect(await api.getAvatar(avatar.id)).toEqual(avatar);
    expect((await api.getAvatarPreview(avatar.id)).size).toBeGreaterThan(0);
    expect(await api.getConsent(avatar.id)).toMatchObject({ subject: consent.subject, revokedAt: null });
    await api.deleteAvatar(avatar.id);
    expect((await api.getConsent(avatar.id)).revokedAt).not.toBeNull();
  });

  it('names rooms, invites, and says who is there', async () => {
    http.rooms.open.set('studio', { id: 'studio', participants: [], previews: 0 });
    expect((await api.createRoom('studio')).url).toContain('room=studio');
    expect(await api.getRoom('studio')).toMatchObject({ id: 'studio', open: true, participants: [] });
    expect((await api.listRooms()).map(({ id }) => id)).toEqual(['studio']);
    const { inviteId } = await api.createInvite('studio');
    expect((await api.revokeInvite('studio', inviteId)).subject).toBe(inviteId);
    await api.closeRoom('studio');
    expect(await api.listRooms()).toEqual([]);
  });

  it('fails with an ApiError, whatever went wrong', async () => {
    const failure = (work: Promise<unknown>): Promise<Package.ApiError> =>
      work.then(
        () => {
          throw new Error('it did not fail');
        },
        (error: Package.ApiError) => error,
      );
    const portraits = [fakePortrait('fine'), fakePortrait('no face')];
    expect(await failure(api.createAvatar({ owner: 'ben', portraits, consent }))).toMatchObject({
      code: 'portrait-no-face',
      status: 422,
      portrait: 1,
    });
    expect(await failure(api.getAvatar('nobody'))).toMatchObject({ code: 'avatar-not-found', status: 404, retryable: false });
    const strange = new module.ServerApi({ url: http.url, apiKey: 'not-the-key-of-this-server' });
    expect((await failure(strange.listRooms())).code).toBe('api-key-invalid');
    expect((await failure(api.listRooms({ signal: AbortSignal.abort() }))).code).toBe('aborted');
    const nowhere = new module.ServerApi({ url: 'http://127.0.0.1:1', apiKey: 'x' });
    expect(await failure(nowhere.listRooms())).toMatchObject({ code: 'server-unreachable', status: 0, retryable: true });
    for (const url of ['', 'localhost:7000', 'ftp://x']) expect(() => new module.ServerApi({ url, apiKey: 'x' })).toThrow(module.ApiError);
    expect(() => new module.ServerApi({ url: http.url, apiKey: '' })).toThrow(/apiKey/);
  });
});

describe('the OpenAPI document', () => {
  it('is what the types of @gioconda/server were made of: npm run api:types', async () => {
    expect(await generateTypes(await openApiDocument())).toBe(await readFile(apiTypesFile, 'utf8'));
  });

  it('makes a working client with stock generators', async () => {
    const at = join(folder, 'stock');
    await mkdir(at);
    await writeFile(join(at, 'package.json'), '{"private":true,"type":"module"}');
    await writeFile(join(at, 'openapi.json'), JSON.stringify(await openApiDocument()));
    await runIn(at, 'npm', [
      'install',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
      'openapi-typescript@7.13.0',
      'openapi-fetch@0.17.0',
      'typescript@~5.9',
    ]);
    await runIn(at, 'npx', ['openapi-typescript', 'openapi.json', '-o', 'api.d.ts']);
    const script = `
      import createClient from 'openapi-fetch';
      import type { paths } from './api.d.ts';
      const headers = { authorization: 'Bearer ${http.apiKey}' };
      const client = createClient<paths>({ baseUrl: '${http.url}', headers });
      const { data } = await client.POST('/api/v1/tokens', { body: { userId: 'stock', scopes: ['enrol'] } });
      const user: string | undefined = data?.userId;
      const { data: list } = await client.GET('/api/v1/avatars', { params: { query: { owner: 'stock' } } });
      const { error } = await client.GET('/api/v1/avatars/{avatar}', { params: { path: { avatar: 'nobody' } } });
      console.log(user, list?.avatars.length, error?.error.code);`;
    await writeFile(join(at, 'use.ts'), script);
    const compilerOptions = { strict: true, noEmit: true, module: 'nodenext', target: 'es2022', allowImportingTsExtensions: true };
    await writeFile(join(at, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
    await runIn(at, 'npx', ['tsc', '-p', '.']);
    expect((await runIn(at, process.execPath, ['use.ts'])).trim()).toBe('stock 0 avatar-not-found');
  });
});
