/** One received stream that a browser refuses: the SDK leaves it out and reports it, and everybody else is heard, now and later. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MediaWatch } from '../support/MediaWatch.ts';
import { Member } from '../support/Member.ts';
import { TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';
import { installWebRtc, ToneMicrophone } from '../support/wrtc.ts';

describe('a stream that the browser refuses', () => {
  let watch: MediaWatch;
  let server: TestServer;
  const microphones: ToneMicrophone[] = [];
  const members: Member[] = [];

  const speaker = async (displayName: string): Promise<Member> => {
    const microphone = new ToneMicrophone();
    microphones.push(microphone);
    const member = await Member.join(server, { displayName, microphone: microphone.track });
    members.push(member);
    return member;
  };
  const hears = (listener: Member, other: Member): Promise<unknown> =>
    eventually(`${other.id} is heard`, () => (listener.audio.get(other.id)?.level ?? 0) > 0.1, 30_000);

  beforeAll(async () => {
    installWebRtc();
    watch = new MediaWatch();
    server = await TestServer.create({ config: { logLevel: 'silent' } });
  });

  afterAll(async () => {
    for (const member of members) await member.leave();
    for (const microphone of microphones) microphone.stop();
    await server?.close();
    watch?.close();
  });

  it('is left out; those already there and those who come later are received', async () => {
    const viewer = await speaker('Viewer');
    const errors: string[] = [];
    viewer.call.on('error', ({ error }) => errors.push(error.code));
    const ada = await speaker('Ada');
    await hears(viewer, ada);

    // What no browser takes, put in behind the server's own parsing.
    let bad = '';
    const known = new Set([...watch.consumers].map(({ producerId }) => producerId));
    watch.onConsumer = (consumer) => {
      if (known.has(consumer.producerId) || (bad !== '' && bad !== consumer.producerId)) return;
      bad = consumer.producerId;
      const { rtpParameters } = consumer;
      rtpParameters.codecs[0]!.payloadType = 999;
      Object.defineProperty(consumer, 'rtpParameters', { value: rtpParameters });
    };
    known.add(viewer.call.participants.find(({ id }) => id === viewer.id)!.media[0]!.producerId);
    const mallory = await speaker('Mallory');
    await eventually('the refusal is reported', () => errors.includes('cannot-consume'));

    const ben = await speaker('Ben');
    await hears(viewer, ben);
    await hears(viewer, ada);
    await hears(ben, viewer);
    await hears(ben, ada);
    expect(viewer.call.media.map(({ participantId }) => participantId)).not.toContain(mallory.id);
    expect(viewer.call.state).toBe('connected');
  });
});
