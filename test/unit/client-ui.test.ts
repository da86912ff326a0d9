/** Call and tracker as views, in front of the fake server. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Gioconda } from '../../client/src/Gioconda.ts';
import { FakeServer } from '../../client/src/testing/index.ts';
import { CallStore } from '../../client/src/ui/CallStore.ts';
import { TrackerStore } from '../../client/src/ui/TrackerStore.ts';
import { eventually } from '../support/wait.ts';

describe('CallStore', () => {
  let server: FakeServer;
  let store: CallStore;
  beforeEach(async () => {
    server = new FakeServer({ avatars: [{ id: 'lisa' }] });
    store = new CallStore(await server.connect());
  });
  afterEach(() => store.leave());

  const join = (avatarId?: string) => store.join({ displayName: 'Ana', roomId: 'studio', ...(avatarId && { avatarId }) });

  it('shows the room as it changes, with a new object for each change and the same one between', async () => {
    const seen: string[] = [];
    store.subscribe(() => seen.push(store.view.state));
    await join('lisa');
    expect(store.view).toMatchObject({ state: 'connected', avatarId: 'lisa', muted: false, error: null });
    const before = store.view;
    expect(store.view).toBe(before);
    const ben = server.enter('studio', { displayName: 'Ben', avatar: true });
    ben.setDriveState('tracking');
    await eventually('both pictures', () => store.view.participants.every(({ hasPicture }) => hasPicture));
    expect(store.view).not.toBe(before);
    expect(store.view.participants.map(({ displayName, you, driveState }) => [displayName, you, driveState])).toEqual([
      ['Ana', true, undefined],
      ['Ben', false, 'tracking'],
    ]);
    ben.leave();
    expect(store.view.participants.map(({ displayName }) => displayName)).toEqual(['Ana']);
    expect(seen.slice(0, 2)).toEqual(['connecting', 'connected']);
  });

  it('mutes, changes the avatar, and leaves', async () => {
    await expect(store.setMuted(true)).rejects.toMatchObject({ code: 'not-joined' });
    await join();
    await store.setMuted(true);
    await store.setAvatar('lisa');
    expect(store.view).toMatchObject({ muted: true, avatarId: 'lisa' });
    await store.leave();
    expect([store.view.state, store.view.call, server.participants('studio').length]).toEqual(['idle', null, 0]);
  });

  it('tells why joining failed and why the call ended', async () => {
    server.refuseNext('join', 'room-full');
    await expect(join()).rejects.toMatchObject({ code: 'room-full' });
    expect(store.view).toMatchObject({ state: 'idle', error: { code: 'room-full' } });
    await join();
    expect(store.view.error).toBeNull();
    server.endCalls('room-closed');
    expect(store.view).toMatchObject({ state: 'closed', call: null, error: { code: 'room-closed' } });
  });

  it('gives joining up when it is left meanwhile, and joins once when asked twice', async () => {
    const given = join();
    await store.leave();
    await expect(given).rejects.toMatchObject({ code: 'aborted' });
    expect(store.view).toMatchObject({ state: 'idle', error: null });
    const [first, second] = [join().catch((error: { code: string }) => error.code), join()];
    await second;
    expect([await first, store.view.state, server.participants('studio').length]).toEqual(['aborted', 'connected', 1]);
  });
});

describe('TrackerStore', () => {
  let server: FakeServer;
  let gioconda: Gioconda;
  let store: TrackerStore;
  let opened: { stopped: boolean }[];
  let deny: boolean;

  beforeEach(async () => {
    [opened, deny] = [[], false];
    const track = () => {
      const state = { stopped: false };
      opened.push(state);
      return Object.assign(new EventTarget(), {
        readyState: 'live',
        stop: () => (state.stopped = true),
        clone: track,
        getSettings: () => ({}),
      });
    };
    const getUserMedia = async () => {
      if (deny) throw Object.assign(new Error('no'), { name: 'NotAllowedError' });
      const one = track();
      return { getVideoTracks: () => [one], getTracks: () => [one] };
    };
    Object.defineProperty(navigator, 'mediaDevices', { configurable: true, value: Object.assign(new EventTarget(), { getUserMedia }) });
    Object.assign(globalThis, {
      MediaStreamTrackProcessor: class {
        readonly readable = new ReadableStream();
      },
    });
    server = new FakeServer({ avatars: [{ id: 'lisa' }] });
    gioconda = await server.connect();
    store = new TrackerStore(gioconda);
  });
  afterEach(() => {
    store.stop();
    Reflect.deleteProperty(navigator, 'mediaDevices');
    Reflect.deleteProperty(globalThis, 'MediaStreamTrackProcessor');
  });

  it('drives the call that it was given before it was on, and says whether it sees a face', async () => {
    const call = await gioconda.join({ displayName: 'Ana', roomId: 'studio', avatarId: 'lisa' });
    const stop = store.drive(call);
    await store.start();
    expect(store.view).toMatchObject({ state: 'on', face: false });
    const own = server.participants('studio')[0]!;
    await eventually('landmarks', () => {
      server.tracker.see();
      return own.packets.length > 0;
    });
    expect(store.view.face).toBe(true);
    server.tracker.seeNobody();
    expect(store.view.face).toBe(false);
    stop();
    const { length } = own.packets;
    server.tracker.see();
    expect(own.packets.length).toBe(length);
    await call.leave();
  });

  it('closes camera and tracker when it is stopped, also in the middle of its start', async () => {
    await store.start();
    store.stop();
    const given = store.start();
    store.stop();
    await expect(given).rejects.toMatchObject({ code: 'aborted' });
    await eventually('all are closed', () => server.tracker.count === 0 && opened.every(({ stopped }) => stopped));
    expect(store.view).toMatchObject({ state: 'off', error: null });
  });

  it('tells why it does not start, and that the tracker died', async () => {
    deny = true;
    await expect(store.start()).rejects.toMatchObject({ code: 'camera-denied' });
    expect(store.view).toMatchObject({ state: 'off', error: { code: 'camera-denied' } });
    await eventually('the tracker is closed', () => server.tracker.count === 0);
    deny = false;
    await store.start();
    server.tracker.fail();
    expect(store.view).toMatchObject({ state: 'off', error: { code: 'tracker-failed' } });
  });
});
