import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createHmac } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Authority } from '../../server/auth/Authority.ts';
import { authorise, type Action, type Principal, type UserPrincipal } from '../../server/auth/authorise.ts';
import { iceServersFor } from '../../server/auth/ice-servers.ts';
import { loadOrCreateKeys } from '../../server/auth/keys.ts';
import { parseScopes, type Scope } from '../../server/auth/scopes.ts';
import { parseConfig } from '../../server/config/index.ts';
import { revocationsInMemory, userWith } from '../support/access.ts';

const apiKey = 'gio_test-key-of-the-application';
// Long enough for HS512 too, which must be refused all the same.
const tokenSecret = 'a-secret-that-is-long-enough-for-hs256-and-for-hs512-as-well-0123456789';
const authority = Authority.create({
  apiKey,
  tokenSecret,
  tokenTtlSeconds: 3600,
  inviteTtlSeconds: 7200,
  revocations: revocationsInMemory(),
});
const inviteTo = async (room: string, options: Parameters<Authority['mintInvite']>[1] = {}): Promise<UserPrincipal> =>
  authority.verifyToken((await authority.mintInvite(room, options)).token);
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'accepted',
    (error: { code?: string }) => error.code,
  );

describe('authorise', () => {
  const mine = { id: 'mine', owner: 'ann' };
  const foreign = { id: 'foreign', owner: 'bob' };
  const actions: Record<string, Action> = {
    enrol: { do: 'create-avatar' },
    check: { do: 'check-portrait' },
    'list avatars': { do: 'list-avatars' },
    'list models': { do: 'list-models' },
    'use own': { do: 'use-avatar', avatar: mine },
    'read own': { do: 'read-avatar', avatar: mine },
    'delete own': { do: 'delete-avatar', avatar: mine },
    'read own consent': { do: 'read-consent', avatar: mine },
    'use foreign': { do: 'use-avatar', avatar: foreign },
    'read foreign': { do: 'read-avatar', avatar: foreign },
    'delete foreign': { do: 'delete-avatar', avatar: foreign },
    'read foreign consent': { do: 'read-consent', avatar: foreign },
    'join r': { do: 'join-room', room: 'r' },
    'read r': { do: 'read-room', room: 'r' },
    'invite to r': { do: 'invite', room: 'r' },
    'enter r as guest': { do: 'enter-as-guest', room: 'r' },
    'moderate r': { do: 'moderate', room: 'r' },
    'enrol for others': { do: 'enrol-for-others' },
  };
  const user = (...scopes: Scope[]): Principal => userWith({ userId: 'ann', scopes });
  const owned = ['use own', 'read own', 'read own consent'];
  const models = 'list models';
  const table: [string, Principal, string[]][] = [
    ['nobody', null, []],
    ['a token without scopes', user(), owned],
    ['enrol', user('enrol'), ['enrol', 'check', 'list avatars', models, ...owned, 'delete own']],
    ['join:r', user('join:r'), [...owned, models, 'join r', 'read r', 'invite to r']],
    ['join:other', user('join:other'), [...owned, models]],
    ['invite:r', user('invite:r'), [...owned, models, 'invite to r', 'enter r as guest']],
    ['moderate:r', user('moderate:r'), [...owned, models, 'read r', 'moderate r']],
    ['moderate:other', user('moderate:other'), [...owned, models]],
    ['avatar:foreign', user('avatar:foreign'), [...owned, models, 'use foreign', 'read foreign']],
    ['avatar:else', user('avatar:else'), [...owned, models]],
    [
      'the API key',
      { kind: 'application', userId: 'application' },
      Object.keys(actions).filter((name) => !['join r', 'enter r as guest'].includes(name)),
    ],
  ];

  it.each(table)('%s may do just what the table says', (_name, principal, expected) => {
    const allowed = Object.keys(actions).filter((name) => authorise(principal, actions[name]!));
    expect(allowed.toSorted()).toEqual(expected.toSorted());
  });
});

describe('scopes', () => {
  it('drops words that it does not know', () => {
    expect(parseScopes('enrol admin join:a join: join:../etc avatar:x y join:a:b')).toEqual(['enrol', 'join:a', 'avatar:x']);
  });
});

