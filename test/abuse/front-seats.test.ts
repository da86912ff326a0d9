/** Places and avatars: what one guest may hold, seen and unseen. */
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PROTOCOL_VERSION, type Result } from '../../client/src/protocol/index.ts';
import { portraitOf } from '../support/fixtures.ts';
import { enrolFiles, TestServer } from '../support/TestServer.ts';

let server: TestServer;
const sockets: Socket[] = [];
beforeAll(async () => {
  // A busy machine is no reason to fail here.
  server = await TestServer.create({
    config: {
      logLevel: 'silent',
      rooms: { maxParticipants: 3, graceMs: 0 },
      limits: { avatarsPerUser: 2 },
      synthesis: { deadlineMs: 30_000 },
    },
  });
});
afterAll(() => server?.close());
afterEach(async () => {
  for (const socket of sockets.splice(0)) {
    if (socket.connected) await ask(socket, 'leave', {});
    socket.disconnect();
  }
});

const ask = (socket: Socket, name: string, request: unknown): Promise<Result<unknown>> =>
  socket.timeout(60_000).emitWithAck(name, request) as Promise<Result<unknown>>;

/** The answer to `join`: `ok` or the code of the refusal. */
async function join(token: string, request: object): Promise<string> {
  const socket = io(server.url, {
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
    auth: { token, protocol: PROTOCOL_VERSION },
  });
  sockets.push(socket);
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
  const answer = await ask(socket, 'join', { displayName: 'Guest', ...request });
  return answer.ok ? 'ok' : answer.error.code;
}

describe('one guest', () => {
  it('previews in two places, and previews keep nobody out of the room', async () => {
    const { token } = await server.guest();
    expect([await join(token, { preview: true }), await join(token, { preview: true }), await join(token, { preview: true })]).toEqual([
      'ok',
      'ok',
      'seat-limit',
    ]);
    for (let n = 0; n < 3; n += 1) expect(await join((await server.guest()).token, {})).toBe('ok');
    expect(await join((await server.guest()).token, {})).toBe('room-full');
    const answer = await fetch(`${server.url}/api/v1/rooms`, { headers: { authorization: `Bearer ${server.server.keys.apiKey}` } });
    expect(await answer.json()).toEqual({ rooms: [{ id: 'studio', open: true, participantCount: 3, previewCount: 2 }] });
  });

  it('has so many avatars driven and no more, until one leaves', async () => {
    const { token, gioconda } = await server.guest('other');
    const avatarId = await enrolFiles(gioconda, [portraitOf('kenji', 'neutral')]);
    expect([await join(token, { avatarId }), await join(token, { avatarId }), await join(token, { avatarId })]).toEqual([
      'ok',
      'ok',
      'live-avatar-limit',
    ]);
    await ask(sockets[0]!, 'leave', {});
    expect(await join(token, { avatarId })).toBe('ok');
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toContain('gioconda_limits_reached_total{limit="avatarsPerUser"} 1');
  });
});
