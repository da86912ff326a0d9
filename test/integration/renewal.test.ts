/** A call that lasts longer than its tokens: everything real, the participants on libwebrtc. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Gioconda } from '../../client/src/Gioconda.ts';
import { portraitOf } from '../support/fixtures.ts';
import { Member } from '../support/Member.ts';
import { enrolFiles, TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';
import { installWebRtc, ToneMicrophone } from '../support/wrtc.ts';

const TOKEN_SECONDS = 12;
const talking = (seconds: number) => ({ yaw: 12 * Math.sin(seconds * 2), mouthOpen: 0.5 - 0.5 * Math.cos(seconds * 5) });

describe('a call that lasts longer than its tokens', () => {
  let server: TestServer;
  let microphone: ToneMicrophone;
  const members: Member[] = [];
  beforeAll(async () => {
    installWebRtc();
    server = await TestServer.create({ config: { synthesis: { deadlineMs: 30_000 } } });
    microphone = new ToneMicrophone();
  });
  afterAll(async () => {
    microphone.stop();
    for (const member of members) await member.leave();
    await server?.close();
  });

  async function mint(userId: string): Promise<{ token: string; endsMs: number }> {
    const response = await fetch(`${server.url}/api/v1/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.server.keys.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ userId, scopes: ['enrol', 'join:studio'], ttlSeconds: TOKEN_SECONDS }),
    });
    const { token, expiresAt } = (await response.json()) as { token: string; expiresAt: string };
    return { token, endsMs: Date.parse(expiresAt) };
  }

  it('goes on without interruption: same places, same tracks, picture and sound through three renewals', async () => {
    const ends: number[] = [];
    const token = async (): Promise<string> => {
      const minted = await mint('ann');
      ends.push(minted.endsMs);
      return minted.token;
    };
    const gioconda = await Gioconda.connect({ url: server.url, token });
    const avatarId = await enrolFiles(gioconda, [portraitOf('kenji', 'neutral')]);
    const driver = await Member.join(server, {
      guest: { gioconda, token: '' },
      displayName: 'Ann',
      avatarId,
      microphone: microphone.track,
    });
    members.push(driver);
    const viewer = await Member.join(server, { displayName: 'Viewer' });
    members.push(viewer);
    const upsets: string[] = [];
    const renewals: number[] = [];
    for (const [name, { call }] of Object.entries({ driver, viewer })) {
      call.on('state', ({ state }) => upsets.push(`${name} ${state}`));
      call.on('rejoined', () => upsets.push(`${name} rejoined`));
      call.on('track-ended', () => upsets.push(`${name} lost a track`));
      call.on('access-ending', ({ error }) => upsets.push(`${name} ends: ${error?.code}`));
    }
    driver.call.on('access-renewed', ({ expiresAtMs }) => renewals.push(expiresAtMs));
    const { participantId } = driver.call;
    driver.drive(talking);
    const frames = (): number => viewer.video.get(driver.id)?.frames.length ?? 0;
    await eventually('the picture', () => frames() > 0);
    await eventually('three renewals', () => renewals.length >= 3, 90_000);
    await eventually('the tokens that it began with have expired', () => Date.now() > ends[1]! && Date.now() > renewals[0]!, 60_000);
    const before = frames();
    await eventually('the picture goes on', () => frames() > before + 30);
    await eventually('the voice goes on', () => (viewer.audio.get(driver.id)?.level ?? 0) > 0.1);
    expect(renewals).toEqual(renewals.toSorted((a, b) => a - b));
    expect([upsets, driver.call.participantId, driver.call.state]).toEqual([[], participantId, 'connected']);
  });
});
