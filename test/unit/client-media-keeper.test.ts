import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Emitter } from '../../client/src/call/Emitter.ts';
import { MediaKeeper } from '../../client/src/call/MediaKeeper.ts';
import type { MediaKeeperOptions } from '../../client/src/call/MediaKeeper.ts';
import { MediaSession } from '../../client/src/call/MediaSession.ts';
import type { MediaSessionEvents, ReceivedTrack } from '../../client/src/call/MediaSession.ts';
import { Roster } from '../../client/src/call/Roster.ts';
import { AppError } from '../../client/src/protocol/index.ts';
import type { AnswerOf, ParticipantInfo } from '../../client/src/protocol/index.ts';

/** A session that only remembers what it was asked. */
class FakeSession extends Emitter<MediaSessionEvents> {
  readonly openLandmarks = vi.fn<() => Promise<void>>(async () => undefined);
  readonly setMicrophone = vi.fn<(track: MediaStreamTrack | null, muted: boolean) => Promise<void>>(async () => undefined);
  readonly setMuted = vi.fn<(muted: boolean) => void>();
  readonly linkRestored = vi.fn<() => void>();
  readonly handleSentFrames = vi.fn<(participantId: string, count: number) => void>();
  readonly consumed: string[] = [];
  tracks: ReceivedTrack[] = [];
  closed = false;

  async consume(participantId: string, producerId: string): Promise<void> {
    this.consumed.push(`${participantId} ${producerId}`);
  }

  drop(match: { consumerId?: string; producerId?: string }): void {
    for (const track of this.tracks)
      if (track.consumerId === match.consumerId || track.producerId === match.producerId) this.emit('track-ended', track);
    this.tracks = this.tracks.filter((track) => track.consumerId !== match.consumerId && track.producerId !== match.producerId);
  }

  close(): void {
    this.closed = true;
    this.emit('landmarks', { sink: null });
    for (const track of this.tracks.splice(0)) this.emit('track-ended', track);
  }
}

const person = (id: string, ...producers: string[]): ParticipantInfo => ({
  id,
  displayName: id,
  muted: false,
  avatar: null,
  media: producers.map((producerId) => ({ producerId, kind: 'video', source: 'avatar' })),
});

const answer = (resumed = false): AnswerOf<'join'> => ({
  participantId: 'me',
  roomId: 'room',
  resumeKey: 'key',
  resumed,
  graceMs: 1,
  routerRtpCapabilities: {},
  iceServers: [],
  participants: [],
});

