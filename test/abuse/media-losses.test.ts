/** A viewer with a bad network costs the others no keyframes: nobody else's picture gets worse for it. */
import wrtc from '@roamhq/wrtc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { people } from '../support/fixtures.ts';
import { Member } from '../support/Member.ts';
import { fairWeather } from '../support/NetworkWeather.ts';
import { enrolFiles, TestServer } from '../support/TestServer.ts';
import { UdpGate } from '../support/UdpGate.ts';
import { eventually } from '../support/wait.ts';
import { installWebRtc } from '../support/wrtc.ts';

const MEASURED_FRAMES = 600;

describe('a viewer with losses', () => {
  let server: TestServer;
  let gate: UdpGate;
  const members: Member[] = [];

  const metrics = async (): Promise<string> => (await fetch(new URL('/metrics', server.url))).text();
  const metric = async (name: string): Promise<number> => Number((await metrics()).match(new RegExp(`^${name} (\\d+)`, 'm'))?.[1]);
  const keyframesAsked = async (): Promise<number> =>
    [...(await metrics()).matchAll(/^gioconda_keyframes_total\{[^}]*\} (\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);

  beforeAll(async () => {
    installWebRtc();
    gate = new UdpGate();
    server = await TestServer.create({ config: { logLevel: 'error' } });
  });

  afterAll(async () => {
    gate.weather = fairWeather;
    for (const member of members) await member.leave();
    await gate?.close();
    await server?.close();
    installWebRtc();
  });

  it('of 5 % at a round trip of 200 ms asks for less than one keyframe in five seconds', async () => {
    const owner = await server.guest();
    const avatarId = await enrolFiles(owner.gioconda, people[0]!.portraits.slice(0, 1));
    const driver = await Member.join(server, { guest: owner, avatarId, receiveOwnAvatar: false });
    members.push(driver);
    driver.drive((seconds) => ({ yaw: 10 * Math.sin(seconds * 2), mouthOpen: 0.5 - 0.5 * Math.cos(seconds * 5) }));
    globalThis.RTCPeerConnection = gate.connectionClass(
      (wrtc as unknown as { RTCPeerConnection: typeof RTCPeerConnection }).RTCPeerConnection,
    );
    const viewer = await Member.join(server, { displayName: 'Viewer' });
    members.push(viewer);
    const frames = (): number => viewer.video.get(driver.id)?.frames.length ?? 0;
    await eventually('video', () => frames() > 30);

    gate.weather = { loss: 0.05, burst: 1, delayMs: 100, jitterMs: 20 };
    const [before, asked, fromMs] = [frames(), await keyframesAsked(), performance.now()];
    await eventually('frames enough', () => frames() > before + MEASURED_FRAMES, 90_000);
    const seconds = (performance.now() - fromMs) / 1000;
    expect(((await keyframesAsked()) - asked) / seconds).toBeLessThan(0.2);
  });

  it('gets each frame twice meanwhile, shows none of them twice, and one is enough again when nothing is lost', async () => {
    const [driver] = members;
    const frames = (): number => members[1]!.video.get(driver!.id)?.frames.length ?? 0;
    await eventually('frames are sent twice', async () => (await metric('gioconda_avatars_repeating')) === 1, 60_000);
    gate.weather = fairWeather;
    await eventually('what was lost is repaired', () => frames() > MEASURED_FRAMES);
    const [sent, shown] = [await metric('gioconda_frames_total'), frames()];
    await eventually('frames', () => frames() > shown + 150);
    const shownMeanwhile = frames() - shown;
    expect(shownMeanwhile).toBeLessThan((await metric('gioconda_frames_total')) - sent + 30);
    await eventually('frames are sent once', async () => (await metric('gioconda_avatars_repeating')) === 0, 60_000);
  });
});
