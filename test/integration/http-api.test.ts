import { subscribe, unsubscribe } from 'node:diagnostics_channel';
/* oxlint-disable max-lines -- one server for all of them; the formatter made it longer */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorTable, type ErrorCode } from '../../client/src/protocol/index.ts';
import type { App } from '../../server/http/create-http-server.ts';
import { avatarForm, consent, fakePortrait, startHttp, type RunningHttp } from '../support/http-server.ts';

let http: RunningHttp;
beforeEach(async () => {
  http = await startHttp();
});
afterEach(() => http.close());

const enrol = async (token: string, ...texts: string[]): Promise<string> =>
  (await http.call('POST', '/avatars', { token, form: avatarForm({ portraits: texts.map(fakePortrait) }) })).body.id!;

describe('the OpenAPI document', () => {
  it('has every route that there is, and no other, each with a summary and tags', async () => {
    const routes: string[] = [];
    const onServer = (message: unknown): void => {
      (message as { fastify: App }).fastify.addHook(
        'onRoute',
        ({ method, url }) => void routes.push(...[method].flat().map((one) => `${one} ${url.replaceAll(/:(\w+)/g, '{$1}')}`)),
      );
    };
    subscribe('fastify.initialization', onServer);
    const another = await startHttp();
    unsubscribe('fastify.initialization', onServer);
    await another.close();
    const documented = http.contract.operations();
    expect(documented.map(([method, path]) => `${method} ${path}`).toSorted()).toEqual(
      routes.filter((route) => !/^(HEAD|OPTIONS) /.test(route)).toSorted(),
    );
    expect(documented.length).toBeGreaterThanOrEqual(20);
    for (const [method, path, { summary, tags }] of documented)
      expect([summary, tags], `${method} ${path}`).toEqual([expect.stringMatching(/\S{3}/), [expect.any(String)]]);
    expect((await http.call('GET', '/openapi.json')).body).toEqual(http.contract.document);
    expect(http.contract.document.openapi).toBe('3.1.0');
  });

  it('promises a token exactly where one is needed: each route without one answers 401', async () => {
    const open: string[] = [];
    for (const [method, path, operation] of http.contract.operations()) {
      const { status, body } = await http.call(method, path.replaceAll(/\{\w+\}/g, 'x'), method === 'POST' ? { json: {} } : {});
      const isProtected = (operation.security ?? []).length > 0;
      if (!isProtected) open.push(`${method} ${path}`);
      else expect([status, body.error?.code], `${method} ${path}`).toEqual([401, 'token-missing']);
    }
    expect(open).toEqual(['GET /api/v1/config/client', 'GET /healthz', 'GET /readyz', 'GET /metrics', 'GET /api/v1/openapi.json']);
  });

  it("refuses a participant's token where it asks for the API key alone", async () => {
    const token = await http.tokenFor('ann', 'enrol', 'join:x', 'invite:x');
    const only = http.contract.operations().filter(([, , operation]) => JSON.stringify(operation.security) === '[{"apiKey":[]}]');
    expect(only.map(([method, path]) => `${method} ${path}`)).toEqual([
      'GET /api/v1/rooms',
      'POST /api/v1/rooms',
      'DELETE /api/v1/rooms/{room}',
      'DELETE /api/v1/users/{user}/tokens',
      'GET /api/v1/revocations',
      'DELETE /api/v1/revocations/{revocation}',
      'POST /api/v1/tokens',
    ]);
    for (const [method, path] of only)
      expect(
        (await http.call(method, path.replace(/\{\w+\}/, 'x'), { token, ...(method === 'POST' && { json: {} }) })).body.error?.code,
      ).toBe('forbidden');
  });

  it('lists for each route the errors it gives, with the status of the error table', () => {
    for (const [method, path, operation] of http.contract.operations()) {
      for (const [status, response] of Object.entries(operation.responses) as [string, { description?: string }][]) {
        const codes = [...(response.description ?? '').matchAll(/`([a-z-]+)`/g)].map((match) => match[1] as ErrorCode);
        if (Number(status) >= 400 && path !== '/readyz') expect(codes.length, `${method} ${path} ${status}`).toBeGreaterThan(0);
        for (const code of codes) expect(errorTable[code]?.status, `${method} ${path} ${code}`).toBe(Number(status));
      }
    }
  });

  it('describes the form with the portraits', () => {
    const form = http.contract.document.paths['/api/v1/avatars']!.post!.requestBody!.content['multipart/form-data'] as {
      schema: { properties: Record<string, unknown>; required: string[] };
    };
    expect(Object.keys(form.schema.properties).toSorted()).toEqual(['consent', 'model', 'name', 'owner', 'portraits']);
    expect(form.schema.required.toSorted()).toEqual(['consent', 'portraits']);
    expect(form.schema.properties.portraits).toMatchObject({
      type: 'array',
      minItems: 1,
      maxItems: 8,
      items: { type: 'string', format: 'binary' },
    });
  });
});

