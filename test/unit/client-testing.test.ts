/** The fake server behind the real SDK, as the tests of an app use it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Call } from '../../client/src/call/Call.ts';
import { driveCall } from '../../client/src/tracking/drive.ts';
import { LandmarkDecoder } from '../../client/src/protocol/landmark-packet.ts';
import { FakeServer } from '../../client/src/testing/index.ts';
import { eventually } from '../support/wait.ts';

const consent = { subject: 'Ana', givenAt: '2026-01-01T00:00:00Z', statement: 'I agree that this picture is animated in calls.' };

describe('FakeServer', () => {
  let server: FakeServer;
  const calls: Call[] = [];
  beforeEach(() => (server = new FakeServer({ avatars: [{ id: 'lisa', name: 'Lisa' }] })));
  afterEach(async () => {
    await Promise.all(calls.splice(0).map((call) => call.leave()));
  });

  const join = async (displayName = 'Ana', avatarId?: string): Promise<Call> => {
    const gioconda = await server.connect();
    const call = await gioconda.join({ displayName, roomId: 'studio', ...(avatarId && { avatarId }) });
    calls.push(call);
    return call;
  };
  const names = (call: Call): string[] => call.participants.map(({ displayName }) => displayName).sort();

  it('lists, enrols, shows and deletes avatars', async () => {
    const gioconda = await server.connect();
    const made = await gioconda.enrol({ portraits: [new Blob(['x'])], consent, name: 'Mona' });
    expect((await gioconda.avatars()).map(({ name }) => name)).toEqual(['Lisa', 'Mona']);
    expect((await gioconda.avatarPreview(made.id)).type).toBe('image/png');
    await gioconda.deleteAvatar('lisa');
    expect(server.avatars.map(({ id }) => id)).toEqual([made.id]);
    await expect(gioconda.avatarPreview('lisa')).rejects.toMatchObject({ code: 'avatar-not-found' });
    await expect(gioconda.enrol({ portraits: [], consent })).rejects.toMatchObject({ code: 'portrait-count' });
    expect((await gioconda.config()).version).toBe('fake');
    expect((await gioconda.models()).length).toBe(1);
    expect((await gioconda.checkPortrait(new Blob(['x']))).ok).toBe(true);
    expect((await gioconda.invite('studio')).url).toContain('room=studio');
  });

  it('lets the app into a room, and others whom the test plays', async () => {
    const call = await join('Ana', 'lisa');
    expect([names(call), call.avatarId]).toEqual([['Ana'], 'lisa']);
    const ben = server.enter('studio', { displayName: 'Ben', avatar: true, microphone: true });
    server.enter('elsewhere', { displayName: 'Zoe' });
    expect(names(call)).toEqual(['Ana', 'Ben']);
    await eventually('own picture, his picture and voice', () => call.media.length === 3);
    ben.setMuted(true);
    ben.setDriveState('idle');
    expect([call.participants.find(({ id }) => id === ben.id)?.muted, call.driveState(ben.id)]).toEqual([true, 'idle']);
    ben.leave();
    expect([names(call), call.media.length]).toEqual([['Ana'], 1]);
  });

  it('shows two apps of one test to each other', async () => {
    const [ana, ben] = [await join('Ana', 'lisa'), await join('Ben')];
    expect([names(ana), names(ben)]).toEqual([
      ['Ana', 'Ben'],
      ['Ana', 'Ben'],
    ]);
    await ana.setMuted(true);
    await ana.setAvatar(null);
    expect(ben.participants.find(({ displayName }) => displayName === 'Ana')).toMatchObject({ muted: true, avatar: null });
    await expect(ana.setAvatar('nobody')).rejects.toMatchObject({ code: 'avatar-not-found' });
    await ana.leave();
    expect(names(ben)).toEqual(['Ben']);
  });

  it('loses the link and gives it back, with the place; and ends calls for good', async () => {
    const call = await join();
    const { participantId } = call;
    const rejoined = call.once('rejoined');
    server.offline = true;
    expect(call.state).toBe('reconnecting');
    server.enter('studio', { displayName: 'Ben' });
    server.offline = false;
    expect(await rejoined).toEqual({ participantId, resumed: true });
    expect(names(call)).toEqual(['Ana', 'Ben']);
    const closed = call.once('closed');
    server.endCalls('removed-from-room');
    expect((await closed).error?.code).toBe('removed-from-room');
  });

  it('refuses what the test wants refused, once', async () => {
    server.refuseNext('join', 'room-full');
    await expect(join()).rejects.toMatchObject({ code: 'room-full' });
    server.refuseNext('handshake', 'token-expired');
    await expect(join()).rejects.toMatchObject({ code: 'token-expired' });
    await join();
    const gioconda = await server.connect();
    server.refuseNext('GET /avatars', 'rate-limited');
    await expect(gioconda.avatars()).rejects.toMatchObject({ code: 'rate-limited' });
    expect(server.asked.map(({ name }) => name)).toEqual(expect.arrayContaining(['handshake', 'join', 'GET /avatars']));
    server.offline = true;
    await expect(gioconda.avatars()).rejects.toMatchObject({ code: 'server-unreachable' });
  });

  it('has a tracker that sees what the test says, and takes the landmarks that come of it', async () => {
    const gioconda = await server.connect();
    const [tracker, call] = [await gioconda.loadTracker(), await join('Ana', 'lisa')];
    const stop = driveCall(call, tracker);
    const own = server.participants('studio')[0]!;
    await eventually('landmarks arrive', () => {
      server.tracker.see();
      return own.packets.length > 0;
    });
    expect(new LandmarkDecoder().decode(own.packets[0]!).confidence).toBe(1);
    expect(call.driveState(call.participantId)).toBe('tracking');
    const failed = tracker.once('failed');
    server.tracker.fail();
    await failed;
    stop();
    tracker.close();
    expect(server.tracker.count).toBe(0);
  });
});
