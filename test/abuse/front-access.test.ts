/** Access ends: what the guest of an invite tries in order to stay, and to come back. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Gioconda } from '../../client/src/Gioconda.ts';
import { AppError } from '../../client/src/protocol/index.ts';
import { RawGuest } from '../support/RawGuest.ts';
import { TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';

const INVITE_SECONDS = 20;

let server: TestServer;
const guests: RawGuest[] = [];
const config = {
  logLevel: 'silent',
  rooms: { graceMs: 600_000 },
  // Tests come from one address, and ask more than people.
  http: { guestLimitPerMinute: 600 },
};
beforeAll(async () => {
  server = await TestServer.create({ config });
});
afterAll(() => server?.close());
afterEach(() => {
  for (const guest of guests.splice(0)) guest.leave();
});

interface Answer {
  status: number;
  body: Record<string, unknown> & { error?: { code: string } };
}

async function call(method: string, path: string, token: string, json?: unknown, on = server): Promise<Answer> {
  const response = await fetch(`${on.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(json !== undefined && { 'content-type': 'application/json' }) },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  });
  return { status: response.status, body: (response.status === 204 ? {} : await response.json()) as Answer['body'] };
}

const key = (): string => server.server.keys.apiKey;
const outcomeOf = ({ status, body }: Answer): string => body.error?.code ?? (status < 300 ? 'ok' : String(status));
const tokenFor = async (userId: string, scopes: string[], ttlSeconds?: number): Promise<string> =>
  String((await call('POST', '/tokens', key(), { userId, scopes, ...(ttlSeconds && { ttlSeconds }) })).body['token']);
const endOf = (token: string): number => (JSON.parse(String(Buffer.from(token.split('.')[1]!, 'base64url'))) as { exp: number }).exp;
const invitation = async (room = 'studio'): Promise<{ invite: string; inviteId: string }> => server.server.invite(room);
const guestOf = async (invite: string): Promise<{ token: string; userId: string }> => Gioconda.enterAsGuest({ url: server.url, invite });

async function connect(token: string, on = server): Promise<RawGuest> {
  const guest = await RawGuest.connectAs(on, token);
  guests.push(guest);
  return guest;
}

async function enter(token: string, request: object = {}): Promise<RawGuest & { participantId: string }> {
  const guest = await connect(token);
  const { participantId } = await guest.must<{ participantId: string }>('join', { displayName: 'Mallory', ...request });
  return Object.assign(guest, { participantId });
}

/** The code of the `closed` event, once the socket is down. */
async function endedWith(guest: RawGuest): Promise<unknown> {
  await eventually('the connection ends', () => !guest.socket.connected, 30_000);
  return guest.events.find(({ name }) => name === 'closed')?.event['code'];
}

/** What each door says: REST, handshake. */
async function doors(token: string, on = server): Promise<string[]> {
  const socket = await connect(token, on).then(
    () => 'ok',
    ({ data }: { data?: { code: string } }) => data?.code ?? 'unknown',
  );
  return [outcomeOf(await call('GET', '/models', token, undefined, on)), socket];
}

describe('the guest of an invite', () => {
  it('has and makes nothing that lasts longer, and is out when it ends, seat, socket and all', async () => {
    const short = await TestServer.create({ config: { ...config, auth: { inviteTtlSeconds: INVITE_SECONDS } } });
    try {
      const { invite } = await short.server.invite('studio');
      const end = endOf(invite);
      let link = invite;
      let previous: string | undefined;
      let token = '';
      for (let round = 0; round < 4; round += 1) {
        ({ token } = await Gioconda.enterAsGuest({ url: short.url, invite: link, previous }));
        expect(endOf(token)).toBe(end);
        link = String((await call('POST', '/rooms/studio/invites', token, undefined, short)).body['invite']);
        expect(endOf(link)).toBe(end);
        previous = token;
      }
      const inRoom = await connect(token, short);
      await inRoom.must('join', { displayName: 'Mallory' });
      const waiting = await connect(token, short);
      // A place that is kept for a lost connection would last ten minutes here.
      const lost = await connect(token, short);
      await lost.must('join', { displayName: 'Mallory, lost' });
      lost.leave();
      expect(await endedWith(inRoom)).toBe('token-expired');
      expect(await endedWith(waiting)).toBe('token-expired');
      expect(inRoom.events.find(({ name }) => name === 'token-expiring')?.event).toEqual({
        expiresAtMs: end * 1000,
        accessEndsAtMs: end * 1000,
      });
      await eventually('the place that was kept is free', async () => {
        const { body } = await call('GET', '/rooms/studio', short.server.keys.apiKey, undefined, short);
        return body['participantCount'] === 0;
      });
      await eventually('the tolerance for clocks has passed', () => Date.now() / 1000 > end + 5);
      for (const dead of [invite, link, token]) expect(await doors(dead, short)).toEqual(['token-expired', 'token-expired']);
      const back = await call('POST', '/guests', invite, { previous: token }, short);
      expect(outcomeOf(back)).toBe('token-expired');
    } finally {
      await short.close();
    }
  });
});