describe('docs/api.md', () => {
  const text = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');

  it('lists every request, and says of each which the API key alone may make and which are public', () => {
    const rows = [...text.matchAll(/^\| `([A-Z]+ \/\S*)` \| ([^|]*) \|/gm)].map(([, request, who]) => [
      request,
      who!.startsWith('public') ? 'public' : who === 'API key' ? 'application' : 'token',
    ]);
    const routes = http.contract
      .operations()
      .map(([method, path, { security = [] }]) => [
        `${method} ${path}`,
        security.length === 0 ? 'public' : security.some((one) => 'token' in one) ? 'token' : 'application',
      ]);
    expect(rows.toSorted()).toEqual(routes.toSorted());
  });

  it('lists every metric of ours', async () => {
    const names = [...(await http.call('GET', '/metrics')).bytes.toString().matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]!);
    expect([...text.matchAll(/`(gioconda_\w+)`/g)].map((match) => match[1]!).toSorted()).toEqual(names.toSorted());
  });
});

describe('avatars', () => {
  it('are created, found again, shown and deleted by their owner', async () => {
    const token = await http.tokenFor('ann', 'enrol');
    const form = (): FormData =>
      avatarForm({ portraits: [fakePortrait('one'), fakePortrait('eyes closed')], fields: { name: ' Lisa ', model: 'other' } });
    const created = await http.call('POST', '/avatars', { token, form: form() });
    expect([created.status, created.body]).toEqual([
      201,
      expect.objectContaining({
        name: 'Lisa',
        model: 'other',
        portraits: 2,
        warnings: [{ portrait: 1, code: 'eyes-closed', message: 'The eyes are closed.' }],
      }),
    ]);
    const again = await http.call('POST', '/avatars', { token, form: form() });
    expect([again.status, again.body]).toEqual([200, created.body]);
    const { id } = created.body;
    expect((await http.call('GET', '/avatars', { token })).body).toEqual({ avatars: [created.body] });
    expect((await http.call('GET', `/avatars/${id}`, { token })).body).toEqual(created.body);
    const preview = await http.call('GET', `/avatars/${id}/preview`, { token });
    expect([preview.headers.get('content-type'), preview.bytes]).toEqual(['image/png', fakePortrait('one')]);
    expect((await http.call('GET', `/avatars/${id}/consent`, { token })).body).toMatchObject({
      subject: consent.subject,
      statement: consent.statement,
      revokedAt: null,
    });

    const told: string[] = [];
    http.enrolment.onDeleted((avatarId) => told.push(avatarId));
    const deleted = await http.call('DELETE', `/avatars/${id}`, { token });
    expect([deleted.status, deleted.bytes.length, told]).toEqual([204, 0, [id]]);
    expect((await http.call('GET', `/avatars/${id}`, { token })).body.error?.code).toBe('avatar-not-found');
    expect((await http.call('DELETE', `/avatars/${id}`, { token })).status).toBe(404);
    expect((await http.call('GET', `/avatars/${id}/consent`, { token })).body.revokedAt).toMatch(/^\d{4}-/);
  });

  it('do not exist for others', async () => {
    const id = await enrol(await http.tokenFor('ann', 'enrol'), 'a');
    const bob = await http.tokenFor('bob', 'enrol', 'join:r');
    expect((await http.call('GET', '/avatars', { token: bob })).body).toEqual({ avatars: [] });
    const foreign = [
      await http.call('GET', `/avatars/${id}`, { token: bob }),
      await http.call('GET', `/avatars/${id}/preview`, { token: bob }),
      await http.call('GET', `/avatars/${id}/consent`, { token: bob }),
      await http.call('DELETE', `/avatars/${id}`, { token: bob }),
    ];
    const missing = await http.call('GET', '/avatars/av-nothing', { token: bob });
    expect(foreign.map((answer) => [answer.status, answer.body])).toEqual(foreign.map(() => [404, missing.body]));
    expect(http.store.avatar(id)).not.toBeNull();
  });

  it('can be seen, but not deleted, with a scope for them', async () => {
    const id = await enrol(await http.tokenFor('ann', 'enrol'), 'a');
    const token = await http.tokenFor('bob', 'enrol', `avatar:${id}`);
    expect((await http.call('GET', `/avatars/${id}`, { token })).status).toBe(200);
    expect((await http.call('DELETE', `/avatars/${id}`, { token })).body.error?.code).toBe('forbidden');
  });

  it('can be made by the application for a user, and by nobody else for another', async () => {
    const form = (): FormData => avatarForm({ portraits: [fakePortrait('a')], fields: { owner: 'ann' } });
    const created = await http.call('POST', '/avatars', { token: http.apiKey, form: form() });
    expect((await http.call('GET', '/avatars', { token: await http.tokenFor('ann', 'enrol') })).body.avatars).toEqual([created.body]);
    expect((await http.call('GET', '/avatars?owner=ann', { token: http.apiKey })).body.avatars).toEqual([created.body]);
    const bob = await http.tokenFor('bob', 'enrol');
    expect((await http.call('POST', '/avatars', { token: bob, form: form() })).body.error?.code).toBe('forbidden');
    expect((await http.call('GET', '/avatars?owner=ann', { token: bob })).body.error?.code).toBe('forbidden');
  });

  it('survive a restart', async () => {
    const token = await http.tokenFor('ann', 'enrol');
    const id = await enrol(token, 'a');
    const before = await http.call('GET', `/avatars/${id}`, { token });
    await http.close({ keepData: true });
    http = await startHttp({ dataDir: http.dataDir });
    expect((await http.call('GET', `/avatars/${id}`, { token })).body).toEqual(before.body);
    expect((await http.call('POST', '/avatars', { token, form: avatarForm({ portraits: [fakePortrait('a')] }) })).status).toBe(200);
    expect(http.backend.enrolments).toBe(0);
  });
});