describe('MediaKeeper', () => {
  let sessions: FakeSession[];
  let roster: Roster;
  let keeper: MediaKeeper;
  let told: string[];
  let prepare: (session: FakeSession) => void;
  const create = () => vi.spyOn(MediaSession, 'create');
  const microphone = { id: 'microphone' } as unknown as MediaStreamTrack;

  function build(options: Partial<MediaKeeperOptions> = {}): MediaKeeper {
    const made = new MediaKeeper({ request: vi.fn<() => never>() as never, roster, microphone, ...options });
    for (const name of ['error', 'failed'] as const) made.on(name, ({ error }) => told.push(`${name} ${error.code}`));
    return made;
  }

  const give = async (): Promise<MediaSession> => {
    const session = new FakeSession();
    prepare(session);
    sessions.push(session);
    return session as unknown as MediaSession;
  };

  beforeEach(() => {
    vi.useFakeTimers();
    sessions = [];
    told = [];
    prepare = () => undefined;
    create().mockImplementation(give);
    roster = new Roster(() => undefined);
    roster.replace([person('me', 'mine'), person('other', 'theirs')]);
    keeper = build();
  });
  afterEach(() => {
    keeper.close();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  const minutes = (count: number): Promise<unknown> => vi.advanceTimersByTimeAsync(count * 60_000);

  it('opens everything that is wanted', async () => {
    await keeper.enter(answer());
    const [session] = sessions;
    expect(session!.openLandmarks).toHaveBeenCalledTimes(1);
    expect(session!.setMicrophone).toHaveBeenCalledWith(microphone, false);
    expect(session!.consumed).toEqual(['me mine', 'other theirs']);
    expect(told).toEqual([]);
  });

  it('goes on without a voice when the microphone fails, instead of building anew for ever', async () => {
    prepare = (session) => session.setMicrophone.mockRejectedValue(new Error('track ended'));
    await keeper.enter(answer());
    await minutes(5);
    expect(sessions).toHaveLength(1);
    expect(sessions[0]!.consumed).toEqual(['me mine', 'other theirs']);
    expect(told).toEqual(['error internal']);
  });

  it('receives the others although nothing can be sent, and builds anew later', async () => {
    prepare = (session) => {
      if (sessions.length === 0) session.openLandmarks.mockRejectedValue(new AppError('deadline'));
    };
    await keeper.enter(answer());
    expect(sessions[0]!.consumed).toEqual(['me mine', 'other theirs']);
    await minutes(1);
    expect(sessions.map(({ closed }) => closed)).toEqual([true, false]);
    expect(told).toEqual(['error deadline']);
  });

  it('replaces a failed session, with what was asked for last', async () => {
    await keeper.enter(answer());
    keeper.setMuted(true);
    const other = { id: 'other' } as unknown as MediaStreamTrack;
    await keeper.setMicrophone(other);
    sessions[0]!.emit('failed', { error: new AppError('transport-failed') });
    await minutes(1);
    expect(sessions).toHaveLength(2);
    expect(sessions[1]!.setMicrophone.mock.calls).toEqual([[other, true]]);
    await keeper.setMicrophone(null);
    sessions[1]!.emit('failed', { error: new AppError('transport-failed') });
    await minutes(1);
    expect(sessions[2]!.setMicrophone).not.toHaveBeenCalled();
  });

  it('tries TCP alone every second time, and only while it fails', async () => {
    await keeper.enter(answer());
    for (let i = 0; i < 3; i++) {
      sessions.at(-1)!.emit('failed', { error: new AppError('transport-failed') });
      await minutes(1);
    }
    sessions.at(-1)!.emit('connected', {});
    await keeper.enter(answer());
    expect(create().mock.calls.map(([{ forceTcp }]) => forceTcp)).toEqual([false, true, false, true, false]);
  });

  it('keeps a sound session through a lost link and receives what came meanwhile', async () => {
    await keeper.enter(answer());
    sessions[0]!.tracks = [{ consumerId: 'c', producerId: 'theirs', participantId: 'other', kind: 'video', track: {} as MediaStreamTrack }];
    keeper.handleLinkDown();
    roster.replace([person('me', 'mine'), person('third', 'new')]);
    sessions[0]!.consumed.length = 0;
    await keeper.enter(answer(true));
    expect(sessions).toHaveLength(1);
    expect(sessions[0]!.linkRestored).toHaveBeenCalledTimes(1);
    expect(sessions[0]!.consumed).toEqual(['me mine', 'third new']);
    expect(sessions[0]!.tracks).toEqual([]);
  });

  it('builds anew when the place is taken back but the session failed while the link was down', async () => {
    await keeper.enter(answer());
    keeper.handleLinkDown();
    sessions[0]!.emit('failed', { error: new AppError('transport-failed') });
    await minutes(1);
    expect(sessions).toHaveLength(1);
    await keeper.enter(answer(true));
    expect(sessions.map(({ closed }) => closed)).toEqual([true, false]);
  });

  it('builds anew when the place is a new one', async () => {
    await keeper.enter(answer());
    keeper.handleLinkDown();
    await keeper.enter(answer(false));
    expect(sessions.map(({ closed }) => closed)).toEqual([true, false]);
  });

  it('does not mind what becomes of a build that was overtaken', async () => {
    const first = Promise.withResolvers<MediaSession>();
    const second = Promise.withResolvers<MediaSession>();
    create()
      .mockImplementationOnce(() => first.promise)
      .mockImplementationOnce(() => second.promise);
    const overtaken = [keeper.enter(answer()), keeper.enter(answer())];
    await keeper.enter(answer());
    first.reject(new AppError('transport-not-found'));
    second.resolve(await give());
    await Promise.all(overtaken);
    await minutes(1);
    expect(told).toEqual([]);
    expect(sessions.map(({ closed }) => closed)).toEqual([false, true]);
    expect(keeper.session).toBe(sessions[0]);
  });

  it('waits for the link when that is why it failed', async () => {
    create().mockImplementationOnce(async () => {
      keeper.handleLinkDown();
      throw new AppError('server-unreachable');
    });
    await keeper.enter(answer());
    await minutes(1);
    expect([told, sessions.length]).toEqual([[], 0]);
    await keeper.enter(answer(true));
    expect(sessions).toHaveLength(1);
  });

  it('says when trying again would not help', async () => {
    create().mockRejectedValueOnce(new AppError('webrtc-unsupported'));
    await keeper.enter(answer());
    await minutes(1);
    expect([told, sessions.length]).toEqual([['failed webrtc-unsupported'], 0]);
  });

  it('says nothing of media that end while they are about to be received, but of any other failure', async () => {
    const codes = ['producer-not-found', 'consumer-not-found', 'server-unreachable', 'consumer-limit'] as const;
    prepare = (session) => {
      const error = new AppError(codes[sessions.length]!);
      session.consume = () => Promise.reject(error);
    };
    for (let n = 0; n < codes.length; n++) await keeper.enter(answer());
    expect(told).toEqual(['error consumer-limit', 'error consumer-limit']); // the own and the other's picture
  });

  it('never plays the own voice, and the own avatar only where wanted', async () => {
    keeper = build({ receiveOwnAvatar: false });
    roster.replace([
      { ...person('me', 'mine'), media: [{ producerId: 'voice', kind: 'audio', source: 'microphone' }, ...person('me', 'mine').media] },
    ]);
    await keeper.enter(answer());
    expect(sessions[0]!.consumed).toEqual([]);
  });

  const track = (consumerId: string): ReceivedTrack => ({
    consumerId,
    producerId: 'theirs',
    participantId: 'other',
    kind: 'video',
    track: {} as MediaStreamTrack,
  });

  it('replaces a silent session before ICE has noticed, and shows its last picture until the new one is there', async () => {
    const shown: string[] = [];
    const sinks: unknown[] = [];
    keeper.on('track', ({ consumerId }) => shown.push(`+${consumerId}`));
    keeper.on('track-ended', ({ consumerId }) => shown.push(`-${consumerId}`));
    keeper.on('landmarks', ({ sink }) => sinks.push(sink));
    await keeper.enter(answer());
    sessions[0]!.tracks = [track('old')];
    const filling = Promise.withResolvers<void>();
    prepare = (session) => session.openLandmarks.mockImplementation(() => filling.promise);
    sessions[0]!.emit('silent', {});
    await vi.advanceTimersByTimeAsync(0);
    expect(sessions.map(({ closed }) => closed)).toEqual([false, false]);
    expect(keeper.session).toBe(sessions[1]);
    keeper.drop({ consumerId: 'old' }); // the server's side of it goes first
    expect(shown).toEqual([]);
    sessions[1]!.tracks = [track('new')];
    sessions[1]!.emit('track', track('new'));
    expect(shown).toEqual(['-old', '+new']);
    sessions[1]!.emit('landmarks', { sink: 'new' as never });
    filling.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(sessions.map(({ closed }) => closed)).toEqual([true, false]);
    expect([shown, sinks, told]).toEqual([['-old', '+new'], ['new'], []]);
  });

  it('keeps a silent session where no other can be made, and asks again some seconds later', async () => {
    await keeper.enter(answer());
    create().mockRejectedValueOnce(new AppError('deadline'));
    for (let i = 0; i < 10; i++) {
      sessions[0]!.emit('silent', {});
      await vi.advanceTimersByTimeAsync(300);
    }
    expect([sessions[0]!.closed, create().mock.calls.length, told]).toEqual([false, 2, []]);
    await vi.advanceTimersByTimeAsync(3000);
    sessions[0]!.emit('silent', {});
    await vi.advanceTimersByTimeAsync(0);
    expect(sessions.map(({ closed }) => closed)).toEqual([true, false]);
  });

  it('leaves a silent session alone while the server cannot be asked, and one that has failed to its rebuilding', async () => {
    await keeper.enter(answer());
    keeper.handleLinkDown();
    sessions[0]!.emit('silent', {});
    await keeper.enter(answer(true));
    sessions[0]!.emit('failed', { error: new AppError('transport-failed') });
    sessions[0]!.emit('silent', {});
    await vi.advanceTimersByTimeAsync(0);
    expect(sessions).toHaveLength(1);
    await minutes(1);
    expect(sessions.map(({ closed }) => closed)).toEqual([true, false]);
  });

  it('does not listen to a session that was replaced, and drops what failed while its successor was made', async () => {
    await keeper.enter(answer());
    sessions[0]!.emit('silent', {});
    sessions[0]!.emit('failed', { error: new AppError('transport-failed') });
    await minutes(1);
    expect(sessions.map(({ closed }) => closed)).toEqual([true, false]);
    sessions[0]!.emit('failed', { error: new AppError('transport-failed') });
    sessions[0]!.emit('silent', {});
    await minutes(1);
    expect(sessions).toHaveLength(2);
  });

  it('hands on what the server says of sent frames', async () => {
    await keeper.enter(answer());
    keeper.handleSentFrames('other', 3);
    expect(sessions[0]!.handleSentFrames.mock.calls).toEqual([['other', 3]]);
  });

  it('builds nothing after close', async () => {
    await keeper.enter(answer());
    sessions[0]!.emit('failed', { error: new AppError('transport-failed') });
    keeper.close();
    await minutes(1);
    expect(sessions.map(({ closed }) => closed)).toEqual([true]);
  });
});
