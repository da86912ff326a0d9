import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '../../client/src/protocol/index.ts';
import { createLog } from '../../server/base/log.ts';
import type { RtpOutput } from '../../server/call/ports.ts';
import type { AvatarSource, OpenRequest, SentMessage } from '../../server/synthesis/process/messages.ts';
import { pushSentFrame } from '../../server/synthesis/process/sent-frames.ts';
import { SynthesisPool, type SynthesisPoolOptions } from '../../server/synthesis/process/SynthesisPool.ts';
import { FakeProcess } from '../support/FakeProcess.ts';
import { codeOf } from '../support/outcome.ts';

const silent = createLog({ logLevel: 'info' }, { write: () => undefined });
const output: RtpOutput = { ip: '127.0.0.1', port: 9, sourcePort: 0, ssrc: 1, payloadType: 101, extensions: [] };
const alice = { avatarId: 'alice', model: 'warp', output, user: 'alice' };
const bob = { avatarId: 'bob', model: 'warp', user: 'bob' };
const sourceOf = async (avatarId: string, model: string): Promise<AvatarSource> => ({ weightsPath: avatarId, model });
const noTimes = {
  rtpTimestamp: 0,
  capturedMs: 0,
  landmarksSentMs: 0,
  arrivedMs: 0,
  synthesisStartMs: 0,
  synthesisEndMs: 0,
  encodedMs: 0,
  sentMs: 0,
};
/** A report of one frame, known again by its size. */
const sent = (sessionId: string, bytes: number, state: Partial<SentMessage['state']> = {}): { sessions: SentMessage[] } => {
  const rows: number[] = [];
  pushSentFrame(rows, { bytes, keyframe: true, trace: noTimes });
  const at = { sequence: 0, pictureId: 0, capturedMs: 0, packets: 0, octets: 0, ...state };
  return { sessions: [{ sessionId, state: at, keyframeRequests: 0, frames: Float64Array.from(rows) }] };
};

