/** One token opens avatar after avatar: the call in another room keeps its share of the machine, and what nobody watches costs nothing. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { people } from '../support/fixtures.ts';
import { Member } from '../support/Member.ts';
import { RawGuest } from '../support/RawGuest.ts';
import { enrolFiles, TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';
import { installWebRtc } from '../support/wrtc.ts';

const AVATARS = 8;

let server: TestServer;
const guests: RawGuest[] = [];
const members: Member[] = [];

/** A machine on which one avatar has nearly all that there is to share, whatever its real speed. */
async function start(minFramesPerSecond: number): Promise<void> {
  server = await TestServer.create({
    config: {
      logLevel: 'error',
      synthesis: { cpuShare: 0.25, minFramesPerSecond, deadlineMs: 30_000 },
      limits: { avatarsPerUser: AVATARS, seatsPerUser: 2 * AVATARS },
      rooms: { graceMs: 0 },
    },
  });
}

/** A driver and a viewer in a room of their own. */
async function call(room: string): Promise<{ driver: Member; viewer: Member }> {
  const guest = await server.guest(room);
  const avatarId = await enrolFiles(guest.gioconda, people[0]!.portraits.slice(0, 1));
  const driver = await Member.join(server, { guest, displayName: 'Driver', avatarId, receiveOwnAvatar: false });
  const viewer = await Member.join(server, { room, displayName: 'Viewer' });
  members.push(driver, viewer);
  await eventually('video', () => (viewer.video.get(driver.id)?.frames.length ?? 0) > 20, 40_000);
  return { driver, viewer };
}

/** One token, `AVATARS` times, by signalling alone. @returns the codes of the refusals, `ok` for who came in */
async function crowd(): Promise<string[]> {
  const mallory = await server.guest('crowd');
  const avatarId = await enrolFiles(mallory.gioconda, people[1]!.portraits.slice(0, 1));
  const codes: string[] = [];
  for (let n = 0; n < AVATARS; n++) {
    const guest = await RawGuest.connectAs(server, mallory.token);
    guests.push(guest);
    codes.push(await guest.codeOf('join', { displayName: `Mallory ${n}`, avatarId }));
  }
  return codes;
}

/** The last that a member was told of an avatar's rate. */
const rateOf = (viewer: Member, participantId: string): number =>
  viewer.call.statistics.snapshot().participants[participantId]?.renderedFramesPerSecond ?? NaN;
const metrics = async (): Promise<string> => (await fetch(`${server.url}/metrics`)).text();

beforeAll(() => installWebRtc());
afterEach(async () => {
  for (const guest of guests.splice(0)) guest.leave();
  for (const member of members.splice(0)) await member.leave();
  await server.close();
});

describe('a call', () => {
  it('loses nothing to avatars that nobody watches, and keeps one user’s share beside those that are watched', async () => {
    await start(1);
    const { driver, viewer } = await call('honest');
    // A machine that is slow just now refuses the last of them.
    const theirs = (await crowd()).filter((code) => code === 'ok').length;
    expect(theirs).toBeGreaterThan(1);
    expect(server.server.pool.avatars).toEqual({ rendered: 1, idle: theirs });
    expect(await metrics()).toMatch(new RegExp(`^gioconda_avatars\\{state="idle"\\} ${theirs}$`, 'm'));

    const watcher = await Member.join(server, { room: 'crowd', displayName: 'Watcher' });
    members.push(watcher);
    await eventually('all are watched', () => server.server.pool.avatars.rendered === theirs + 1, 40_000);
    const rates = (): number[] => watcher.call.participants.filter(({ avatar }) => avatar).map(({ id }) => rateOf(watcher, id));
    await eventually('each of theirs has a part of one share', () => {
      const all = rates();
      return all.length === theirs && rateOf(viewer, driver.id) > Math.max(...all) * 1.5;
    });
    const seen = viewer.video.get(driver.id)!;
    const { length } = seen.frames;
    await eventually('pictures of the call go on', () => seen.frames.length > length + 20, 40_000);
    expect(rateOf(viewer, driver.id)).toBeGreaterThan(1.2 * Math.max(...rates()));
    expect(await metrics()).toMatch(/^gioconda_frame_cost_seconds\{model="warp"\} 0\.\d+$/m);
  });

  it('is not joined by avatars that could only be shown as slides: they are refused with a code of their own', async () => {
    await start(12);
    await call('honest');
    await eventually('frames are timed', async () => (await metrics()).includes('gioconda_frame_cost_seconds{'));
    const codes = await crowd();
    expect(codes.at(-1)).toBe('server-busy');
    expect(new Set(codes.slice(codes.indexOf('server-busy')))).toEqual(new Set(['server-busy']));
    expect(await metrics()).toMatch(/^gioconda_limits_reached_total\{limit="minFramesPerSecond"\} \d+$/m);
    expect(await metrics()).toMatch(/^gioconda_capacity_avatars\{model="warp",rate="lowest"\} \d+$/m);
  });
});