describe('portrait checks', () => {
  const check = async (portrait: Buffer): Promise<unknown> => {
    const form = new FormData();
    form.append('portrait', new Blob([new Uint8Array(portrait)]), 'p.png');
    return (await http.call('POST', '/portraits/check', { token: await http.tokenFor('ann', 'enrol'), form })).body;
  };

  it('say yes, yes but, and no with the reason', async () => {
    expect(await check(fakePortrait('fine'))).toEqual({ ok: true, problem: null, warnings: [] });
    expect(await check(fakePortrait('eyes closed'))).toMatchObject({ ok: true, warnings: [{ code: 'eyes-closed' }] });
    expect(await check(fakePortrait('no face'))).toMatchObject({
      ok: false,
      problem: { code: 'portrait-no-face', portrait: 0, retryable: false },
    });
    expect(await check(Buffer.from('text'))).toMatchObject({ ok: false, problem: { code: 'portrait-not-an-image' } });
    expect(http.store.count()).toBe(0);
  });
});

describe('rooms, invites and guests', () => {
  beforeEach(
    () =>
      void http.rooms.open.set('studio', {
        id: 'studio',
        previews: 1,
        participants: [
          { id: 'p-1', displayName: 'Ann', avatar: true, userId: 'ann', inviteId: null },
          { id: 'p-2', displayName: 'Bob', avatar: false, userId: 'guest-bob', inviteId: 'invite-of-bob' },
        ],
      }),
  );

  it('are listed and closed by the application', async () => {
    expect((await http.call('GET', '/rooms', { token: http.apiKey })).body).toEqual({
      rooms: [{ id: 'studio', open: true, participantCount: 2, previewCount: 1 }],
    });
    expect((await http.call('DELETE', '/rooms/studio', { token: http.apiKey })).status).toBe(204);
    expect((await http.call('GET', '/rooms', { token: http.apiKey })).body).toEqual({ rooms: [] });
    // Nobody is there, but invites may be under way.
    expect((await http.call('DELETE', '/rooms/studio', { token: http.apiKey })).status).toBe(204);
  });

  it('show who is in them to those who may join, and to nobody else', async () => {
    const room = {
      id: 'studio',
      open: true,
      participantCount: 2,
      previewCount: 1,
      participants: [
        { id: 'p-1', displayName: 'Ann', synthetic: true },
        { id: 'p-2', displayName: 'Bob', synthetic: false },
      ],
    };
    expect((await http.call('GET', '/rooms/studio', { token: await http.tokenFor('ann', 'join:studio') })).body).toEqual(room);
    expect((await http.call('GET', '/rooms/lobby', { token: await http.tokenFor('ann', 'join:lobby') })).body).toEqual({
      id: 'lobby',
      open: false,
      participantCount: 0,
      previewCount: 0,
      participants: [],
    });
    for (const token of [http.apiKey, await http.tokenFor('mod', 'moderate:studio')]) {
      const { participants } = (await http.call('GET', '/rooms/studio', { token })).body;
      expect(participants?.map(({ id, userId, inviteId }) => [id, userId, inviteId])).toEqual([
        ['p-1', 'ann', undefined],
        ['p-2', 'guest-bob', 'invite-of-bob'],
      ]);
    }
    for (const scopes of [['join:lobby'], ['enrol'], ['invite:studio'], ['join:stud'], ['moderate:lobby']]) {
      expect((await http.call('GET', '/rooms/studio', { token: await http.tokenFor('eve', ...scopes) })).body.error?.code).toBe(
        'forbidden',
      );
    }
  });

  it('are entered by a link: participant → invite → guest, who can enrol and join that room only', async () => {
    const invite = await http.call('POST', '/rooms/studio/invites', { token: await http.tokenFor('ann', 'join:studio') });
    const fragment = new URLSearchParams(new URL(invite.body.url!).hash.slice(1));
    expect([invite.body.path, fragment.get('room'), fragment.get('invite')]).toEqual([
      `/#room=studio&invite=${invite.body.invite}`,
      'studio',
      invite.body.invite,
    ]);
    const guest = await http.call('POST', '/guests', { token: invite.body.invite! });
    expect(guest.body.roomId).toBe('studio');
    expect(await http.authority.verifyToken(guest.body.token!)).toMatchObject({
      userId: guest.body.userId,
      scopes: ['enrol', 'join:studio'],
    });
    expect(await enrol(guest.body.token!, 'a guest')).toMatch(/^av-/);
    const other = await http.call('POST', '/guests', { token: invite.body.invite! });
    expect((await http.call('GET', '/avatars', { token: other.body.token! })).body).toEqual({ avatars: [] });
  });

  it('know a guest again who brings the earlier token, with the avatars', async () => {
    const invite = await http.tokenFor('x', 'invite:studio');
    const first = await http.call('POST', '/guests', { token: invite });
    const id = await enrol(first.body.token!, 'mine');
    const again = await http.call('POST', '/guests', { token: invite, json: { previous: first.body.token } });
    expect([again.status, again.body.userId]).toEqual([201, first.body.userId]);
    expect((await http.call('GET', '/avatars', { token: again.body.token! })).body.avatars?.map((avatar) => avatar.id)).toEqual([id]);
    expect(
      (await http.call('POST', '/guests', { token: invite, json: { previous: await http.tokenFor('ann', 'enrol') } })).body.error?.code,
    ).toBe('token-invalid');
    expect(
      (await http.call('POST', '/tokens', { token: http.apiKey, json: { userId: first.body.userId, scopes: ['enrol'] } })).body.error?.code,
    ).toBe('bad-request');
  });

  it('cannot be entered with anything but an invite, and an invite can do nothing else', async () => {
    for (const token of [await http.tokenFor('ann', 'join:studio', 'enrol'), http.apiKey])
      expect((await http.call('POST', '/guests', { token })).body.error?.code).toBe('forbidden');
    const invite = await http.tokenFor('x', 'invite:studio');
    const answers = [
      await http.call('GET', '/rooms/studio', { token: invite }),
      await http.call('GET', '/avatars', { token: invite }),
      await http.call('POST', '/avatars', { token: invite, form: avatarForm({ portraits: [fakePortrait('a')] }) }),
      await http.call('POST', '/rooms/other/invites', { token: invite }),
    ];
    expect(answers.map((answer) => answer.body.error?.code)).toEqual(answers.map(() => 'forbidden'));
  });

  it('get names and links from the application', async () => {
    const made = await http.call('POST', '/rooms', { token: http.apiKey, json: {} });
    expect([made.status, made.body.id]).toEqual([201, expect.stringMatching(/^room-/)]);
    const named = await http.call('POST', '/rooms', { token: http.apiKey, json: { id: 'team-7' } });
    expect((await http.call('POST', '/guests', { token: named.body.invite! })).body.roomId).toBe('team-7');
    expect((await http.call('POST', '/rooms', { token: http.apiKey, json: { id: '../etc' } })).body.error).toMatchObject({
      code: 'bad-request',
      message: expect.stringMatching(/body\.id/) as string,
    });
  });
});