describe('SynthesisPool', () => {
  let processes: FakeProcess[];
  let pool: SynthesisPool;
  let dropped: Record<string, number>;

  const create = async (options: Partial<SynthesisPoolOptions> = {}): Promise<SynthesisPool> => {
    pool = await SynthesisPool.create({
      workers: 1,
      maxAvatars: 2,
      capacity: { cores: 1, share: 1, fps: 30, leastFps: 1 },
      deadlineMs: 100,
      cacheDir: '',
      video: { codec: 'vp8', fps: 30, bitrateBps: 1 },
      log: silent,
      resolve: sourceOf,
      onPacketsDropped: (outcome, count) => (dropped[outcome] = (dropped[outcome] ?? 0) + count),
      spawn: async () => {
        const process = new FakeProcess();
        processes.push(process);
        return process;
      },
      ...options,
    });
    return pool;
  };
  const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
  const opened = (process: FakeProcess): OpenRequest[] =>
    process.asked.filter(({ name }) => name === 'open').map(({ request }) => request as OpenRequest);
  const idOf = (process: FakeProcess): string => opened(process).at(-1)!.sessionId;
  /** Opens one avatar, and gathers what of it is shown. */
  const openOne = async () => {
    const session = await pool.open(alice);
    const shown: number[] = [];
    session.onSent(({ frames }) => shown.push(...frames.map(({ bytes }) => bytes)));
    return { session, shown, id: idOf(processes[0]!) };
  };

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] });
    [processes, dropped] = [[], {}];
  });
  afterEach(() => {
    pool.close();
    vi.useRealTimers();
  });

  it('counts avatars that are still being looked up: never more than allowed', async () => {
    await create();
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => pool.open(alice)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected']);
    expect(results[4]).toMatchObject({ reason: { code: 'capacity' } });
    expect(opened(processes[0]!)).toHaveLength(2);
  });

  it('a look-up that fails takes no place for ever', async () => {
    let missing = true;
    await create({
      resolve: async (avatarId, model) => (missing ? Promise.reject(new AppError('avatar-not-found')) : sourceOf(avatarId, model)),
    });
    for (let n = 0; n < 3; n++) await expect(pool.open(alice)).rejects.toMatchObject({ code: 'avatar-not-found' });
    missing = false;
    await expect(pool.open(alice)).resolves.toBeDefined();
  });

  it('opens nothing once it is closed, not even what was asked for before', async () => {
    const lookUp = Promise.withResolvers<AvatarSource>();
    await create({ resolve: () => lookUp.promise });
    const early = codeOf(pool.open(alice));
    pool.close();
    lookUp.resolve({ weightsPath: 'alice', model: 'warp' });
    expect(await early).toBe('shutting-down');
    await expect(pool.open(alice)).rejects.toMatchObject({ code: 'shutting-down' });
    expect(opened(processes[0]!)).toEqual([]);
  });

  it('ends what it has started when one of its processes does not start', async () => {
    await create();
    let n = 0;
    const starting = create({
      workers: 2,
      spawn: async () => {
        if (n++ === 1) throw new AppError('synthesis-failed');
        processes.push(new FakeProcess());
        return processes.at(-1)!;
      },
    });
    await expect(starting).rejects.toMatchObject({ code: 'synthesis-failed' });
    expect(processes.at(-1)!.alive).toBe(false);
  });

  it('tells a process to forget an opening that came too late, and shows nothing of it', async () => {
    await create({ workers: 2 });
    const [first] = processes as [FakeProcess, FakeProcess];
    const { shown, id, session } = await openOne();
    const other = processes[1]!;
    other.answering = false;
    first.die();
    await settle();
    other.calls[0]!.reject(new AppError('deadline'));
    await settle();
    expect(other.sent).toContainEqual({ type: 'close', sessionId: id });
    other.events.emit('sent', sent(id, 1));
    expect(shown).toEqual([]);
    session.close();
  });

  it('goes on in a third process when the second dies while it opens', async () => {
    await create({ workers: 2 });
    const { shown, id } = await openOne();
    const [first, second] = processes as [FakeProcess, FakeProcess];
    second.answering = false;
    first.die();
    await settle();
    expect(opened(second)).toHaveLength(1);
    second.die();
    await vi.advanceTimersByTimeAsync(1000);
    const third = processes.slice(2).find((process) => opened(process).length > 0)!;
    third.events.emit('sent', sent(id, 7));
    expect(shown).toEqual([7]);
  });

  it('an opening that fails is tried again after a pause that doubles, until it succeeds', async () => {
    await create({ workers: 2 });
    const { shown, id } = await openOne();
    const other = processes[1]!;
    other.answering = false;
    processes[0]!.die();
    await settle();
    processes[2]!.alive = false; // the replacement takes no part
    const attempts: number[] = [];
    for (let ms = 0; ms < 4000; ms += 50) {
      if (other.calls.length > 0) {
        attempts.push(ms);
        other.calls.pop()!.reject(new AppError('deadline'));
      }
      await vi.advanceTimersByTimeAsync(50);
    }
    expect(attempts).toHaveLength(5);
    const pauses = attempts.slice(1).map((ms, i) => ms - attempts[i]!);
    for (let i = 1; i < pauses.length; i++) expect(pauses[i]! / pauses[i - 1]!).toBeCloseTo(2, 0);
    other.answering = true;
    await vi.advanceTimersByTimeAsync(9000);
    other.events.emit('sent', sent(id, 2));
    expect(shown).toEqual([2]);
    const count = other.asked.length;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(other.asked).toHaveLength(count);
  });

  it('hears of frames only from the process that shows the avatar', async () => {
    await create({ workers: 2 });
    const { shown, id } = await openOne();
    processes[1]!.events.emit('sent', sent(id, 1));
    processes[0]!.events.emit('sent', sent(id, 2));
    expect(shown).toEqual([2]);
  });

  it('a switch while the avatar is being reopened comes after it: the last person asked for is shown', async () => {
    await create({ workers: 2 });
    const { session } = await openOne();
    const other = processes[1]!;
    other.answering = false;
    processes[0]!.die();
    await settle();
    expect(opened(other)[0]!.source.weightsPath).toBe('alice');
    const switched = session.switchAvatar(bob);
    await settle();
    other.calls.shift()!.resolve({ size: 64 });
    await settle();
    expect(other.calls).toMatchObject([{ name: 'switch', request: { source: { weightsPath: 'bob' } } }]);
    other.calls.shift()!.resolve();
    await switched;
    // … and stays after another crash.
    processes[2]!.answering = true;
    other.die();
    await settle();
    expect(opened(processes[2]!).at(-1)!.source.weightsPath).toBe('bob');
  });

  it('a switch with an unknown end is undone: the avatar is opened anew as it was', async () => {
    await create();
    const { session, id } = await openOne();
    const [process] = processes as [FakeProcess];
    process.answering = false;
    const switched = codeOf(session.switchAvatar(bob));
    await settle();
    process.answering = true;
    process.calls.shift()!.reject(new AppError('deadline'));
    expect(await switched).toBe('deadline');
    await settle();
    expect(process.sent).toContainEqual({ type: 'close', sessionId: id });
    expect(opened(process).map(({ source }) => source.weightsPath)).toEqual(['alice', 'alice']);
  });

  it('hands what was learned of the driver to the next process, and forgets it when asked to learn anew', async () => {
    await create();
    const { session, id } = await openOne();
    const neutral = new Float32Array([1, 2, 3]);
    expect(opened(processes[0]!)[0]!.driverNeutral).toBeNull();
    processes[0]!.events.emit('neutral', { sessionId: id, neutral });
    processes[0]!.die();
    await settle();
    expect(opened(processes[1]!)[0]!.driverNeutral).toEqual(neutral);
    session.recalibrate();
    processes[1]!.die();
    await vi.advanceTimersByTimeAsync(250); // the second end within seconds: the next process waits a little
    expect(opened(processes[2]!)[0]!.driverNeutral).toBeNull();
  });

  it('closes an avatar whose frames fail three times within a minute, and leaves its neighbour alone', async () => {
    await create();
    const { session, id } = await openOne();
    await pool.open({ ...bob, output });
    const failures: string[] = [];
    session.onFailed(({ code }) => failures.push(code));
    for (let n = 1; n <= 2; n++) {
      processes[0]!.events.emit('fault', { sessionId: id });
      await vi.advanceTimersByTimeAsync(300);
      expect(opened(processes[0]!).filter(({ sessionId }) => sessionId === id)).toHaveLength(n + 1);
    }
    expect(failures).toEqual([]);
    processes[0]!.events.emit('fault', { sessionId: id });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(failures).toEqual(['synthesis-failed']);
    expect(opened(processes[0]!).filter(({ sessionId }) => sessionId === id)).toHaveLength(3);
    expect(pool.processes).toMatchObject([{ sessions: 1 }]);
  });

  it('forgives an avatar whose frames fail once in a while', async () => {
    await create();
    const { session, id } = await openOne();
    const failures: string[] = [];
    session.onFailed(({ code }) => failures.push(code));
    for (let n = 0; n < 5; n++) {
      processes[0]!.events.emit('fault', { sessionId: id });
      await vi.advanceTimersByTimeAsync(70_000);
    }
    expect(failures).toEqual([]);
  });

  it('starts processes that end one after the other at growing intervals', async () => {
    await create();
    const starts: number[] = [];
    for (let ms = 0; ms < 3000; ms += 10) {
      if (processes.at(-1)!.alive) {
        starts.push(ms);
        processes.at(-1)!.die();
      }
      await vi.advanceTimersByTimeAsync(10);
    }
    const pauses = starts.slice(2).map((ms, i) => ms - starts[i + 1]!);
    expect(pauses.length).toBeGreaterThanOrEqual(3);
    for (let i = 1; i < pauses.length; i++) expect(pauses[i]! / pauses[i - 1]!).toBeGreaterThan(1.8);
  });

  it('has the next process continue the RTP stream behind all that the one before may have sent', async () => {
    await create();
    const { id } = await openOne();
    expect(opened(processes[0]!)[0]).toMatchObject({ output, resume: null });
    processes[0]!.events.emit('sent', sent(id, 1, { sequence: 65_530, pictureId: 32_760, capturedMs: 7, packets: 3, octets: 4 }));
    processes[0]!.die();
    await settle();
    const { resume } = opened(processes[1]!)[0]!;
    expect(resume).toMatchObject({ capturedMs: 7, packets: 3, octets: 4 });
    expect((resume!.sequence - 65_530) & 0xffff).toBe(64);
    expect((resume!.pictureId - 32_760) & 0x7fff).toBe(16);
  });

  it('counts the packets that drive nothing: by the process’s word, too close together, without a process', async () => {
    await create();
    const { session } = await openOne();
    session.setWatched(true);
    processes[0]!.events.emit('packets', { malformed: 2, superseded: 3 });
    expect(dropped).toEqual({ invalid: 2, superseded: 3 });
    for (let n = 0; n < 4; n++) session.push(new Uint8Array([n]), 0);
    await vi.advanceTimersByTimeAsync(20);
    expect(dropped).toEqual({ invalid: 2, superseded: 5 });
    expect(processes[0]!.sent.filter(({ type }) => type === 'landmarks')).toHaveLength(2);
    processes[0]!.die();
    session.push(new Uint8Array([9]), 0);
    expect(dropped).toEqual({ invalid: 2, superseded: 5, unclaimed: 1 });
  });

  it('has nothing rendered that nobody watches, not even in the process that takes over', async () => {
    await create();
    const { session, id } = await openOne();
    const paces = (process: FakeProcess) => process.sent.filter(({ type }) => type === 'pace');
    expect(opened(processes[0]!)[0]!.pace).toBe(0);
    session.setWatched(true);
    session.setWatched(true);
    expect(paces(processes[0]!)).toEqual([{ type: 'pace', sessionId: id, framesPerSecond: 30 }]);
    processes[0]!.die();
    await settle();
    expect(opened(processes[1]!)[0]!.pace).toBe(30);
    session.setWatched(false);
    expect(paces(processes[1]!)).toEqual([{ type: 'pace', sessionId: id, framesPerSecond: 0 }]);
    processes[1]!.die();
    await vi.advanceTimersByTimeAsync(250);
    expect(opened(processes[2]!)[0]!.pace).toBe(0);
  });

  it('sends frames twice as long as it is told to, also from the process that takes over', async () => {
    await create();
    const { session, id } = await openOne();
    expect(opened(processes[0]!)[0]!.repeats).toBe(false);
    session.setRepeats(true);
    expect(processes[0]!.sent.at(-1)).toEqual({ type: 'repeats', sessionId: id, on: true });
    processes[0]!.die();
    await settle();
    expect(opened(processes[1]!)[0]!.repeats).toBe(true);
  });

  it('tells a process of a viewer who came while it opened the avatar', async () => {
    await create();
    const { session, id } = await openOne();
    processes[0]!.die();
    await settle();
    const [, second] = processes as [FakeProcess, FakeProcess];
    second.answering = false;
    second.die();
    await vi.advanceTimersByTimeAsync(250);
    const third = processes[2]!;
    session.setWatched(true);
    expect(third.sent.filter(({ type }) => type === 'pace')).toEqual([{ type: 'pace', sessionId: id, framesPerSecond: 30 }]);
  });

  it('sends little of what drives an avatar that nobody watches, and the newest as soon as somebody does', async () => {
    await create();
    const { session } = await openOne();
    const signs = () =>
      processes[0]!.sent.flatMap((message) => (message.type === 'landmarks' ? message.packets.map(({ packet }) => packet[0]) : []));
    for (let n = 0; n < 28; n++) {
      session.push(new Uint8Array([n]), 0);
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(signs().length).toBeLessThanOrEqual(6);
    expect(signs().at(-1)).not.toBe(27);
    session.setWatched(true);
    expect(processes[0]!.sent.slice(-2).map(({ type }) => type)).toEqual(['landmarks', 'pace']);
    expect(signs().at(-1)).toBe(27);
  });
});
