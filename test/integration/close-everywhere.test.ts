/**
 * Somebody leaves, or the room is closed, while anything of the media path is being asked of a real media worker: before each request and after
 * each answer, one after the other. Every await of mediasoup ends in `Channel.request`, and this is where the leaving is put in.
 */
import { createRequire } from 'node:module';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AppError, microphoneParametersSchema } from '../../client/src/protocol/index.ts';
import { createLog } from '../../server/base/log.ts';
import { packageFolder } from '../../server/base/paths.ts';
import type { Participant } from '../../server/call/Participant.ts';
import type { CallMetricsPort } from '../../server/call/ports.ts';
import type { Room } from '../../server/call/Room.ts';
import { Rooms } from '../../server/call/Rooms.ts';
import { parseConfig } from '../../server/config/index.ts';
import { MediaWorkers } from '../../server/media/MediaWorkers.ts';
import { FakeConnection, FakeSession } from '../support/call-fakes.ts';
import { MediaWatch } from '../support/MediaWatch.ts';
import { mediaOptions } from '../support/media-options.ts';
import { eventually } from '../support/wait.ts';

type Request = (...args: unknown[]) => Promise<unknown>;
const { Channel } = createRequire(import.meta.url)(join(packageFolder('mediasoup')!, 'node/lib/Channel.js')) as {
  Channel: { prototype: { request: Request } };
};
const originalRequest = Channel.prototype.request;

const microphone = (ssrc: number) =>
  microphoneParametersSchema.parse({
    codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48_000, channels: 2 }],
    encodings: [{ ssrc }],
  });
const fingerprint = { algorithm: 'sha-256', value: Array.from({ length: 32 }, () => 'AB').join(':') } as const;
const metrics = new Proxy({}, { get: () => () => undefined }) as CallMetricsPort;

/** Of this process: an avatar's track holds a port on loopback. */
const sockets = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;

interface Everybody {
  room: Room;
  driver: Participant;
  viewer: Participant;
}

/** A call's whole media path. Each step may fail, for somebody may have left; with a code that says so, and never as a fault of the server. */
async function call({ room, driver, viewer }: Everybody): Promise<void> {
  const rtpCapabilities = room.media.rtpCapabilities as never;
  const step = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      expect(error).toBeInstanceOf(AppError);
      expect((error as AppError).code).not.toBe('internal');
      return undefined;
    }
  };
  const transports = async (who: Participant): Promise<{ send: string; receive: string }> => {
    const send = await step(() => who.createTransport({ direction: 'send', forceTcp: false }));
    const receive = await step(() => who.createTransport({ direction: 'receive', forceTcp: false }));
    await step(async () => send?.connect({ role: 'client', fingerprints: [fingerprint] }));
    return { send: send?.id ?? 'none', receive: receive?.id ?? 'none' };
  };
  const [mine, theirs] = [await transports(driver), await transports(viewer)];
  await step(() => viewer.produceAudio(theirs.send, microphone(1)));
  const voice = await step(() => driver.produceAudio(mine.send, microphone(2)));
  await step(() =>
    driver.produceLandmarks({ transportId: mine.send, sctpStreamParameters: { streamId: 0, ordered: false, maxRetransmits: 0 } }),
  );
  await step(() => driver.setAvatar({ avatarId: 'av', model: 'warp' }));
  for (const producerId of [driver.avatar?.producerId, voice?.id]) {
    if (producerId === undefined) continue;
    const consumer = await step(() => viewer.consume({ transportId: theirs.receive, producerId, rtpCapabilities }));
    if (!consumer) continue;
    await step(() => viewer.resumeConsumer(consumer.id));
    await step(() => viewer.pauseConsumer(consumer.id));
  }
  await step(() => driver.setMuted(true));
  await step(async () => driver.transport(mine.send).restartIce());
  await step(() => driver.setAvatar({ avatarId: 'another', model: 'warp' }));
}

describe.skipIf(process.platform !== 'linux')('leaving at any moment', () => {
  let watch: MediaWatch;
  let media: MediaWorkers;
  let rooms: Rooms;
  let sessions: FakeSession[];
  let socketsBefore: number;
  let number = 0;

  beforeAll(async () => {
    watch = new MediaWatch();
    media = await MediaWorkers.create(mediaOptions(), createLog({ logLevel: 'silent' }));
    sessions = [];
    rooms = new Rooms({
      media,
      synthesis: {
        open: async ({ avatarId }) => {
          sessions.push(new FakeSession(avatarId));
          return sessions.at(-1)!;
        },
      },
      metrics,
      maxParticipants: 4,
      graceMs: 1000,
      limits: { maxTransports: 4, maxConsumers: 8 },
      seats: parseConfig().limits,
      videoBitrateBps: 500_000,
    });
    socketsBefore = sockets();
  });
  afterEach(() => {
    Channel.prototype.request = originalRequest;
  });
  afterAll(() => {
    rooms?.close();
    media?.close();
    watch?.close();
  });

  async function enter(): Promise<Everybody> {
    const room = await rooms.enter(`room-${number++}`, { subject: 'ada', address: '192.0.2.1' });
    const [driver, viewer] = ['driver', 'viewer'].map((displayName) => {
      const participant = room.add({ displayName, subject: displayName, hidden: false });
      participant.attach(new FakeConnection());
      return participant;
    }) as [Participant, Participant];
    return { room, driver, viewer };
  }

  /** Runs a call; `leave` happens at the n-th moment, two to each request. @returns how many moments there were */
  async function runWith(people: Everybody, moment: number, leave: () => void): Promise<number> {
    let moments = 0;
    const pass = (): void => {
      if (moments++ === moment) leave();
    };
    Channel.prototype.request = async function request(this: unknown, ...args: unknown[]) {
      const answer = originalRequest.apply(this, args);
      pass();
      const result = await answer;
      pass();
      return result;
    };
    await call(people);
    Channel.prototype.request = originalRequest;
    return moments;
  }

  const leavings: [string, (people: Everybody) => void][] = [
    ['the driver leaves', ({ driver }) => driver.close()],
    ['the viewer leaves', ({ viewer }) => viewer.close()],
    ['the room is closed', ({ room }) => room.close()],
  ];

  it.each(leavings)('%s: nothing is left, and nothing fails as a fault of the server', async (_who, leave) => {
    const whole = await enter();
    const moments = await runWith(whole, -1, () => undefined);
    expect(moments).toBeGreaterThan(40);
    whole.room.close();
    const left: number[] = [];
    for (let moment = 0; moment < moments; moment++) {
      const people = await enter();
      let done = false;
      await runWith(people, moment, () => {
        done = true;
        leave(people);
      });
      if (!done) continue; // who left earlier asks for less
      // The router stays: whatever these two leave in it is seen.
      people.driver.close();
      people.viewer.close();
      const { transports, producers, consumers, data } = watch.census;
      if (transports + producers + consumers + data + sessions.filter(({ closed }) => !closed).length > 0) left.push(moment);
      people.room.close();
    }
    expect(left).toEqual([]);
    await eventually('no port is held', () => sockets() <= socketsBefore);
  });
});
