/** The process's side of the pool: what comes late is not started, what is dropped is counted. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { serverNow } from '../../server/base/clock.ts';
import { LiveSessions } from '../../server/synthesis/process/LiveSessions.ts';
import type { FromWorker, OpenRequest } from '../../server/synthesis/process/messages.ts';
import { sentFrames } from '../../server/synthesis/process/sent-frames.ts';
import type { EnrolledAvatar } from '../../server/synthesis/model/types.ts';
import { avatarOf, FakeEncoder, FakeRenderer } from '../support/fake-renderer.ts';
import { codeOf } from '../support/outcome.ts';

describe('LiveSessions', () => {
  let sent: FromWorker[];
  let renderers: { renderer: FakeRenderer; driverNeutral: Float32Array | null }[];
  let encoders: FakeEncoder[];
  let loads: PromiseWithResolvers<EnrolledAvatar>[];
  let sessions: LiveSessions;

  const request = (driverNeutral: Float32Array | null = null): OpenRequest => ({
    sessionId: 's',
    source: { weightsPath: '', model: 'warp' },
    video: { codec: 'vp8', fps: 30, bitrateBps: 1 },
    pace: 30,
    driverNeutral,
    expressiveness: 1,
    resume: null,
    repeats: false,
    output: { ip: '127.0.0.1', port: 9, sourcePort: 0, ssrc: 1, payloadType: 101, extensions: [] },
  });
  const framesOf = (): number => sessions.takeSent().reduce((sum, { frames }) => sum + sentFrames(frames).length, 0);

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] });
    [sent, renderers, encoders, loads] = [[], [], [], []];
    sessions = new LiveSessions({
      loadAvatar: () => {
        loads.push(Promise.withResolvers());
        return loads.at(-1)!.promise;
      },
      openRenderer: async ({ size }, driverNeutral) => {
        renderers.push({ renderer: new FakeRenderer(size), driverNeutral });
        return renderers.at(-1)!.renderer;
      },
      createEncoder: ({ width }) => {
        encoders.push(new FakeEncoder(width));
        return encoders.at(-1)!;
      },
      send: (message) => sent.push(message),
    });
  });
  afterEach(() => {
    sessions.close('s');
    vi.useRealTimers();
  });

  it('opens with what was learned of the driver, and sends frames', async () => {
    const opening = sessions.open(request(new Float32Array([1, 2])));
    loads[0]!.resolve(avatarOf('warp', 64));
    await expect(opening).resolves.toEqual({ size: 64 });
    expect(renderers[0]!.driverNeutral).toEqual(new Float32Array([1, 2]));
    await vi.advanceTimersByTimeAsync(100);
    expect(framesOf()).toBeGreaterThan(1);
  });

  it('does not start what was closed while it opened', async () => {
    const opening = codeOf(sessions.open(request()));
    sessions.close('s');
    loads[0]!.resolve(avatarOf('warp', 64));
    expect(await opening).toBe('closed');
    await vi.advanceTimersByTimeAsync(200);
    expect(framesOf()).toBe(0);
    expect(sessions.get('s')).toBeUndefined();
    expect(renderers[0]!.renderer.closed).toBe(true);
  });

  it('of two openings of one session the later counts, whichever is ready first', async () => {
    const first = codeOf(sessions.open(request()));
    const second = sessions.open(request());
    loads[1]!.resolve(avatarOf('warp', 128));
    await expect(second).resolves.toEqual({ size: 128 });
    loads[0]!.resolve(avatarOf('warp', 64));
    expect(await first).toBe('closed');
    await vi.advanceTimersByTimeAsync(100);
    expect(encoders.map(({ width }) => width)).toEqual([128]);
    expect(framesOf()).toBeGreaterThan(1);
  });

  it('a session that was closed while its switch loaded stays closed', async () => {
    const opening = sessions.open(request());
    loads[0]!.resolve(avatarOf('warp', 64));
    await opening;
    const switched = codeOf(sessions.switchAvatar(request()));
    sessions.close('s');
    loads[1]!.resolve(avatarOf('warp', 64));
    expect(await switched).toBe('closed');
    await expect(sessions.switchAvatar(request())).rejects.toMatchObject({ code: 'synthesis-failed' });
  });

  it('counts dropped packets once, also those of sessions that have ended', async () => {
    const opening = sessions.open(request());
    loads[0]!.resolve(avatarOf('warp', 64));
    await opening;
    for (let n = 0; n < 3; n++) sessions.get('s')!.push(new Uint8Array(3), serverNow());
    await vi.advanceTimersByTimeAsync(100);
    sessions.close('s');
    const counts = sessions.takePacketCounts();
    expect(counts.malformed).toBeGreaterThan(0);
    expect(counts.malformed + counts.superseded).toBe(3);
    expect(sessions.takePacketCounts()).toEqual({ malformed: 0, superseded: 0 });
  });

  it('a session that fails is closed and reported; its neighbours go on', async () => {
    const opening = sessions.open(request());
    loads[0]!.resolve(avatarOf('warp', 64));
    await opening;
    const other = sessions.open({ ...request(), sessionId: 'other' });
    loads[1]!.resolve(avatarOf('warp', 64));
    await other;
    encoders[0]!.failure = new Error('no more bits');
    await vi.advanceTimersByTimeAsync(50);
    expect(sent.find(({ type }) => type === 'fault')).toMatchObject({ sessionId: 's', message: expect.stringContaining('no more bits') });
    expect(sessions.get('s')).toBeUndefined();
    const before = renderers[1]!.renderer.inputs.length;
    await vi.advanceTimersByTimeAsync(200);
    expect(renderers[1]!.renderer.inputs.length).toBeGreaterThan(before + 2);
    sessions.close('other');
  });
});