describe('a token', () => {
  it('is renewed in a call by a newer one of the same user for the same rooms, and by no other', async () => {
    const ann = await enter(await tokenFor('ann', ['join:studio', 'join:lobby'], 30), { roomId: 'studio' });
    await eventually('the warning', () => ann.events.some(({ name }) => name === 'token-expiring'));
    const renew = async (token: string): Promise<string> => ann.codeOf('renew-token', { token });
    expect([
      await renew(await tokenFor('bob', ['join:studio'])),
      await renew(await tokenFor('ann', ['join:studio', 'join:vault'])),
      await renew(await tokenFor('ann', ['join:lobby'])),
      await renew(await tokenFor('ann', ['enrol'])),
      await renew('nonsense'),
      await renew(key()),
      await ann.codeOf('renew-token', {}),
    ]).toEqual(['forbidden', 'forbidden', 'forbidden', 'forbidden', 'token-invalid', 'token-invalid', 'bad-request']);
    const newer = await tokenFor('ann', ['join:studio'], 60);
    expect(await ann.must('renew-token', { token: newer })).toEqual({ expiresAtMs: endOf(newer) * 1000 });
    await ann.must('set-muted', { muted: true });
    // It is narrower now, and does not get wider again.
    await ann.must('leave');
    expect(await ann.codeOf('join', { displayName: 'Ann', roomId: 'lobby' })).toBe('forbidden');
    expect(await renew(await tokenFor('ann', ['join:studio', 'join:lobby']))).toBe('forbidden');
  });

  it('that is not renewed ends the call, and one that is refused does not stop that', async () => {
    const ann = await enter(await tokenFor('ann', ['join:studio'], 15));
    await eventually('the warning', () => ann.events.some(({ name }) => name === 'token-expiring'));
    expect(await ann.codeOf('renew-token', { token: await tokenFor('bob', ['join:studio']) })).toBe('forbidden');
    expect(await endedWith(ann)).toBe('token-expired');
    const text = await (await fetch(`${server.url}/metrics`)).text();
    expect(text).toMatch(/gioconda_connections_ended_total\{code="token-expired"\} \d/);
  });
});

describe('somebody who was put out', () => {
  it('by a moderator is out at once and stays out, with all seats, links and tokens; the others stay', async () => {
    const { invite, inviteId } = await invitation();
    const mallory = await guestOf(invite);
    const [seat, second, honest] = [
      await enter(mallory.token),
      await enter(mallory.token, { preview: true }),
      await enter((await guestOf(invite)).token),
    ];
    const link = String((await call('POST', '/rooms/studio/invites', mallory.token)).body['invite']);
    const mod = await tokenFor('mod', ['moderate:studio']);
    const { body } = await call('GET', '/rooms/studio', mod);
    expect(body['participants']).toContainEqual(expect.objectContaining({ id: seat.participantId, userId: mallory.userId, inviteId }));
    expect(outcomeOf(await call('DELETE', `/rooms/studio/participants/${seat.participantId}`, mod))).toBe('ok');
    expect([await endedWith(seat), await endedWith(second)]).toEqual(['removed-from-room', 'access-revoked']);
    for (const token of [mallory.token, link]) expect(await doors(token)).toEqual(['access-revoked', 'access-revoked']);
    for (const other of [invite, (await invitation()).invite])
      expect(outcomeOf(await call('POST', '/guests', other, { previous: mallory.token }))).toBe('access-revoked');
    expect(honest.socket.connected).toBe(true);
    // The link itself is still good for a stranger, until it is ended too: then for nobody.
    const stranger = await enter((await guestOf(invite)).token);
    expect(outcomeOf(await call('DELETE', `/rooms/studio/invites/${inviteId}`, mod))).toBe('ok');
    expect([await endedWith(stranger), await endedWith(honest)]).toEqual(['access-revoked', 'access-revoked']);
    await expect(guestOf(invite)).rejects.toMatchObject({ code: 'access-revoked' });
  });

  it('while the connection was lost has no place to take back', async () => {
    const { token, userId } = await guestOf((await invitation()).invite);
    const seat = await enter(token);
    seat.leave();
    await call('DELETE', `/users/${userId}/tokens`, key());
    await eventually('the place is free', async () => (await call('GET', '/rooms/studio', key())).body['participantCount'] === 0);
  });

  it('as a user of the application is out of that room only, and cannot renew into it', async () => {
    const scopes = ['join:studio', 'join:lobby'];
    const [inStudio, inLobby] = [
      await enter(await tokenFor('ann', scopes), { roomId: 'studio' }),
      await enter(await tokenFor('ann', scopes), { roomId: 'lobby' }),
    ];
    const { body } = await call('DELETE', `/rooms/studio/participants/${inStudio.participantId}`, key());
    expect(await endedWith(inStudio)).toBe('removed-from-room');
    expect(inLobby.socket.connected).toBe(true);
    const again = await connect(await tokenFor('ann', scopes));
    expect(await again.codeOf('join', { displayName: 'Ann', roomId: 'studio' })).toBe('access-revoked');
    await again.must('join', { displayName: 'Ann', roomId: 'lobby' });
    expect(outcomeOf(await call('DELETE', `/revocations/${String(body['id'])}`, key()))).toBe('ok');
    await enter(await tokenFor('ann', scopes), { roomId: 'studio' });
  });
});

