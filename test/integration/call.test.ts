/** A call with everything real: server, media worker, synthesis process, DTLS/SRTP/SCTP on loopback, participants on libwebrtc. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { rtpTimestampOf } from '../../server/video/rtp-clock.ts';
import { i420ToRgb } from '../../server/video/i420.ts';
import { Landmarker } from '../../server/landmarker/Landmarker.ts';
import { landmarkFolder } from '../../server/landmarker/landmark-models.ts';
import { cacheFolder } from '../../server/base/paths.ts';
import { faceSample, faceSeries, following, type PictureSample } from '../support/face-series.ts';
import { people, readDriverLandmarks } from '../support/fixtures.ts';
import { Member } from '../support/Member.ts';
import { enrolFiles, TestServer } from '../support/TestServer.ts';
import { eventually, pause } from '../support/wait.ts';
import { installWebRtc, ToneMicrophone, type VideoFrameData } from '../support/wrtc.ts';

/** The server learns a driver's neutral face in their first second. */
const CALIBRATION_MS = 1500;
/** Mean difference of luma that an idle face's motion makes within a second; of a picture that stands it is a tenth of this. */
const IDLE_DIFFERENCE = 0.3;

const talking = (seconds: number) => ({ yaw: 12 * Math.sin(seconds * 2), mouthOpen: 0.5 - 0.5 * Math.cos(seconds * 5) });

/** Mean absolute difference of luma, 0..255. */
function difference(a: VideoFrameData, b: VideoFrameData): number {
  const pixels = a.width * a.height;
  let sum = 0;
  for (let i = 0; i < pixels; i++) sum += Math.abs(a.data[i]! - b.data[i]!);
  return sum / pixels;
}

const rgbOf = ({ width, height, data }: VideoFrameData) => ({ width, height, data: i420ToRgb(data, width, height) });

