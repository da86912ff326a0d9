/** A call against a scripted server over real sockets on loopback; media are left out. */
import { createServer } from 'node:http';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import type { Socket } from 'socket.io';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Call } from '../../client/src/call/Call.ts';
import type { CallOptions } from '../../client/src/call/call-types.ts';
import { MediaSession } from '../../client/src/call/MediaSession.ts';
import { AppError } from '../../client/src/protocol/index.ts';
import type { AnswerOf, RequestName, RequestOf } from '../../client/src/protocol/index.ts';
import { eventually } from '../support/wait.ts';

type Answer = object | AppError | null;

const other = { id: 'other', displayName: 'Other', muted: false, avatar: null, media: [] };
const admission = (change: Partial<AnswerOf<'join'>> = {}): AnswerOf<'join'> => ({
  participantId: 'me',
  roomId: 'room',
  resumeKey: 'key',
  resumed: false,
  graceMs: 1000,
  routerRtpCapabilities: {},
  iceServers: [],
  participants: [{ ...other, id: 'me' }, other],
  ...change,
});

describe('Call', () => {
  let http: HttpServer;
  let io: Server;
  let call: Call | undefined;
  let consumed: string[];
  let requests: { name: string; request: unknown }[];
  /** What the server says to each request; null: nothing, the answer is lost. */
  let answers: Partial<Record<RequestName, (socket: Socket, request: never) => Answer>>;

  beforeEach(async () => {
    vi.stubGlobal('RTCPeerConnection', class {});
    consumed = [];
    requests = [];
    vi.spyOn(MediaSession, 'create').mockImplementation(async () => mediaSession());
    answers = {
      join: (socket) => admission({ resumed: socket.handshake.auth['resume'] === 'key' }),
      'sync-clock': () => ({ serverTimeMs: 1 }),
    };
    http = createServer();
    io = new Server(http);
    io.on('connection', (socket) =>
      socket.onAny((name: RequestName, request: unknown, ack: (result: unknown) => void) => {
        requests.push({ name, request });
        const answer = answers[name] ? answers[name](socket, request as never) : {};
        if (answer) ack(answer instanceof AppError ? { ok: false, error: answer.toWire() } : { ok: true, data: answer });
      }),
    );
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    await call?.leave();
    call = undefined;
    await io.close();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  function mediaSession(): MediaSession {
    const parts: Partial<MediaSession> = {
      on: () => () => undefined,
      tracks: [],
      closed: false,
      openLandmarks: async () => undefined,
      setMicrophone: async () => undefined,
      setMuted: () => undefined,
      linkRestored: () => undefined,
      drop: () => undefined,
      close: () => undefined,
      consume: async (_participantId, producerId) => void consumed.push(producerId),
    };
    return parts as MediaSession;
  }

  const join = async (options: Partial<CallOptions> = {}): Promise<Call> => {
    const { port } = http.address() as AddressInfo;
    call = await Call.join({
      url: `http://127.0.0.1:${port}`,
      token: 'token',
      displayName: 'Me',
      requestTimeoutMs: 300,
      ...options,
    });
    return call;
  };

  const asked = (name: RequestName): unknown[] => requests.filter((one) => one.name === name).map(({ request }) => request);

  it('receives what is published while the clocks are compared', async () => {
    let first = true;
    answers['sync-clock'] = (socket) => {
      if (first) socket.emit('media-published', { participantId: 'other', producerId: 'late', kind: 'video', source: 'avatar' });
      first = false;
      return { serverTimeMs: 1 };
    };
    await join();
    await eventually('the late one is received', () => consumed.includes('late'));
    expect(call!.participants.find(({ id }) => id === 'other')?.media.map(({ producerId }) => producerId)).toEqual(['late']);
  });

  it('receives what is published before its join is answered, and together with the answer', async () => {
    const publish = (socket: Socket, producerId: string): boolean =>
      socket.emit('media-published', { participantId: 'other', producerId, kind: 'audio', source: 'microphone' });
    answers.join = (socket) => {
      publish(socket, 'before');
      queueMicrotask(() => publish(socket, 'beside')); // in the same piece of the stream as the answer
      return admission();
    };
    await join();
    await eventually('both are received', () => consumed.includes('before') && consumed.includes('beside'));
    expect(call!.participants.find(({ id }) => id === 'other')?.media.map(({ producerId }) => producerId)).toEqual(['before', 'beside']);
  });

  it('tells the server of being muted before it sends any sound', async () => {
    vi.mocked(MediaSession.create).mockImplementation(async ({ request }) => {
      await request('restart-ice', { transportId: 'any' });
      return mediaSession();
    });
    answers['restart-ice'] = () => ({ iceParameters: {} });
    await join({ muted: true });
    await eventually('media are asked for', () => asked('restart-ice').length > 0);
    expect(requests.map(({ name }) => name)).toEqual(['join', 'sync-clock', 'set-muted', 'restart-ice']);
  });

  it('takes its place back although the answer to the first attempt was lost', async () => {
    await join();
    const joinedSockets = new Set<string>();
    answers.join = (socket) => {
      if (joinedSockets.has(socket.id)) return new AppError('already-joined');
      joinedSockets.add(socket.id);
      return joinedSockets.size === 1 ? null : admission({ resumed: socket.handshake.auth['resume'] === 'key' });
    };
    const ends: unknown[] = [];
    const errors: string[] = [];
    call!.on('closed', ({ error }) => ends.push(error));
    call!.on('error', ({ error }) => errors.push(error.code));
    const rejoined = call!.once('rejoined');
    io.disconnectSockets(true);
    await eventually('back in the room, or thrown out', () => joinedSockets.size > 1 || ends.length > 0);
    expect(ends).toEqual([]);
    expect(await rejoined).toEqual({ participantId: 'me', resumed: true });
    expect([call!.state, errors]).toEqual(['connected', ['deadline']]);
    expect(vi.mocked(MediaSession.create)).toHaveBeenCalledTimes(1);
  });

  it('stays in the call without a picture when the avatar was deleted meanwhile', async () => {
    await join({ avatarId: 'gone' });
    answers.join = (_socket, request: RequestOf<'join'>) => (request.avatarId ? new AppError('avatar-not-found') : admission());
    const rejoined = call!.once('rejoined');
    io.disconnectSockets(true);
    await rejoined;
    expect(call!.avatarId).toBeNull();
  });

  it('does not enter again with an avatar that the server closed', async () => {
    await join({ avatarId: 'poison' });
    const failed = call!.once('avatar-failed');
    io.emit('avatar-failed', { code: 'synthesis-failed', message: 'The avatar cannot be rendered' });
    expect((await failed).error).toMatchObject({ code: 'synthesis-failed', message: expect.stringContaining('cannot be rendered') });
    const rejoined = call!.once('rejoined');
    io.disconnectSockets(true);
    await rejoined;
    expect(asked('join').at(-1)).toEqual({ displayName: 'Me' });
  });

  it('asks for stage times when it enters, once it was asked to', async () => {
    await join({ frameTraces: true });
    await call!.setFrameTraces(false);
    const rejoined = call!.once('rejoined');
    io.disconnectSockets(true);
    await rejoined;
    expect(asked('join')).toEqual([
      { displayName: 'Me', frameTraces: true },
      { displayName: 'Me', frameTraces: false },
    ]);
    expect(asked('set-frame-traces')).toEqual([{ enabled: false }]);
  });

  it('ends with the reason when the room refuses, at the first entry and later', async () => {
    answers.join = () => new AppError('room-full');
    await expect(join()).rejects.toMatchObject({ code: 'room-full' });
    answers.join = () => admission();
    await join();
    answers.join = () => new AppError('forbidden');
    const closed = call!.once('closed');
    io.disconnectSockets(true);
    expect((await closed).error?.code).toBe('forbidden');
  });

  it('enters anew with what was chosen last', async () => {
    answers['set-avatar'] = () => ({ avatar: null });
    await join({ avatarId: 'first', model: 'warp' });
    await call!.setAvatar('second');
    await call!.setMuted(true);
    const rejoined = call!.once('rejoined');
    io.disconnectSockets(true);
    await rejoined;
    await eventually('the server knows', () => asked('set-muted').length === 2);
    expect(asked('join')).toEqual([
      { displayName: 'Me', avatarId: 'first', model: 'warp' },
      { displayName: 'Me', avatarId: 'second', model: 'warp' },
    ]);
    expect(asked('set-muted').at(-1)).toEqual({ muted: true });
  });

  describe('in a page', () => {
    let page: EventTarget;
    beforeEach(() => {
      page = new EventTarget();
      vi.stubGlobal('document', {});
      vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
      vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
    });
    const happens = (name: string, persisted: boolean): boolean => page.dispatchEvent(Object.assign(new Event(name), { persisted }));

    it('leaves when the page goes, in the order of leaving and closing, and is back when the browser shows the page again', async () => {
      const gone = new Promise<string[]>((resolve) => {
        io.on('connection', (socket) => socket.on('disconnect', () => resolve(requests.map(({ name }) => name))));
      });
      await join({ avatarId: 'a' });
      happens('pagehide', true);
      expect((await gone).at(-1)).toBe('leave');
      expect(call!.state).toBe('reconnecting');
      answers.join = () => admission({ participantId: 'new me' });
      const back = call!.once('rejoined');
      happens('pageshow', true);
      expect(await back).toEqual({ participantId: 'new me', resumed: false });
      expect(asked('join').at(-1)).toEqual({ displayName: 'Me', avatarId: 'a' });
    });

    it('does nothing at the first show of a page, nor after the call', async () => {
      await join();
      happens('pageshow', false);
      expect(call!.state).toBe('connected');
      await call!.leave();
      happens('pagehide', false);
      happens('pageshow', true);
      expect(asked('leave')).toHaveLength(1);
    });
  });
});
