/** A participant's transports, consumers and bit rate have limits of their own, and requests that race each other have coded answers. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MediaWatch } from '../support/MediaWatch.ts';
import { Member } from '../support/Member.ts';
import { honestCapabilities, honestMicrophone, RawGuest } from '../support/RawGuest.ts';
import { TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';
import { installWebRtc, ToneMicrophone } from '../support/wrtc.ts';

describe('limits of one participant', () => {
  let watch: MediaWatch;
  let server: TestServer;
  let rooms = 0;
  const guests: RawGuest[] = [];

  const enter = async (room: string): Promise<RawGuest> => {
    const guest = await RawGuest.join(server, room);
    guests.push(guest);
    return guest;
  };
  const speaks = async (guest: RawGuest): Promise<string> => {
    const transportId = await guest.transport('send');
    return (await guest.must<{ producerId: string }>('produce-audio', { transportId, rtpParameters: honestMicrophone })).producerId;
  };

  beforeAll(async () => {
    watch = new MediaWatch();
    server = await TestServer.create({
      config: { logLevel: 'silent', rooms: { graceMs: 50 }, media: { maxConsumers: 2, maxTransports: 3 } },
    });
  });

  afterEach(async () => {
    for (const guest of guests.splice(0)) guest.leave();
    await eventually('all have ended', () => watch.open.transports === 0);
  });

  afterAll(async () => {
    await server?.close();
    watch?.close();
  });

  it('one stream is received once, however often it is asked for', async () => {
    const room = `room-${rooms++}`;
    const [speaker, listener] = [await enter(room), await enter(room)];
    const producerId = await speaks(speaker);
    const transportId = await listener.transport('receive');
    const ask = (): Promise<string> => listener.codeOf('consume', { transportId, producerId, rtpCapabilities: honestCapabilities });
    expect(await ask()).toBe('ok');
    expect(['ok', 'consumer-limit']).toEqual(expect.arrayContaining([...new Set(await Promise.all(Array.from({ length: 20 }, ask)))]));
    expect(await ask()).toBe('ok');
    await eventually('the earlier ones are closed', () => watch.open.consumers === 1);
    expect(listener.events.some(({ name }) => name === 'consumer-closed')).toBe(true);
  });

  it('receives no more streams than the limit', async () => {
    const room = `room-${rooms++}`;
    const [listener, ...speakers] = await Promise.all(Array.from({ length: 4 }, () => enter(room)));
    const transportId = await listener!.transport('receive');
    const codes: string[] = [];
    for (const speaker of speakers)
      codes.push(
        await listener!.codeOf('consume', { transportId, producerId: await speaks(speaker), rtpCapabilities: honestCapabilities }),
      );
    expect(codes).toEqual(['ok', 'ok', 'consumer-limit']);
  });

  it('keeps no more transports than the limit', async () => {
    const guest = await enter(`room-${rooms++}`);
    const codes = await Promise.all(Array.from({ length: 20 }, () => guest.codeOf('create-transport', { direction: 'send' })));
    expect(new Set(codes)).toEqual(new Set(['ok', 'transport-limit']));
    for (let more = 0; more < 5; more++) await guest.transport('receive');
    expect(watch.open.transports).toBe(3);
  });

  it('microphones, muting and leaving that race each other have coded answers', async () => {
    for (let round = 0; round < 8; round++) {
      const guest = await enter(`room-${rooms++}`);
      const transportId = await guest.transport('send');
      await guest.must('set-muted', { muted: true });
      const produce = (ssrc: number): [string, object] => [
        'produce-audio',
        { transportId, rtpParameters: { ...honestMicrophone, mid: String(ssrc), encodings: [{ ssrc }] } },
      ];
      const racing: [string, object][] = [
        produce(1),
        produce(2),
        ['set-muted', { muted: false }],
        produce(3),
        ['set-muted', { muted: true }],
        ['set-muted', { muted: false }],
      ];
      if (round % 2) racing.push(['leave', {}]);
      const codes = await Promise.all(racing.map(([name, request]) => guest.codeOf(name, request)));
      expect(codes).not.toContain('internal');
      guest.leave();
    }
  });
});

describe('the bit rate of one participant', () => {
  let server: TestServer;
  let microphone: ToneMicrophone;

  beforeAll(async () => {
    installWebRtc();
    microphone = new ToneMicrophone();
    // Less than a voice takes: what is a flood at the usual limit cannot be made from a test's microphone.
    server = await TestServer.create({ config: { logLevel: 'silent', media: { maxIncomingBitrateBps: 30_000 } } });
  });

  afterAll(async () => {
    microphone?.stop();
    await server?.close();
  });

  it('ends for who sends more than the limit, and for nobody else', async () => {
    const [loud, quiet] = [await Member.join(server, { microphone: microphone.track }), await Member.join(server, {})];
    const ended = new Promise<string | undefined>((resolve) => void loud.call.on('closed', ({ error }) => resolve(error?.code)));
    expect(await ended).toBe('bitrate-limit');
    await eventually('the others see them go', () => quiet.call.participants.length === 1);
    expect(quiet.call.state).toBe('connected');
    await quiet.leave();
  });
});
