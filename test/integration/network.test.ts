/** Networks that fail in the middle of a call: it must heal by itself. */
import wrtc from '@roamhq/wrtc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Gioconda } from '../../client/src/Gioconda.ts';
import { people } from '../support/fixtures.ts';
import { Member } from '../support/Member.ts';
import { TcpGate } from '../support/TcpGate.ts';
import { enrolFiles, TestServer } from '../support/TestServer.ts';
import { UdpGate } from '../support/UdpGate.ts';
import { eventually, pause } from '../support/wait.ts';
import { installWebRtc, ToneMicrophone } from '../support/wrtc.ts';

const talking = (seconds: number) => ({ yaw: 10 * Math.sin(seconds * 2), mouthOpen: 0.5 - 0.5 * Math.cos(seconds * 5) });

describe('a failing network', () => {
  let server: TestServer;
  let udp: UdpGate;
  let tcp: TcpGate;
  let driver: Member;
  let viewer: Member;
  let microphone: ToneMicrophone;

  const frames = (): number => viewer.video.get(driver.id)?.frames.length ?? 0;
  const flowing = async (): Promise<void> => {
    const before = frames();
    await eventually('pictures flow', () => frames() > before + 30, 30_000);
    const heard = viewer.audio.get(driver.id)!;
    heard.levels.length = 0;
    await eventually('the voice is heard', () => heard.level > 0.1, 30_000);
  };

  beforeAll(async () => {
    installWebRtc();
    udp = new UdpGate();
    globalThis.RTCPeerConnection = udp.connectionClass(
      (wrtc as unknown as { RTCPeerConnection: typeof RTCPeerConnection }).RTCPeerConnection,
    );
    server = await TestServer.create();
    tcp = await TcpGate.create(Number(new URL(server.url).port));
    const owner = await server.guest();
    const avatarId = await enrolFiles(owner.gioconda, people[0]!.portraits.slice(0, 1));
    microphone = new ToneMicrophone();
    const behindGate = await Gioconda.connect({ url: `http://127.0.0.1:${tcp.port}`, token: owner.token });
    driver = await Member.join(server, {
      guest: { ...owner, gioconda: behindGate },
      displayName: 'Driver',
      avatarId,
      microphone: microphone.track,
    });
    viewer = await Member.join(server, { displayName: 'Viewer' });
    driver.drive(talking);
    await flowing();
  });

  afterAll(async () => {
    microphone?.stop();
    await driver?.leave();
    await viewer?.leave();
    await tcp?.close();
    await udp?.close();
    await server?.close();
    installWebRtc();
  });

  it('heals after three seconds without any UDP', async () => {
    const tracks = viewer.call.media.length;
    udp.shut();
    await pause(300); // what was under way
    const before = frames();
    await pause(2700);
    expect(frames() - before).toBeLessThan(5);
    udp.reopen();
    await flowing();
    expect(viewer.call.media.length).toBe(tracks);
    expect(driver.call.state).toBe('connected');
  });

  it('takes another path for media by itself while UDP stays shut', async () => {
    const before = viewer.call.media.map(({ consumerId }) => consumerId);
    const errors: string[] = [];
    for (const { call } of [viewer, driver]) call.on('error', ({ error }) => errors.push(error.code));
    udp.passesTcp = true; // for connections made from now on
    udp.shut();
    await eventually('new media', () => viewer.call.media.every(({ consumerId }) => !before.includes(consumerId)), 30_000);
    await flowing();
    expect(errors).toEqual([]);
    udp.reopen();
    await flowing();
  });

  it('everybody is back by themselves after a media worker was killed', async () => {
    const [pid] = server.server.media.pids;
    process.kill(pid!, 'SIGKILL');
    await eventually('another media worker', () => server.server.media.pids.some((other) => other !== pid));
    await eventually(
      'both are in the room again',
      () => viewer.call.participants.some(({ displayName }) => displayName === 'Driver') && viewer.call.state === 'connected',
      30_000,
    );
    await eventually('pictures flow', () => frames() > 0, 30_000);
    await flowing();
  });

  it('keeps the media through a lost signalling connection and takes the same place again', async () => {
    const { id } = driver;
    const left: string[] = [];
    const stop = viewer.call.on('participant-left', ({ participantId }) => left.push(participantId));
    tcp.cut();
    await eventually('the loss is noticed', () => driver.call.state === 'reconnecting');
    const before = frames();
    await eventually('pictures flow all the same', () => frames() > before + 20);
    tcp.reopen();
    await eventually('the link is back', () => driver.call.state === 'connected', 20_000);
    expect(driver.id).toBe(id);
    expect(left).toEqual([]);
    (stop as unknown as () => void)?.();
    await flowing();
  });
});
