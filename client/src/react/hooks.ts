/// <reference lib="dom" preserve="true" />
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react';
import type { Call } from '../call/Call.ts';
import type { JoinOptions } from '../Gioconda.ts';
import { AppError } from '../protocol/index.ts';
import type { AvatarInfo } from '../protocol/index.ts';
import type { CameraOptions } from '../tracking/Camera.ts';
import type { CallView, ParticipantView } from '../ui/CallStore.ts';
import type { Store } from '../ui/Store.ts';
import type { TrackerView } from '../ui/TrackerStore.ts';
import { useGioconda } from './GiocondaProvider.tsx';

const noCall: CallView = { state: 'idle', call: null, participants: [], muted: false, avatarId: null, error: null };
const noTracker: TrackerView = { state: 'off', face: false, camera: null, tracker: null, error: null };
const neverChanges = (): (() => void) => () => undefined;

function useStore<View>(store: Store<View> | null, without: View): View {
  const view = (): View => store?.view ?? without;
  return useSyncExternalStore(store?.subscribe ?? neverChanges, view, () => without);
}

const notConnected = (error: AppError | null): AppError => error ?? new AppError('server-unreachable', 'The connection is not there yet');

export interface UseCall extends CallView {
  /** Enters a room. @throws AppError, which `error` has too. */
  join(options: JoinOptions): Promise<Call>;
  leave(): Promise<void>;
  setMuted(muted: boolean): Promise<void>;
  setAvatar(avatarId: string | null): Promise<void>;
}

/** The call of the provider: all components that use it share one. */
export function useCall(): UseCall {
  const { calls, error } = useGioconda();
  const view = useStore(calls, noCall);
  const join = useCallback(
    async (options: JoinOptions) => {
      if (!calls) throw notConnected(error);
      return calls.join(options);
    },
    [calls, error],
  );
  const leave = useCallback(async () => calls?.leave(), [calls]);
  const setMuted = useCallback(async (muted: boolean) => calls?.setMuted(muted), [calls]);
  const setAvatar = useCallback(async (avatarId: string | null) => calls?.setAvatar(avatarId), [calls]);
  return { ...view, join, leave, setMuted, setAvatar };
}

/** Everybody in the room, the page's own user among them (`you`). */
export function useParticipants(): ParticipantView[] {
  return useStore(useGioconda().calls, noCall).participants;
}

export interface UseTracker extends TrackerView {
  /** Opens the camera and loads the tracker, which drives the call of the provider. @throws AppError, which `error` has too. */
  start(options?: CameraOptions): Promise<void>;
  stop(): void;
}

/** Camera and face tracker of the provider. */
export function useTracker(): UseTracker {
  const { tracker: store, error } = useGioconda();
  const view = useStore(store, noTracker);
  const start = useCallback(
    async (options?: CameraOptions) => {
      if (!store) throw notConnected(error);
      await store.start(options);
    },
    [store, error],
  );
  const stop = useCallback(() => store?.stop(), [store]);
  return { ...view, start, stop };
}

export interface UseAvatars {
  /** Null until the server has answered. */
  avatars: AvatarInfo[] | null;
  error: AppError | null;
  /** Asks again, e.g. after enrolment. */
  refresh(): void;
}

/** The user's own avatars and the server's samples. */
export function useAvatars(): UseAvatars {
  const { gioconda } = useGioconda();
  const [{ avatars, error }, setAnswer] = useState<Omit<UseAvatars, 'refresh'>>({ avatars: null, error: null });
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    if (!gioconda) return undefined;
    const controller = new AbortController();
    gioconda.avatars({ signal: controller.signal }).then(
      (list) => setAnswer({ avatars: list, error: null }),
      (thrown: unknown) => {
        if (!controller.signal.aborted) setAnswer((before) => ({ ...before, error: AppError.from(thrown) }));
      },
    );
    return () => controller.abort();
  }, [gioconda, asked]);
  const refresh = useCallback(() => setAsked((count) => count + 1), []);
  return { avatars, error, refresh };
}