describe('Authority', () => {
  it('recognises its own token', async () => {
    const { token, expiresAt } = await authority.mintToken({ userId: 'ann', scopes: ['enrol', 'join:r'] });
    expect(await authority.verifyToken(token)).toEqual({
      kind: 'user',
      userId: 'ann',
      scopes: ['enrol', 'join:r'],
      expiresAt: expiresAt.getTime() / 1000,
      endsAt: expiresAt.getTime() / 1000,
      via: [],
      after: [],
      barredRooms: [],
    });
  });

  it('refuses an expired token, one second after the tolerance and not before', async () => {
    const now = new Date('2026-01-01T00:00:00Z');
    const { token } = await authority.mintToken({ userId: 'ann', scopes: ['enrol'], ttlSeconds: 60, now });
    const after = (seconds: number): Promise<unknown> => codeOf(authority.verifyToken(token, new Date(now.getTime() + seconds * 1000)));
    expect([await after(59), await after(64), await after(65)]).toEqual(['accepted', 'accepted', 'token-expired']);
  });

  it('refuses foreign, altered, unsigned and incomplete tokens', async () => {
    const { token } = await authority.mintToken({ userId: 'ann', scopes: ['enrol'] });
    const [head, payload, signature] = token.split('.') as [string, string, string];
    const claims = { scope: 'enrol', iss: 'gioconda', sub: 'ann', exp: 4e9 };
    const altered = Buffer.from(JSON.stringify({ ...claims, scope: 'enrol join:r' })).toString('base64url');
    const sign = (changes: Record<string, unknown>, secret = tokenSecret): Promise<string> =>
      new SignJWT({ ...claims, ...changes }).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
    const { iss: _iss, ...withoutIssuer } = claims;
    const bad = [
      'nonsense',
      '',
      'a.b.c',
      `${head}.${altered}.${signature}`,
      `${head}.${payload}.`,
      new UnsecuredJWT(claims).encode(),
      await sign({}, 'another-secret-that-is-long-enough-too'),
      await sign({ iss: 'elsewhere' }),
      await sign({ exp: undefined }),
      await sign({ sub: undefined }),
      await sign({ scope: ['enrol'] }),
      await new SignJWT(withoutIssuer).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(tokenSecret)),
      await new SignJWT(claims).setProtectedHeader({ alg: 'HS512' }).sign(new TextEncoder().encode(tokenSecret)),
    ];
    expect(await Promise.all(bad.map((candidate) => codeOf(authority.verifyToken(candidate))))).toEqual(bad.map(() => 'token-invalid'));
    expect(await codeOf(authority.verifyToken(await sign({})))).toBe('accepted');
  });

  it('tells the key, a token and nobody apart', async () => {
    const { token } = await authority.mintToken({ userId: 'ann', scopes: [] });
    expect(await authority.principalOf(undefined)).toBeNull();
    expect(await authority.principalOf(`Bearer ${apiKey}`)).toEqual({ kind: 'application', userId: 'application' });
    expect(await authority.principalOf(`bearer ${token}`)).toMatchObject({ kind: 'user', userId: 'ann' });
    for (const header of ['', 'Bearer', 'Basic abc', apiKey, `Bearer ${apiKey}x`, `Bearer ${'x'.repeat(5000)}`])
      expect(await codeOf(authority.principalOf(header))).toBe(/^Bearer [^.]{16,4096}$/.test(header) ? 'api-key-invalid' : 'token-invalid');
  });

  it('makes guests that can enrol and join, each another one', async () => {
    const invite = await inviteTo('r');
    const [one, two] = await Promise.all([authority.mintGuest('r', { invite }), authority.mintGuest('r', { invite })]);
    expect(await authority.verifyToken(one.token)).toMatchObject({ userId: one.userId, scopes: ['enrol', 'join:r'] });
    expect(one.userId).not.toBe(two.userId);
  });

  it('knows a guest who comes back with an earlier token, for as long as is allowed, and takes no other token for one', async () => {
    const old = new Date(Date.now() - 10 * 24 * 3_600_000);
    const tokenOf = async (userId: string): Promise<string> =>
      (await authority.mintToken({ userId, scopes: ['enrol'], ttlSeconds: 3600, now: old })).token;
    const previous = await tokenOf('guest-1');
    const invite = await inviteTo('r');
    const back = (token: string, days: number): Promise<unknown> =>
      authority.mintGuest('r', { invite, previous: token, returnWithinSeconds: days * 24 * 3600 }).then(
        ({ userId }) => userId,
        ({ code }: { code: string }) => code,
      );
    expect([
      await back(previous, 30),
      await back(previous, 5),
      await back(await tokenOf('ann'), 30),
      await back(`${previous}x`, 30),
    ]).toEqual(['guest-1', 'token-expired', 'token-invalid', 'token-invalid']);
  });

  it('lets an invite end with the token that it is made with, and one of the application last as long as any', async () => {
    const now = new Date();
    const seconds = Math.floor(now.getTime() / 1000);
    const inviter = (scopes: Scope[]): Principal => userWith({ userId: 'x', scopes, expiresAt: seconds + 100 });
    const left = async (principal: Principal): Promise<number> =>
      (await authority.mintInvite('r', { inviter: principal, now })).expiresAt.getTime() / 1000 - seconds;
    expect([await left(null), await left(inviter(['join:r'])), await left(inviter(['invite:r']))]).toEqual([7200, 100, 100]);
  });
});

