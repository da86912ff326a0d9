/** An avatar that nobody watches is not rendered, and is back when somebody does. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DriveState } from '../../client/src/protocol/index.ts';
import { people } from '../support/fixtures.ts';
import { Member } from '../support/Member.ts';
import { RawGuest } from '../support/RawGuest.ts';
import { RawViewer } from '../support/RawViewer.ts';
import { enrolFiles, TestServer } from '../support/TestServer.ts';
import { eventually, pause } from '../support/wait.ts';
import { installWebRtc } from '../support/wrtc.ts';

/** Far below a tile that stays black; what was measured is written out. */
const BACK_WITHIN_MS = 5000;

describe('an avatar that nobody watches', () => {
  let server: TestServer;
  let driver: Member;
  const viewers: RawViewer[] = [];
  const states: DriveState[] = [];

  const frames = (): number => server.server.sent.frames;
  /** Frames of all avatars in a second, without those that were under way. */
  const framesInASecond = async (): Promise<number> => {
    await pause(300);
    const before = frames();
    await pause(1000);
    return frames() - before;
  };
  const gauge = async (state: string): Promise<number> => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(new RegExp(`^gioconda_avatars\\{state="${state}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
  };
  /** From `begin` to the next picture of that viewer, ms. */
  const untilPicture = async (viewer: RawViewer, begin: () => Promise<void>): Promise<number> => {
    const { length } = viewer.video.frames;
    const startedMs = performance.now();
    await begin();
    await eventually('a picture', () => viewer.video.frames.length > length, BACK_WITHIN_MS);
    return viewer.video.frames[length]!.atMs - startedMs;
  };
  const join = async (): Promise<RawViewer> => {
    const viewer = await RawViewer.join(server, { participantId: driver.id });
    viewers.push(viewer);
    return viewer;
  };

  beforeAll(async () => {
    installWebRtc();
    server = await TestServer.create({ config: { logLevel: 'error', rooms: { graceMs: 3000 } } });
    const guest = await server.guest();
    const avatarId = await enrolFiles(guest.gioconda, people[0]!.portraits.slice(0, 1));
    driver = await Member.join(server, { guest, displayName: 'Driver', avatarId, receiveOwnAvatar: false });
    driver.call.on('drive-state', ({ state }) => states.push(state));
    driver.drive((seconds) => ({ yaw: 10 * Math.sin(seconds * 2) }));
  });
  afterEach(() => {
    for (const viewer of viewers.splice(0)) viewer.leave();
  });
  afterAll(async () => {
    await driver?.leave();
    await server?.close();
  });

  it('is not rendered, but its driver is followed and learned', async () => {
    await eventually('calibrated', () => states.at(-1) === 'tracking');
    expect(frames()).toBe(0);
    expect([await gauge('rendered'), await gauge('idle')]).toEqual([0, 1]);
  });

  it('is rendered for its first viewer, and no longer than somebody watches', async () => {
    const first = await join();
    expect(await framesInASecond()).toBe(0); // paused, as consumers begin
    const times = [await untilPicture(first, () => first.resume())];
    await eventually('frames', () => first.video.frames.length > 10);
    expect([await gauge('rendered'), await gauge('idle')]).toEqual([1, 0]);

    const second = await join();
    times.push(await untilPicture(second, () => second.resume()));
    await first.pause();
    expect(await framesInASecond()).toBeGreaterThan(5); // the other one still watches
    await second.pause();
    expect(await framesInASecond()).toBe(0);
    expect(await gauge('idle')).toBe(1);

    for (let n = 0; n < 5; n++) {
      await pause(2500); // long enough for the SFU to take the stream for dead
      times.push(await untilPicture(second, () => second.resume()));
      await second.pause();
    }
    console.log(`picture after resuming, ms: ${times.map((ms) => ms.toFixed(0)).join(', ')}`);
  });

  it('is not rendered after its viewer has gone without a word', async () => {
    const viewer = await join();
    await untilPicture(viewer, () => viewer.resume());
    viewer.guest.leave(); // its place, and so its watching, ends with the grace period or at once
    await eventually('nobody is in the room but the driver', () => driver.call.participants.length === 1, 40_000);
    expect(await framesInASecond()).toBe(0);
  });

  it('is not rendered for who has no connection: signalling alone watches nothing', async () => {
    const mallory = await RawGuest.connect(server);
    await mallory.must('join', { displayName: 'Mallory' });
    const producerId = driver.call.participants.find(({ id }) => id === driver.id)!.media[0]!.producerId;
    const transportId = await mallory.transport('receive');
    const { consumerId } = await mallory.must<{ consumerId: string }>('consume', {
      transportId,
      producerId,
      rtpCapabilities: { codecs: [{ kind: 'video', mimeType: 'video/VP8', preferredPayloadType: 101, clockRate: 90_000 }] },
    });
    await mallory.must('resume-consumer', { consumerId });
    expect(await framesInASecond()).toBe(0);
    mallory.leave();
  });
});