describe('access that is taken back', () => {
  const invitation = async (): Promise<{ invite: string; inviteId: string }> => {
    const { body } = await http.call('POST', '/rooms/studio/invites', { token: http.apiKey });
    return { invite: body.invite!, inviteId: body.inviteId! };
  };
  const guestOf = async (invite: string): Promise<{ token: string; userId: string }> => {
    const { body } = await http.call('POST', '/guests', { token: invite });
    return { token: body.token!, userId: body.userId! };
  };
  const standing = async (token: string): Promise<string> => {
    const { status, body } = await http.call('GET', '/models', { token });
    return body.error ? `${status} ${body.error.code}` : String(status);
  };

  it('from an invite, from all invites of a room and from a guest, by a moderator of that room and no other', async () => {
    const [mod, other] = [await http.tokenFor('mod', 'moderate:studio'), await http.tokenFor('mod', 'moderate:lobby', 'join:studio')];
    const [one, two] = [await invitation(), await invitation()];
    const [guest, honest] = [await guestOf(one.invite), await guestOf(two.invite)];
    http.rooms.open.set('studio', {
      id: 'studio',
      previews: 0,
      participants: [{ id: 'p-9', displayName: 'Eve', avatar: false, userId: honest.userId, inviteId: two.inviteId }],
    });
    for (const path of ['participants/p-9', 'invites', `invites/${one.inviteId}`]) {
      const { body } = await http.call('DELETE', `/rooms/studio/${path}`, { token: other });
      expect(body.error?.code, path).toBe('forbidden');
    }
    expect((await http.call('DELETE', `/rooms/studio/invites/${one.inviteId}`, { token: mod })).body).toMatchObject({
      subject: one.inviteId,
      room: 'studio',
    });
    expect([await standing(guest.token), await standing(honest.token)]).toEqual(['403 access-revoked', '200']);
    expect((await http.call('DELETE', '/rooms/studio/participants/p-8', { token: mod })).body.error?.code).toBe('not-found');
    expect((await http.call('DELETE', '/rooms/studio/participants/p-9', { token: mod })).status).toBe(200);
    expect(await standing(honest.token)).toBe('403 access-revoked');
    const back = await http.call('POST', '/guests', { token: two.invite, json: { previous: honest.token } });
    expect(back.body.error?.code).toBe('access-revoked');
    const stranger = await guestOf(two.invite);
    expect((await http.call('DELETE', '/rooms/studio/invites', { token: mod })).status).toBe(200);
    expect([await standing(stranger.token), await standing(two.invite)]).toEqual(['403 access-revoked', '403 access-revoked']);
    expect(await standing((await guestOf((await invitation()).invite)).token)).toBe('200');
  });

  it('from a user, is listed, and is given again', async () => {
    const ann = await http.tokenFor('ann', 'enrol');
    const { body: revoked } = await http.call('DELETE', '/users/ann/tokens', { token: http.apiKey });
    expect(await standing(ann)).toBe('403 access-revoked');
    expect((await http.call('GET', '/revocations', { token: http.apiKey })).body.revocations).toEqual([revoked]);
    expect((await http.call('DELETE', `/revocations/${revoked.id}`, { token: http.apiKey })).status).toBe(204);
    expect((await http.call('DELETE', `/revocations/${revoked.id}`, { token: http.apiKey })).body.error?.code).toBe('not-found');
    expect(await standing(ann)).toBe('200');
  });

  it('one by one from so many invites only, where a moderator does it', async () => {
    await http.close();
    http = await startHttp({ config: { limits: { revokedInvitesPerRoom: 2 } } });
    const mod = await http.tokenFor('mod', 'moderate:studio');
    const end = async (token: string, n: number): Promise<string | undefined> =>
      (await http.call('DELETE', `/rooms/studio/invites/invite-00000000000${n}`, { token })).body.error?.code;
    expect([await end(mod, 1), await end(mod, 2), await end(mod, 3), await end(http.apiKey, 3)]).toEqual([
      undefined,
      undefined,
      'revocation-limit',
      undefined,
    ]);
    expect((await http.call('GET', '/metrics')).bytes.toString()).toContain('{limit="revokedInvitesPerRoom"} 1');
    expect((await http.call('DELETE', '/rooms/studio/invites/guest-1', { token: mod })).body.error?.code).toBe('bad-request');
    await http.call('DELETE', '/rooms/studio/invites', { token: mod });
    expect(await end(mod, 4)).toBeUndefined();
  });

  it('names nobody who could be taken for an invite or a guest', async () => {
    for (const userId of ['guest-1', 'invite-1'])
      expect((await http.call('POST', '/tokens', { token: http.apiKey, json: { userId, scopes: ['enrol'] } })).body.error?.code).toBe(
        'bad-request',
      );
  });
});

