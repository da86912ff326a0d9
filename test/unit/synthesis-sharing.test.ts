/** The pool shares the machine among its avatars: rates fall together, and what does not fit is refused. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLog } from '../../server/base/log.ts';
import type { RtpOutput, SynthesisSessionPort } from '../../server/call/ports.ts';
import type { OpenRequest, SentMessage } from '../../server/synthesis/process/messages.ts';
import { pushSentFrame } from '../../server/synthesis/process/sent-frames.ts';
import { SynthesisPool } from '../../server/synthesis/process/SynthesisPool.ts';
import { FakeProcess } from '../support/FakeProcess.ts';
import { codeOf } from '../support/outcome.ts';

const silent = createLog({ logLevel: 'info' }, { write: () => undefined });
const output: RtpOutput = { ip: '127.0.0.1', port: 9, sourcePort: 0, ssrc: 1, payloadType: 101, extensions: [] };

describe('avatars that share a machine', () => {
  let processes: FakeProcess[];
  let pool: SynthesisPool;
  let limits: string[];

  const create = async ({ workers = 1, maxAvatars = 100, leastFps = 12 } = {}): Promise<void> => {
    pool = await SynthesisPool.create({
      workers,
      maxAvatars,
      capacity: { cores: workers, share: 0.8, fps: 30, leastFps },
      deadlineMs: 100,
      cacheDir: '',
      video: { codec: 'vp8', fps: 30, bitrateBps: 1 },
      log: silent,
      resolve: async (avatarId, model) => ({ weightsPath: avatarId, model }),
      onLimit: (limit) => limits.push(limit),
      spawn: async () => {
        processes.push(new FakeProcess());
        return processes.at(-1)!;
      },
    });
  };
  const open = (user: string): Promise<SynthesisSessionPort> => pool.open({ avatarId: user, model: 'warp', output, user });
  const opened = (process: FakeProcess): string[] =>
    process.asked.filter(({ name }) => name === 'open').map(({ request }) => (request as OpenRequest).source.weightsPath);
  const idOf = (user: string): string =>
    processes
      .flatMap(({ asked }) => asked.map(({ request }) => request as OpenRequest))
      .findLast(({ source }) => source.weightsPath === user)!.sessionId;
  const watched = async (user: string): Promise<{ session: SynthesisSessionPort; rates: number[] }> => {
    const [session, rates] = [await open(user), [] as number[]];
    session.onRate((rate) => rates.push(Math.round(rate)));
    session.setWatched(true);
    return { session, rates };
  };
  /** A second in which that user's frames took so long. */
  const second = async (user: string, ms: number): Promise<void> => {
    const rows: number[] = [];
    const times = {
      rtpTimestamp: 0,
      capturedMs: 0,
      landmarksSentMs: 0,
      arrivedMs: 0,
      synthesisStartMs: 100,
      synthesisEndMs: 100,
      encodedMs: 100,
    };
    for (let n = 0; n < 20; n++) pushSentFrame(rows, { bytes: 1, keyframe: false, trace: { ...times, sentMs: 100 + ms } });
    const state = { sequence: 0, pictureId: 0, capturedMs: 0, packets: 0, octets: 0 };
    const message: SentMessage = { sessionId: idOf(user), state, keyframeRequests: 0, frames: Float64Array.from(rows) };
    for (const process of processes) process.events.emit('sent', { sessions: [message] });
    await vi.advanceTimersByTimeAsync(1000);
  };

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'hrtime'] });
    [processes, limits] = [[], []];
  });
  afterEach(() => {
    pool.close();
    vi.useRealTimers();
  });

  it('are rendered slower together when frames take longer than was believed, and faster again', async () => {
    await create();
    const both = [await watched('ann'), await watched('bob')];
    expect(both.map(({ rates }) => rates.at(-1))).toEqual([30, 30]);
    await second('ann', 20);
    expect(pool.sharing.costs.get('warp')).toBe(20);
    expect(both.map(({ rates }) => rates.at(-1))).toEqual([20, 20]);
    for (let n = 0; n < 20; n++) await second('bob', 5);
    expect(both.map(({ rates }) => rates.at(-1))).toEqual([30, 30]);
    expect(pool.sharing).toMatchObject({ lowest: 30, median: 30 });
  });

  it('of one user share what one user has, and only those that are watched count', async () => {
    await create();
    const ann = await watched('ann');
    await second('ann', 10); // 80 frames a second in all
    const crowd = await Promise.all(Array.from({ length: 4 }, () => watched('mallory')));
    expect(ann.rates.at(-1)).toBe(30);
    expect(crowd.map(({ rates }) => rates.at(-1))).toEqual([13, 13, 13, 13]);
    for (const { session } of crowd.slice(1)) session.setWatched(false);
    expect(crowd.map(({ rates }) => rates.at(-1))).toEqual([30, 0, 0, 0]);
    crowd[0]!.session.close();
    expect(pool.avatars).toEqual({ rendered: 1, idle: 3 });
  });

  it('that would be shown too slowly are refused, by the share of their user', async () => {
    await create();
    await watched('ann');
    await second('ann', 10);
    const crowd = [];
    for (let n = 0; n < 6; n++) crowd.push(await codeOf(watched('mallory')));
    expect(crowd).toEqual([null, null, null, null, 'server-busy', 'server-busy']);
    expect(limits).toEqual(['minFramesPerSecond', 'minFramesPerSecond']);
    expect(await codeOf(watched('bob'))).toBeNull();
    expect(await codeOf(watched('carl'))).toBeNull();
  });

  it('count for some seconds before anybody watches them, so that a crowd does not come in at once', async () => {
    await create();
    await watched('ann');
    await second('ann', 20); // 40 frames a second in all: three users
    const codes = await Promise.all(['bob', 'carl', 'dora', 'emil'].map((user) => codeOf(open(user))));
    expect(codes).toEqual([null, null, 'server-busy', 'server-busy']);
    await vi.advanceTimersByTimeAsync(11_000);
    expect(await codeOf(open('dora'))).toBeNull();
  });

  it('have a bound in all, for each takes memory', async () => {
    await create({ maxAvatars: 2 });
    expect(await Promise.all(['ann', 'bob', 'carl'].map((user) => codeOf(open(user))))).toEqual([null, null, 'capacity']);
    expect(limits).toEqual(['maxAvatars']);
  });

  it('are placed by what the watched ones take, not by their number', async () => {
    await create({ workers: 2 });
    await watched('ann');
    await open('bob');
    await vi.advanceTimersByTimeAsync(11_000); // nobody came to watch
    await open('carl');
    expect(processes.map(opened)).toEqual([['ann'], ['bob', 'carl']]);
  });

  it('move to another process when theirs is crowded: at once those that nobody watched, others after a while', async () => {
    await create({ workers: 2 });
    const users = ['a', 'b', 'c', 'd', 'e', 'f'];
    const sessions = new Map<string, SynthesisSessionPort>();
    for (const user of users) sessions.set(user, await open(user));
    expect(processes.map(opened)).toEqual([
      ['a', 'c', 'e'],
      ['b', 'd', 'f'],
    ]);
    sessions.get('a')!.setWatched(true);
    await second('a', 20);
    // 600 of a process's 950 ms a second each: two are too many for one process, and the other has nothing to do.
    sessions.get('c')!.setWatched(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(opened(processes[1]!)).toEqual(['b', 'd', 'f', 'c']);
    expect(processes[0]!.sent).toContainEqual({ type: 'close', sessionId: idOf('c') });
    // While its frames flow, an avatar is moved too, but not every second.
    sessions.get('a')!.setWatched(false);
    sessions.get('b')!.setWatched(true);
    const before = processes.flatMap(opened).length;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(processes.flatMap(opened).length).toBe(before + 1);
    expect(pool.processes.map(({ sessions: count }) => count)).toEqual([3, 3]);
  });

  it('of a crowd make way for a call in their process: what moves lands elsewhere', async () => {
    await create({ workers: 2, leastFps: 1 });
    const ann = await watched('ann');
    await second('ann', 44);
    const crowd = [];
    for (let n = 0; n < 8; n++) crowd.push(await open('mallory'));
    for (const session of crowd) session.setWatched(true);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(pool.processes.map(({ sessions }) => sessions)).toEqual([1, 8]);
    // Half of 1600 ms a second, in a process of its own.
    expect(ann.rates.at(-1)).toBe(18);
  });
});
