/// <reference lib="dom" preserve="true" />
import { useEffect, useMemo, useSyncExternalStore } from 'react';
import type { ReactElement } from 'react';
import { CallStore } from '../ui/CallStore.ts';
import { AvatarTile } from './AvatarTile.tsx';
import type { AvatarTileProps } from './AvatarTile.tsx';
import { useGioconda } from './GiocondaProvider.tsx';

export interface PreviewTileProps extends Omit<AvatarTileProps, 'participant' | 'onError'> {
  /** Where one is going to be; nobody there notices. May be left out where the token names one room. */
  roomId?: string;
  avatarId: string;
  displayName: string;
  onError?: (error: Error) => void;
}

/** One's own avatar as the others would see it, driven by the tracker, before one enters. */
export function PreviewTile({ roomId, avatarId, displayName, onError, ...tile }: PreviewTileProps): ReactElement | null {
  const { gioconda, tracker } = useGioconda();
  const store = useMemo(() => (gioconda ? new CallStore(gioconda) : null), [gioconda]);
  useEffect(() => {
    if (!store || !tracker) return undefined;
    let stop: (() => void) | undefined;
    // A tick later, so that StrictMode's first mount asks nothing of the server.
    const timer = setTimeout(() => {
      store.join({ displayName, avatarId, preview: true, ...(roomId !== undefined && { roomId }) }).then(
        (call) => (stop = tracker.drive(call)),
        (error: Error & { code?: string }) => {
          if (error.code !== 'aborted') onError?.(error);
        },
      );
    });
    return () => {
      clearTimeout(timer);
      stop?.();
      void store.leave();
    };
    // Another error handler is no reason to enter anew.
  }, [store, tracker, roomId, avatarId, displayName]);
  const nothing = (): (() => void) => () => undefined;
  const you = useSyncExternalStore(
    store?.subscribe ?? nothing,
    () => store?.view.participants.find((participant) => participant.you),
    () => undefined,
  );
  return you ? <AvatarTile {...tile} participant={you} /> : null;
}