describe('loadOrCreateKeys', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'gioconda-keys-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  it('makes keys once and keeps them where only we can read', () => {
    const config = parseConfig({ dataDir });
    const first = loadOrCreateKeys(config);
    const second = loadOrCreateKeys(config);
    expect(first).toMatchObject({ created: true, developmentMode: true });
    expect(second).toEqual({ ...first, created: false });
    for (const name of ['api-key', 'token-secret']) expect(statSync(join(dataDir, 'keys', name)).mode & 0o777).toBe(0o600);
    expect(statSync(join(dataDir, 'keys')).mode & 0o777).toBe(0o700);
  });

  it('takes configured keys and writes none', () => {
    const config = parseConfig({ dataDir, auth: { apiKey, tokenSecret } });
    expect(loadOrCreateKeys(config)).toEqual({ apiKey, tokenSecret, created: false, developmentMode: false });
    expect(() => readFileSync(join(dataDir, 'keys', 'api-key'))).toThrow(/ENOENT/);
  });

  it('replaces an empty key file', () => {
    const config = parseConfig({ dataDir });
    loadOrCreateKeys(config);
    writeFileSync(join(dataDir, 'keys', 'api-key'), '');
    const { apiKey: made } = loadOrCreateKeys(config);
    expect(made).toMatch(/^gio_.{32}$/);
    expect(loadOrCreateKeys(config).apiKey).toBe(made);
  });
});

describe('iceServersFor', () => {
  it('gives fixed servers as they are', () => {
    const { media } = parseConfig({ media: { iceServers: [{ urls: ['turn:t.example'], username: 'u', credential: 'c' }] } });
    expect(iceServersFor(media, 'ann', 0)).toEqual([{ urls: ['turn:t.example'], username: 'u', credential: 'c' }]);
  });

  it("makes time-limited credentials that a TURN server can check, without the user's id", () => {
    const turnSecret = 'shared-with-the-turn-server';
    const { media } = parseConfig({ media: { turnUrls: ['turn:t.example'], turnSecret, turnTtlSeconds: 600 } });
    const [server] = iceServersFor(media, 'ann@example.org', 1_700_000_000_000);
    expect(server!.username).toMatch(/^1700000600:/);
    expect(server!.username).not.toContain('ann');
    expect(server!.credential).toBe(createHmac('sha1', turnSecret).update(server!.username!).digest('base64'));
    expect(iceServersFor(media, 'bob', 1_700_000_000_000)[0]!.username).not.toBe(server!.username);
    expect(iceServersFor(media, 'ann@example.org', 1_700_000_000_000, 1_700_000_100_000)[0]!.username).toMatch(/^1700000100:/);
  });
});
