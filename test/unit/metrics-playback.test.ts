/** What one participant can do to everybody's metrics: little. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { requests } from '../../client/src/protocol/index.ts';
import type { ConnectionPort } from '../../server/call/Participant.ts';
import type { MediaPort, RoomMediaPort, SynthesisPort } from '../../server/call/ports.ts';
import { parseConfig } from '../../server/config/index.ts';
import { Rooms } from '../../server/call/Rooms.ts';
import { Metrics } from '../../server/metrics.ts';
import type { Access } from '../../server/signalling/access.ts';
import { join, reportPlayback } from '../../server/signalling/room-handlers.ts';
import { Session } from '../../server/signalling/Session.ts';
import { callerOf } from '../support/call-fakes.ts';

const unused = (): Promise<never> => Promise.reject(new Error('not asked for'));
const roomMedia: RoomMediaPort = {
  rtpCapabilities: {},
  createTransport: unused,
  createAvatarTrack: unused,
  onDied: () => undefined,
  close: () => undefined,
};
const media: MediaPort = { createRoomMedia: async () => roomMedia };
const synthesis: SynthesisPort = { open: unused };
const connection: ConnectionPort = { send: () => undefined, end: () => undefined };
const access: Access = { defaultModel: 'warp', models: ['warp'], iceServers: () => [], identify: unused };

describe('the schema of report-playback', () => {
  const takes = (report: object): boolean => requests['report-playback'].request.safeParse({ presentedLatencyMs: [], ...report }).success;

  it('takes what viewers measure, clocks a little apart included', () => {
    expect(takes({ skewMs: -180, presentedLatencyMs: [-12, 58, 2400], framesPerSecond: 29.97 })).toBe(true);
  });

  it.each([
    [{ skewMs: 1.7e308 }],
    [{ skewMs: -10_001 }],
    [{ skewMs: null }],
    [{ presentedLatencyMs: [1.7e308] }],
    [{ presentedLatencyMs: [-1001] }],
    [{ presentedLatencyMs: Array.from({ length: 121 }, () => 40) }],
    [{ framesPerSecond: -1 }],
    [{ framesPerSecond: 241 }],
  ])('refuses %j', (report) => {
    expect(takes(report)).toBe(false);
  });
});

describe('reportPlayback', () => {
  let metrics: Metrics;
  let rooms: Rooms;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
    metrics = Metrics.create({ processDefaults: false });
    rooms = new Rooms({
      media,
      synthesis,
      metrics,
      maxParticipants: 4,
      graceMs: 1000,
      limits: { maxTransports: 4, maxConsumers: 8 },
      seats: parseConfig().limits,
      videoBitrateBps: 500_000,
    });
  });
  afterEach(() => {
    rooms.close();
    vi.useRealTimers();
  });

  const enter = async (userId: string): Promise<Session> => {
    const session = new Session({
      address: '127.0.0.1',
      access,
      rooms,
      caller: callerOf(userId, ['studio'], { mayUseAvatar: () => false }),
      connection,
    });
    await join(session, { displayName: userId });
    return session;
  };
  const counted = async (): Promise<number> => Number(/^gioconda_presented_latency_seconds_count (\d+)$/m.exec(await metrics.text())?.[1]);

  it('counts one report a second of each session, however many come', async () => {
    const [ada, bob] = [await enter('ada'), await enter('bob')];
    for (let n = 0; n < 20; n += 1) expect(await reportPlayback(ada, { presentedLatencyMs: [40] })).toEqual({});
    await reportPlayback(bob, { presentedLatencyMs: [50] });
    expect(await counted()).toBe(2);
    // A second later by a timer that is a little early.
    vi.advanceTimersByTime(980);
    for (let n = 0; n < 20; n += 1) await reportPlayback(ada, { presentedLatencyMs: [40] });
    expect(await counted()).toBe(3);
  });
});
