/** Access that is taken back, at the level of tokens: who is meant, who is not, and for how long it is remembered. */
import { describe, expect, it } from 'vitest';
import { Authority } from '../../server/auth/Authority.ts';
import type { UserPrincipal } from '../../server/auth/authorise.ts';
import type { Revocations, RevocationsOptions } from '../../server/auth/Revocations.ts';
import type { Scope } from '../../server/auth/scopes.ts';
import { MemoryRevocationStore, revocationsInMemory } from '../support/access.ts';

const DAY_MS = 24 * 3600 * 1000;
const INVITE_SECONDS = 7200;

function setUp(options: Partial<RevocationsOptions> = {}): { authority: Authority; revocations: Revocations } {
  const revocations = revocationsInMemory(options);
  const secrets = { apiKey: 'gio_test-key-of-the-application', tokenSecret: 'a-secret-that-is-long-enough-for-hs256' };
  return { revocations, authority: Authority.create({ ...secrets, tokenTtlSeconds: 3600, inviteTtlSeconds: INVITE_SECONDS, revocations }) };
}

/** The answer to a check: `ok` or the code. */
const standing = ({ verifyToken }: { verifyToken: (token: string) => Promise<unknown> }, token: string): Promise<string> =>
  verifyToken(token).then(
    () => 'ok',
    ({ code }: { code: string }) => code,
  );

class People {
  readonly authority: Authority;

  constructor(authority: Authority) {
    this.authority = authority;
  }

  readonly verify = (token: string): Promise<UserPrincipal> => this.authority.verifyToken(token);
  readonly user = async (userId: string, ...scopes: Scope[]): Promise<string> => (await this.authority.mintToken({ userId, scopes })).token;

  async invite(room: string, inviter?: string): Promise<{ token: string; inviteId: string }> {
    return this.authority.mintInvite(room, { inviter: inviter === undefined ? null : await this.verify(inviter) });
  }

  async guest(room: string, invite: string, previous?: string): Promise<{ token: string; userId: string }> {
    return this.authority.mintGuest(room, { invite: await this.verify(invite), previous, returnWithinSeconds: 30 * 24 * 3600 });
  }

  readonly check = (token: string): Promise<string> => standing({ verifyToken: this.verify }, token);
}