describe('tokens', () => {
  it('are made by the application, with the scopes and the time it asks for', async () => {
    const { status, body } = await http.call('POST', '/tokens', {
      token: http.apiKey,
      json: { userId: 'ann@example.org', scopes: ['enrol', 'join:r'], ttlSeconds: 60 },
    });
    expect([status, body.userId]).toEqual([201, 'ann@example.org']);
    expect(await http.authority.verifyToken(body.token!)).toMatchObject({
      userId: 'ann@example.org',
      scopes: ['enrol', 'join:r'],
      expiresAt: Date.parse(body.expiresAt!) / 1000,
    });
    expect((await http.call('GET', '/rooms/r', { token: body.token! })).status).toBe(200);
  });

  it.each([
    [{ scopes: ['enrol'] }],
    [{ userId: 'a', scopes: [] }],
    [{ userId: 'a', scopes: ['admin'] }],
    [{ userId: 'a b', scopes: ['enrol'] }],
    [{ userId: 'a', scopes: ['enrol'], ttlSeconds: 1e9 }],
    [{ userId: 'a', scopes: ['enrol'], unknown: 1 }],
    ['text'],
  ])('are not made from %j', async (json) => {
    expect((await http.call('POST', '/tokens', { token: http.apiKey, json })).body.error?.code).toBe('bad-request');
  });

  it('are refused when expired, foreign or unsigned, with what to do', async () => {
    const expired = (
      await http.authority.mintToken({ userId: 'ann', scopes: ['enrol'], ttlSeconds: 60, now: new Date(Date.now() - 3_600_000) })
    ).token;
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"ann","scope":"enrol","iss":"gioconda","exp":4000000000}').toString('base64url')}.`;
    const answers = [
      await http.call('GET', '/avatars', { token: expired }),
      await http.call('GET', '/avatars', { token: unsigned }),
      await http.call('GET', '/avatars', { headers: { authorization: 'Basic eDp5' } }),
    ];
    expect(answers.map(({ status, body, headers }) => [status, body.error?.code, headers.get('www-authenticate')])).toEqual([
      [401, 'token-expired', 'Bearer'],
      [401, 'token-invalid', 'Bearer'],
      [401, 'token-invalid', 'Bearer'],
    ]);
  });
});

