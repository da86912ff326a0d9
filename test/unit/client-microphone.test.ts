/** The microphone on mediasoup-client's own transport and producer; only the browser's part is its fake handler. */
import { Device } from 'mediasoup-client';
import * as fakeParameters from 'mediasoup-client/fakeParameters';
import { FakeHandler } from 'mediasoup-client/handlers/FakeHandler';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MicrophoneSender } from '../../client/src/call/MicrophoneSender.ts';

/** As much of a track as a sender looks at. */
function microphone(readyState: 'live' | 'ended' = 'live'): MediaStreamTrack {
  return Object.assign(new EventTarget(), {
    id: crypto.randomUUID(),
    kind: 'audio',
    readyState,
    enabled: true,
    stop: vi.fn<() => void>(),
  }) as unknown as MediaStreamTrack;
}

const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe('MicrophoneSender', () => {
  let transport: Awaited<ReturnType<typeof openTransport>>;
  let sender: MicrophoneSender;
  /** Every track that could be heard at some time, in order; null for silence. */
  let heard: (MediaStreamTrack | null)[];
  let grant: () => Promise<void>;
  let state: { track: MediaStreamTrack | null; paused: boolean };

  async function openTransport() {
    const device = new Device({ handlerFactory: FakeHandler.createFactory(fakeParameters) });
    await device.load({ routerRtpCapabilities: fakeParameters.generateRouterRtpCapabilities() });
    const opened = device.createSendTransport(fakeParameters.generateTransportRemoteParameters());
    opened.on('connect', (_parameters, done) => done());
    opened.on('produce', (_parameters, done) => void grant().then(() => done(fakeParameters.generateProducerRemoteParameters())));
    return opened;
  }

  /** What the browser does with each order of mediasoup-client. */
  function watch(): void {
    state = { track: null, paused: false };
    heard = [null];
    const changed = (change: Partial<typeof state>): void => {
      Object.assign(state, change);
      const now = state.paused ? null : state.track;
      if (now !== heard.at(-1)) heard.push(now);
    };
    const { send } = FakeHandler.prototype;
    vi.spyOn(FakeHandler.prototype, 'send').mockImplementation(function (this: FakeHandler, options) {
      changed({ track: options.track, paused: false });
      return send.call(this, options);
    });
    vi.spyOn(FakeHandler.prototype, 'pauseSending').mockImplementation(async () => changed({ paused: true }));
    vi.spyOn(FakeHandler.prototype, 'resumeSending').mockImplementation(async () => changed({ paused: false }));
    vi.spyOn(FakeHandler.prototype, 'replaceTrack').mockImplementation(async (_id, track) => changed({ track }));
  }

  beforeEach(async () => {
    grant = async () => undefined;
    watch();
    transport = await openTransport();
    sender = new MicrophoneSender(transport);
  });
  afterEach(() => {
    transport.close();
    vi.restoreAllMocks();
  });

  it('is silent once the microphone is taken away, and stays so when unmuted', async () => {
    const track = microphone();
    await sender.set(track, false);
    await sender.set(null, false);
    sender.setMuted(true);
    sender.setMuted(false);
    await later();
    expect(heard).toEqual([null, track, null]);
    expect(state.track).toBeNull();
    expect(track.stop).not.toHaveBeenCalled();
  });

  it('sends the next microphone over the same producer, and never the former again', async () => {
    const [first, second] = [microphone(), microphone()];
    await sender.set(first, false);
    const gone = sender.set(null, false);
    await Promise.all([gone, sender.set(second, false)]);
    await later();
    expect(heard).toEqual([null, first, null, second]);
  });

  it('changes from one microphone to another without silence between', async () => {
    const [first, second] = [microphone(), microphone()];
    await sender.set(first, false);
    await sender.set(second, false);
    await later();
    expect(heard).toEqual([null, first, second]);
  });

  it.each([
    ['taken away', (): void => void sender.set(null, false)],
    ['muted', (): void => sender.setMuted(true)],
  ])('falls silent when it was %s while the server was still being asked', async (_how, act) => {
    const asked = Promise.withResolvers<void>();
    grant = () => asked.promise;
    const sending = sender.set(microphone(), false);
    await later();
    act();
    asked.resolve();
    await sending;
    await later();
    expect(heard.at(-1)).toBeNull();
  });

  it('mutes and unmutes, negotiating only when something changes', async () => {
    const track = microphone();
    await sender.set(track, true);
    for (const muted of [true, false, false, true, false]) sender.setMuted(muted);
    await later();
    expect(heard.at(-1)).toBe(track);
    expect(vi.mocked(FakeHandler.prototype.pauseSending)).toHaveBeenCalledTimes(2);
    expect(vi.mocked(FakeHandler.prototype.resumeSending)).toHaveBeenCalledTimes(2);
  });

  it('says when a microphone has ended, sends nothing then, and takes the next one', async () => {
    const [first, second] = [microphone(), microphone()];
    await sender.set(first, false);
    await expect(sender.set(microphone('ended'), false)).rejects.toMatchObject({ code: 'microphone-not-found' });
    sender.setMuted(false);
    await later();
    expect(heard.at(-1)).toBeNull();
    await sender.set(second, false);
    await later();
    expect(heard).toEqual([null, first, null, second]);
  });

  it('asked for the same microphone again, does nothing, whether or not that one has ended', async () => {
    const track = microphone();
    await sender.set(track, false);
    Object.assign(track, { readyState: 'ended' });
    await sender.set(track, false);
    expect(vi.mocked(FakeHandler.prototype.replaceTrack)).not.toHaveBeenCalled();
  });
});