describe('a call', () => {
  let server: TestServer;
  let driver: Member;
  let viewer: Member;
  let microphone: ToneMicrophone;
  let avatars: string[];
  let owner: Awaited<ReturnType<TestServer['guest']>>;
  const members: Member[] = [];

  const video = (member: Member = viewer) => member.video.get(driver.id);
  const frameCount = (member: Member = viewer): number => video(member)?.frames.length ?? 0;
  const moreFrames = (count: number, member: Member = viewer) => {
    const before = frameCount(member);
    return eventually(`${count} more frames`, () => frameCount(member) >= before + count);
  };

  beforeAll(async () => {
    installWebRtc();
    server = await TestServer.create();
    owner = await server.guest();
    avatars = [await enrolFiles(owner.gioconda, people[0]!.portraits), await enrolFiles(owner.gioconda, people[1]!.portraits.slice(0, 1))];
    microphone = new ToneMicrophone();
    driver = await Member.join(server, { guest: owner, displayName: 'Driver', avatarId: avatars[0]!, microphone: microphone.track });
    viewer = await Member.join(server, { displayName: 'Viewer', frameTraces: true });
    driver.drive(talking);
    await eventually('the first picture', () => frameCount() > 0);
  });

  afterEach(async () => {
    for (const member of members.splice(0)) await member.leave();
  });

  afterAll(async () => {
    microphone.stop();
    await driver?.leave();
    await viewer?.leave();
    await server?.close();
  });

  it('shows the avatar moving, square, and with its owner’s voice', async () => {
    const before = await eventually('a picture', () => video()?.last);
    await moreFrames(60);
    expect(difference(before, video()!.last!)).toBeGreaterThan(0.5);
    expect(video()!.last).toMatchObject({ width: 256, height: 256 });
    await eventually('the voice', () => (viewer.audio.get(driver.id)?.level ?? 0) > 0.1);
  });

  it('follows its driver: head and mouth in the received picture correlate with the recorded landmarks', async () => {
    const startedMs = driver.driveRecorded();
    await driver.call.recalibrate(); // it is another face than before
    const pictures: PictureSample[] = [];
    while (performance.now() - startedMs < 9000) {
      await moreFrames(1);
      pictures.push({ atMs: performance.now() - startedMs, picture: rgbOf(video()!.last!) });
      await pause(60);
    }
    driver.drive(talking);
    const landmarker = await Landmarker.create({ cacheDir: landmarkFolder(cacheFolder()) });
    const seen = await faceSeries(
      landmarker,
      pictures.filter(({ atMs }) => atMs > CALIBRATION_MS),
    );
    await landmarker.close();
    const sent = readDriverLandmarks().map(({ points, capturedMs }) => faceSample(points, capturedMs));
    expect(seen.length).toBeGreaterThan(40);
    expect(following({ leader: sent, follower: seen, of: ({ yaw }) => yaw }).correlation).toBeGreaterThan(0.9);
    expect(following({ leader: sent, follower: seen, of: ({ mouthGap }) => mouthGap }).correlation).toBeGreaterThan(0.8);
  });

  it('stamps every stage of every frame, in order, on one clock', async () => {
    viewer.traces.length = 0;
    await eventually('traces', () => viewer.traces.length > 30);
    for (const trace of viewer.traces) {
      const { arrivedMs, synthesisStartMs, synthesisEndMs, encodedMs, sentMs } = trace;
      expect([arrivedMs, synthesisStartMs, synthesisEndMs, encodedMs, sentMs]).toEqual(
        [arrivedMs, synthesisStartMs, synthesisEndMs, encodedMs, sentMs].toSorted((a, b) => a - b),
      );
      expect(Math.abs(sentMs - viewer.call.clock.nowMs)).toBeLessThan(10_000);
    }
    // The RTP timestamp is the capture time: what receivers' lip sync runs on.
    const onTime = viewer.traces.filter(({ rtpTimestamp, capturedMs }) => rtpTimestamp === rtpTimestampOf(capturedMs));
    expect(onTime.length).toBeGreaterThan(viewer.traces.length * 0.9);
  });

  it('sends stage times to nobody who has not asked for them, and to nobody who does not want them any more', async () => {
    await eventually('the viewer has some', () => viewer.traces.length > 30);
    expect(driver.traces).toEqual([]);
    await viewer.call.setFrameTraces(false);
    viewer.traces.length = 0;
    await driver.call.setFrameTraces(true);
    await eventually('the driver has some', () => driver.traces.length > 30);
    expect(viewer.traces).toEqual([]);
    await driver.call.setFrameTraces(false);
  });

  it('shows a newcomer the avatar without anybody moving', async () => {
    driver.stopDriving();
    const newcomer = await Member.join(server, { displayName: 'Newcomer' });
    members.push(newcomer);
    await eventually('the newcomer’s picture', () => frameCount(newcomer) > 0);
    await eventually('everybody is told', () => viewer.call.participants.some(({ displayName }) => displayName === 'Newcomer'));
    driver.drive(talking);
  });

  it('never freezes: without landmarks it calms down, goes on moving by itself, and comes back', async () => {
    const states: string[] = [];
    const stop = viewer.call.on('drive-state', ({ state }) => states.push(state));
    driver.stopDriving();
    await eventually('idle', () => states.includes('idle'));
    // Behind the fade, and behind what an encoder still refines of a picture that stands: from here on only the idle motion changes anything.
    await moreFrames(60);
    const pictures: VideoFrameData[] = [];
    for (let n = 0; n < 4; n++) {
      pictures.push(video()!.last!);
      await moreFrames(30);
    }
    const steps = pictures.slice(1).map((picture, index) => difference(picture, pictures[index]!));
    expect(Math.max(...steps)).toBeGreaterThan(IDLE_DIFFERENCE);
    driver.drive(talking);
    await eventually('tracking again', () => states.at(-1) === 'tracking' || states.at(-1) === 'calibrating');
    (stop as unknown as () => void)?.();
  });

  it('switches the person inside the running track', async () => {
    const before = video()!.last!;
    const tracks = viewer.call.media.length;
    await driver.call.setAvatar(avatars[1]!);
    await eventually('another face', () => difference(before, video()!.last!) > 12);
    expect(viewer.call.media.length).toBe(tracks);
    // The picture may change by motion alone, and comes by another way than the event.
    const shown = () => viewer.call.participants.find(({ id }) => id === driver.id)?.avatar;
    await eventually('the other avatar in the list', () => shown()?.id === avatars[1]);
    expect(shown()).toEqual({ id: avatars[1], model: 'warp', synthetic: true });
    await driver.call.setAvatar(avatars[0]!);
  });

  it('mutes and unmutes', async () => {
    const heard = viewer.audio.get(driver.id)!;
    await driver.call.setMuted(true);
    await eventually('silence', () => heard.level < 0.01);
    expect(viewer.call.participants.find(({ id }) => id === driver.id)?.muted).toBe(true);
    await driver.call.setMuted(false);
    await eventually('the voice again', () => heard.level > 0.1);
  });

  it('goes on in another process when its synthesis process is killed', async () => {
    const pid = server.server.pool.processes[0]!.pid!;
    const tracks = viewer.call.media.map(({ consumerId }) => consumerId);
    process.kill(pid, 'SIGKILL');
    await eventually('another process', () => server.server.pool.processes.some((other) => other.pid !== pid && other.sessions === 1));
    await moreFrames(30);
    expect(viewer.call.media.map(({ consumerId }) => consumerId)).toEqual(tracks);
  });

  it('refuses a foreign avatar as if it did not exist', async () => {
    await expect(Member.join(server, { avatarId: avatars[0]! })).rejects.toMatchObject({ code: 'avatar-not-found' });
    await expect(Member.join(server, { avatarId: 'av-nowhere' })).rejects.toMatchObject({ code: 'avatar-not-found' });
    expect(server.server.pool.processes[0]!.sessions).toBe(1);
  });

  it('lets people see themselves before they enter, and nobody else see them', async () => {
    const preview = await Member.join(server, { guest: owner, displayName: 'Vain', avatarId: avatars[1]!, preview: true });
    members.push(preview);
    preview.drive(talking);
    await eventually('the own picture', () => (preview.video.get(preview.id)?.frames.length ?? 0) > 10);
    expect([...preview.video.keys()]).toEqual([preview.id]);
    expect(viewer.call.participants.map(({ displayName }) => displayName)).not.toContain('Vain');
  });

  it('takes a deleted avatar out of the call', async () => {
    const guest = await server.guest();
    const avatarId = await enrolFiles(guest.gioconda, people[1]!.portraits.slice(0, 1));
    const member = await Member.join(server, { guest, displayName: 'Shy', avatarId });
    members.push(member);
    await eventually('seen', () => viewer.video.has(member.id));
    await guest.gioconda.deleteAvatar(avatarId);
    await eventually('gone', () => viewer.call.participants.find(({ id }) => id === member.id)?.avatar === null);
  });
});