describe('information and operation', () => {
  it('tells clients the limits, and the models to those with a token', async () => {
    expect((await http.call('GET', '/config/client')).body).toMatchObject({
      protocol: 1,
      tracker: '/assets/tracker.json',
      limits: { maxPortraits: 8 },
      video: { size: 256 },
    });
    expect((await http.call('GET', '/models', { token: await http.tokenFor('ann', 'enrol') })).body).toEqual({
      models: [
        { name: 'warp', version: '1.0.0', size: 256, default: true },
        { name: 'other', version: '7', size: 512, default: false },
      ],
    });
  });

  it('is ready when every part is, and says which is not', async () => {
    http.health.parts = [{ name: 'synthesis', ok: true }];
    expect((await http.call('GET', '/readyz')).body).toEqual({
      ready: true,
      parts: [
        { name: 'store', ok: true },
        { name: 'synthesis', ok: true },
      ],
    });
    http.health.parts = [{ name: 'synthesis', ok: false, detail: 'The model is being loaded.' }];
    const { status, body } = await http.call('GET', '/readyz');
    expect([status, body.ready, body.parts?.[1]]).toEqual([
      503,
      false,
      { name: 'synthesis', ok: false, detail: 'The model is being loaded.' },
    ]);
    http.health.parts = new Error("with /a/path/that/is/nobody's/business");
    const failed = await http.call('GET', '/readyz');
    expect([failed.status, failed.bytes.includes('path')]).toEqual([503, false]);
    expect((await http.call('GET', '/healthz')).status).toBe(200);
  });

  it('keeps the metrics for the application where that is configured', async () => {
    await http.close();
    http = await startHttp({ config: { metrics: { requireKey: true } } });
    const statuses = [
      await http.call('GET', '/metrics'),
      await http.call('GET', '/metrics', { token: await http.tokenFor('ann', 'enrol') }),
      await http.call('GET', '/metrics', { token: http.apiKey }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([401, 403, 200]);
  });

  it('keeps them as well where others than this machine can come', async () => {
    await http.close();
    http = await startHttp({ config: { publicUrl: 'https://calls.example.org' } });
    expect([(await http.call('GET', '/metrics')).status, (await http.call('GET', '/metrics', { token: http.apiKey })).status]).toEqual([
      401, 200,
    ]);
  });

  it('counts requests by route, never by address', async () => {
    await http.call('GET', '/avatars/some-id-of-mine');
    await http.call('GET', '/api/v1/no/such/secret-path');
    const { headers, bytes } = await http.call('GET', '/metrics');
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=/);
    const text = bytes.toString();
    expect(text).toMatch(/gioconda_http_requests_total\{method="GET",route="\/api\/v1\/avatars\/:avatar",status="401"\} 1/);
    expect(text).toMatch(/route="unmatched",status="404"\} 1/);
    expect(text).not.toMatch(/some-id-of-mine|secret-path/);
  });
});