describe('a room that is ended', () => {
  it('stays so for all who were invited: the same guest is not back, with nothing they have', async () => {
    const { invite } = await invitation('closing');
    const { token } = await guestOf(invite);
    const [seat, waiting] = [await enter(token), await connect(token)];
    expect(outcomeOf(await call('DELETE', '/rooms/closing', key()))).toBe('ok');
    expect([await endedWith(seat), await endedWith(waiting)]).toEqual(['room-closed', 'access-revoked']);
    for (const dead of [token, invite]) expect(await doors(dead)).toEqual(['access-revoked', 'access-revoked']);
    expect(outcomeOf(await call('POST', '/guests', invite, { previous: token }))).toBe('access-revoked');
    expect(outcomeOf(await call('POST', '/rooms/closing/invites', token))).toBe('access-revoked');
    // By a new invite of the operator's they may: as themselves.
    const back = await call('POST', '/guests', (await invitation('closing')).invite, { previous: token });
    await enter(String(back.body['token']));
  });
});

describe('a revoked user', () => {
  it('is out at once everywhere, cannot renew, and the refusal survives a restart', async () => {
    let own = await TestServer.create({ config });
    try {
      const mint = async (): Promise<string> =>
        String((await call('POST', '/tokens', own.server.keys.apiKey, { userId: 'eve', scopes: ['join:studio'] }, own)).body['token']);
      const [token, spare] = [await mint(), await mint()];
      const seat = await connect(token, own);
      await seat.must('join', { displayName: 'Eve' });
      const link = await call('POST', '/rooms/studio/invites', spare, undefined, own);
      const guest = await Gioconda.enterAsGuest({ url: own.url, invite: String(link.body['invite']) });
      const guestSeat = await connect(guest.token, own);
      await guestSeat.must('join', { displayName: 'Guest of Eve' });
      await call('DELETE', '/users/eve/tokens', own.server.keys.apiKey, undefined, own);
      expect([await endedWith(seat), await endedWith(guestSeat)]).toEqual(['access-revoked', 'access-revoked']);
      const later = await connect(await mint(), own);
      await later.must('join', { displayName: 'Eve' });
      expect(await later.codeOf('renew-token', { token: spare })).toBe('access-revoked');
      own = await own.restarted();
      for (const dead of [token, spare, guest.token]) expect(await doors(dead, own)).toEqual(['access-revoked', 'access-revoked']);
      expect(await doors(await mint(), own)).toEqual(['ok', 'ok']);
    } finally {
      await own.close();
    }
  });

  it('hears of it through the SDK with the code, and the SDK does not go on trying', async () => {
    const { token, userId } = await guestOf((await invitation()).invite);
    const gioconda = await Gioconda.connect({ url: server.url, token: () => token });
    await call('DELETE', `/users/${userId}/tokens`, key());
    const failure = await gioconda.avatars().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AppError);
    expect(failure).toMatchObject({ code: 'access-revoked', retryable: false });
  });
});