describe('the end of an invite', () => {
  it('is the end of all that comes of it: guests, their invites, their guests, whoever comes back', async () => {
    const { authority } = setUp();
    const people = new People(authority);
    const now = new Date();
    const { token, expiresAt } = await authority.mintInvite('r', { now });
    const end = expiresAt.getTime();
    expect(end).toBeLessThanOrEqual(now.getTime() + INVITE_SECONDS * 1000);
    const late = new Date(end - 30_000);
    let invite = await authority.verifyToken(token, late);
    let previous: string | undefined;
    for (let round = 0; round < 5; round += 1) {
      const guest = await authority.mintGuest('r', { invite, previous, now: late });
      expect([guest.expiresAt.getTime(), guest.accessEndsAt.getTime()]).toEqual([end, end]);
      previous = guest.token;
      const again = await authority.mintInvite('r', { inviter: await authority.verifyToken(guest.token, late), now: late });
      expect(again.expiresAt.getTime()).toBe(end);
      invite = await authority.verifyToken(again.token, late);
      expect(invite.endsAt * 1000).toBe(end);
    }
    // A guest's own token is shorter than a long invite, and what the guest makes may last as long as that invite.
    const early = await authority.mintGuest('r', { invite: await people.verify(token) });
    expect(early.expiresAt.getTime()).toBeLessThan(end);
    expect((await authority.mintInvite('r', { inviter: await people.verify(early.token) })).expiresAt.getTime()).toBe(end);
  });

  it('does not come later by passing it on without end', async () => {
    const { authority } = setUp();
    const people = new People(authority);
    let { token } = await authority.mintInvite('r');
    const passOn = async (): Promise<void> => {
      for (;;) {
        const guest = await people.guest('r', token);
        ({ token } = await people.invite('r', guest.token));
        expect(token.length).toBeLessThan(4096);
      }
    };
    await expect(passOn()).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('a revocation', () => {
  it('of an invite ends it, its guests and what they made; other invites are not meant', async () => {
    const { authority, revocations } = setUp();
    const people = new People(authority);
    const [one, other] = [await people.invite('r'), await people.invite('r')];
    const guest = await people.guest('r', one.token);
    const passedOn = await people.invite('r', guest.token);
    const guestOfGuest = await people.guest('r', passedOn.token);
    revocations.revoke({ subject: one.inviteId, room: 'r' });
    for (const token of [one.token, guest.token, passedOn.token, guestOfGuest.token])
      expect(await people.check(token)).toBe('access-revoked');
    expect(await people.check(other.token)).toBe('ok');
    // An honest guest comes back by another invite, as themselves.
    expect((await people.guest('r', other.token, guest.token)).userId).toBe(guest.userId);
  });

  it('of a guest keeps that guest out, by whatever invite, and ends the links that they made', async () => {
    const { authority, revocations } = setUp();
    const people = new People(authority);
    const invite = await people.invite('r');
    const [guest, honest] = [await people.guest('r', invite.token), await people.guest('r', invite.token)];
    const link = await people.invite('r', guest.token);
    revocations.revoke({ subject: guest.userId, room: 'r', lasting: true });
    for (const token of [guest.token, link.token]) expect(await people.check(token)).toBe('access-revoked');
    await expect(people.guest('r', invite.token, guest.token)).rejects.toMatchObject({ code: 'access-revoked' });
    await expect(people.guest('r', (await people.invite('r')).token, guest.token)).rejects.toMatchObject({ code: 'access-revoked' });
    expect([await people.check(honest.token), await people.check(invite.token)]).toEqual(['ok', 'ok']);
    expect((await people.guest('r', invite.token)).userId).not.toBe(guest.userId);
  });

  it("of a room's invites ends those of all, and none that is made afterwards", async () => {
    const { authority, revocations } = setUp();
    const people = new People(authority);
    const ann = await people.user('ann', 'enrol', 'join:r', 'invite:r', 'join:s');
    const before = [await people.invite('r'), await people.invite('r', ann)];
    const guest = await people.guest('r', before[1]!.token);
    const elsewhere = await people.invite('s');
    revocations.revoke({ room: 'r' });
    for (const { token } of [...before, guest]) expect(await people.check(token)).toBe('access-revoked');
    // The application's own users are not invited; an invite that the application gave them is one.
    expect((await people.verify(ann)).scopes).toEqual(['enrol', 'join:r', 'join:s']);
    expect(await people.check(elsewhere.token)).toBe('ok');
    for (const { token } of [await people.invite('r'), await people.invite('r', ann)]) {
      expect(await people.check(token)).toBe('ok');
      expect(await people.check((await people.guest('r', token)).token)).toBe('ok');
    }
    revocations.revoke({ room: 'r' });
    expect(await people.check((await people.invite('r')).token)).toBe('ok');
  });

  it('of a user ends all tokens so far with what came of them, and none that the application makes afterwards', async () => {
    const { authority, revocations } = setUp();
    const people = new People(authority);
    const ann = await people.user('ann', 'enrol', 'join:r');
    const guest = await people.guest('r', (await people.invite('r', ann)).token);
    revocations.revoke({ subject: 'ann' });
    expect([await people.check(ann), await people.check(guest.token), await people.check(await people.user('bob', 'join:r'))]).toEqual([
      'access-revoked',
      'access-revoked',
      'ok',
    ]);
    const again = await people.user('ann', 'join:r');
    expect([await people.check(again), await people.check((await people.invite('r', again)).token)]).toEqual(['ok', 'ok']);
    revocations.revoke({ subject: 'ann' });
    expect(await people.check(again)).toBe('access-revoked');
  });

  it('of a user in a room leaves the other rooms, and holds for later tokens until it is taken back', async () => {
    const { authority, revocations } = setUp();
    const people = new People(authority);
    const ann = await people.user('ann', 'join:r', 'join:s');
    const link = await people.invite('r', ann);
    const { id } = revocations.revoke({ subject: 'ann', room: 'r', lasting: true });
    for (const token of [ann, await people.user('ann', 'join:r', 'join:s')])
      expect(await people.verify(token)).toMatchObject({ scopes: ['join:s'], barredRooms: ['r'] });
    expect(await people.check(link.token)).toBe('access-revoked');
    expect([revocations.takeBack(id), revocations.takeBack(id)]).toEqual([true, false]);
    expect(await people.verify(ann)).toMatchObject({ scopes: ['join:r', 'join:s'], barredRooms: [] });
  });

  it('cannot be slipped past by what is made while it comes', async () => {
    const { authority, revocations } = setUp();
    const people = new People(authority);
    const invite = await people.verify((await people.invite('r')).token);
    const guest = await people.verify((await people.guest('r', (await people.invite('r')).token)).token);
    // Checked before, made after.
    revocations.revoke({ room: 'r' });
    revocations.revoke({ subject: guest.userId });
    expect(await people.check((await authority.mintGuest('r', { invite })).token)).toBe('access-revoked');
    expect(await people.check((await authority.mintInvite('r', { inviter: guest })).token)).toBe('access-revoked');
  });

  it('means tokens of version 0.1 too, which say nothing of where they come from', async () => {
    const { authority, revocations } = setUp();
    const people = new People(authority);
    const old = await people.user('guest-old', 'enrol', 'join:r');
    revocations.revoke({ room: 'r' });
    expect(await people.check(old)).toBe('access-revoked');
  });
});

describe('what is remembered', () => {
  const start = (changes: Partial<RevocationsOptions>) =>
    setUp({ longestTtlSeconds: INVITE_SECONDS, returnWithinSeconds: 24 * 3600, ...changes });

  it('survives a restart, and is forgotten when all that it ended has expired', async () => {
    let nowMs = Date.now();
    const store = new MemoryRevocationStore();
    const now = (): number => nowMs;
    const first = start({ store, now });
    const people = new People(first.authority);
    const invite = await people.invite('r');
    const { untilMs } = first.revocations.revoke({ subject: invite.inviteId, room: 'r' });
    expect(untilMs).toBeGreaterThanOrEqual(nowMs + INVITE_SECONDS * 1000 + DAY_MS);
    const second = start({ store, now });
    expect(await new People(second.authority).check(invite.token)).toBe('access-revoked');
    const passed = untilMs - nowMs + 1;
    nowMs += passed;
    store.operatedMs += passed;
    second.revocations.upkeep();
    expect([second.revocations.list(), store.rows.size]).toEqual([[], 0]);
  });

  it('is kept through a clock that is wrong for a while, ahead or behind', () => {
    let nowMs = Date.now();
    const store = new MemoryRevocationStore();
    const now = (): number => nowMs;
    const { revocations } = start({ store, now });
    revocations.revoke({ subject: 'ann' });
    // A start with the clock a year ahead: nothing has run so long.
    nowMs += 365 * DAY_MS;
    store.operatedMs += 1000;
    expect(start({ store, now }).revocations.list()).toHaveLength(1);
    // A clock behind: by it nothing has expired, however long the server ran.
    nowMs -= 730 * DAY_MS;
    store.operatedMs += 400 * DAY_MS;
    expect(start({ store, now }).revocations.list()).toHaveLength(1);
  });

  it('lasts as long as the longest of all that was given out, whatever is configured by now', async () => {
    const store = new MemoryRevocationStore();
    const { authority } = start({ store });
    await authority.mintToken({ userId: 'ann', scopes: ['enrol'], ttlSeconds: 90 * 24 * 3600 });
    const { revocations } = start({ store, longestTtlSeconds: 60 });
    expect(revocations.revoke({ subject: 'ann' }).untilMs).toBeGreaterThan(Date.now() + 90 * DAY_MS);
  });

  it('is in force on a full disk, said to be not stored, and stored later', async () => {
    const store = new MemoryRevocationStore();
    const { authority, revocations } = start({ store });
    const people = new People(authority);
    const ann = await people.user('ann', 'enrol');
    let told = 0;
    revocations.onRevoked(() => (told += 1));
    store.failure = new Error('full');
    expect(() => revocations.revoke({ subject: 'ann' })).toThrow('full');
    expect([await people.check(ann), told, store.rows.size]).toEqual(['access-revoked', 1, 0]);
    store.failure = null;
    revocations.upkeep();
    expect([...store.rows.values()].map(({ subject }) => subject)).toEqual(['ann']);
  });

  it('is no row for each of many ended invites when all of the room have ended', () => {
    const store = new MemoryRevocationStore();
    const { revocations } = start({ store });
    for (let n = 0; n < 20; n += 1) revocations.revoke({ subject: `invite-${n}`, room: 'r' });
    revocations.revoke({ subject: 'guest-1', room: 'r' });
    revocations.revoke({ room: 'r' });
    expect([revocations.list().map(({ subject }) => subject), store.rows.size]).toEqual([['guest-1', null], 2]);
  });
});
