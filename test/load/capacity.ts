/**
 * What one token with 16 avatars costs a call in another room, measured: `npm run test:capacity`. The limits per user are lifted, so that only
 * the sharing of the machine is between the two. First the call alone, then beside 16 avatars that nobody watches (signalling alone opens
 * them), then beside 16 that are watched.
 * Options: seconds of each measurement and the model, e.g. `npm run test:capacity -- 20 lite`.
 */
import { people } from '../support/fixtures.ts';
import { Member } from '../support/Member.ts';
import { RawGuest } from '../support/RawGuest.ts';
import { enrolFiles, TestServer } from '../support/TestServer.ts';
import { eventually, pause } from '../support/wait.ts';
import { installWebRtc } from '../support/wrtc.ts';
import { setup } from '../support/real-parts.ts';

const AVATARS = 16;
const SETTLE_MS = 6000;
const many = { seatsPerUser: 64, avatarsPerUser: 64, avatarsPerAddress: 64, connectionsPerUser: 64 };
const [seconds = 15, model = 'warp'] = process.argv.slice(2).map((word) => (Number(word) > 0 ? Number(word) : word)) as [number?, string?];

async function gauges(server: TestServer): Promise<string> {
  const text = await (await fetch(new URL('/metrics', server.url))).text();
  return [...text.matchAll(/^gioconda_(?:avatars\{|avatar_frames|frame_cost|capacity)\S* \S+/gm)].map(([line]) => line).join('\n  ');
}

async function report(server: TestServer, what: string, viewer: Member, driver: Member): Promise<void> {
  await pause(SETTLE_MS);
  const times = viewer.video.get(driver.id)!.frames;
  const [count, startedMs] = [times.length, performance.now()];
  await pause(seconds * 1000);
  const shown = times.slice(count).map(({ atMs }) => atMs);
  const gaps = shown.slice(1).map((atMs, index) => atMs - shown[index]!);
  const rate = shown.length / ((performance.now() - startedMs) / 1000);
  const granted = viewer.call.statistics.snapshot().participants[driver.id]?.renderedFramesPerSecond;
  console.log(
    `${what}: ${rate.toFixed(1)} fps (the server gives ${granted ?? '?'}), longest gap ${Math.max(0, ...gaps).toFixed(0)} ms\n  ${await gauges(server)}`,
  );
}

await setup();
installWebRtc();
const server = await TestServer.create({
  config: {
    logLevel: 'error',
    limits: many,
    rooms: { maxParticipants: 32 },
    synthesis: { workers: 2, minFramesPerSecond: 1, model },
    video: { bitrateBps: 300_000 },
  },
});
const owner = await server.guest('honest');
const avatarId = await enrolFiles(owner.gioconda, people[0]!.portraits.slice(0, 1));
const driver = await Member.join(server, { guest: owner, displayName: 'Driver', avatarId, receiveOwnAvatar: false });
driver.drive((at) => ({ yaw: 10 * Math.sin(at * 2), mouthOpen: 0.5 - 0.5 * Math.cos(at * 5) }));
const viewer = await Member.join(server, { room: 'honest', displayName: 'Viewer' });
await eventually('video', () => (viewer.video.get(driver.id)?.frames.length ?? 0) > 30);
await report(server, 'alone', viewer, driver);

const mallory = await server.guest('crowd');
const theirs = await enrolFiles(mallory.gioconda, people[1]!.portraits.slice(0, 1));
const guests: RawGuest[] = [];
for (let n = 0; n < AVATARS; n++) {
  const guest = await RawGuest.connectAs(server, mallory.token);
  guests.push(guest);
  const answer = await guest.codeOf('join', { displayName: `Mallory ${n}`, avatarId: theirs });
  if (answer !== 'ok') console.log(`avatar ${n + 1} of one token: ${answer}`);
}
await report(server, `beside ${AVATARS} avatars of one token that nobody watches`, viewer, driver);

const watcher = await Member.join(server, { room: 'crowd', displayName: 'Watcher' });
await eventually('their video', () => watcher.video.size > 0);
await report(server, `beside ${AVATARS} that are watched`, viewer, driver);
for (const guest of guests) guest.leave();
for (const member of [watcher, viewer, driver]) await member.leave();
await server.close();
process.exit(0);
