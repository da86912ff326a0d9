/// <reference lib="dom" preserve="true" />
import { createContext, useContext, useEffect, useMemo, useState } from 'react';
import type { ReactElement, ReactNode } from 'react';
import { Gioconda } from '../Gioconda.ts';
import type { GiocondaOptions } from '../Gioconda.ts';
import { AppError } from '../protocol/index.ts';
import { CallStore } from '../ui/CallStore.ts';
import { TrackerStore } from '../ui/TrackerStore.ts';

export interface GiocondaContext {
  /** Null until the server has answered. */
  gioconda: Gioconda | null;
  /** Why the server cannot be used. */
  error: AppError | null;
  calls: CallStore | null;
  tracker: TrackerStore | null;
}

const Context = createContext<GiocondaContext | null>(null);

/** Either an address and a token, or a `Gioconda` that the app has connected. */
export type GiocondaProviderProps = { children?: ReactNode } & (
  | ({ gioconda?: undefined } & Pick<GiocondaOptions, 'url' | 'token' | 'link'>)
  | { gioconda: Gioconda }
);

/**
 * Connects to a server, and holds the call and the tracker that everything below shares. Unmounted, it leaves the call and closes the camera.
 * A token function should be the same one at each rendering; another address connects anew.
 */
export function GiocondaProvider(props: GiocondaProviderProps): ReactElement {
  const { children } = props;
  const { gioconda, error } = useConnection(props);
  const stores = useMemo(
    () => (gioconda ? { calls: new CallStore(gioconda), tracker: new TrackerStore(gioconda) } : { calls: null, tracker: null }),
    [gioconda],
  );
  useStores(stores);
  const value = useMemo(() => ({ gioconda, error, ...stores }), [gioconda, error, stores]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

function useConnection(props: GiocondaProviderProps): { gioconda: Gioconda | null; error: AppError | null } {
  const [connected, setConnected] = useState<{ gioconda: Gioconda | null; error: AppError | null }>({ gioconda: null, error: null });
  const { url, token, link } = props.gioconda ? { url: undefined, token: undefined, link: undefined } : props;
  useEffect(() => {
    if (url === undefined || token === undefined) return undefined;
    const controller = new AbortController();
    Gioconda.connect({ url, token, link, signal: controller.signal }).then(
      (gioconda) => {
        if (!controller.signal.aborted) setConnected({ gioconda, error: null });
      },
      (thrown: unknown) => {
        if (!controller.signal.aborted) setConnected({ gioconda: null, error: AppError.from(thrown) });
      },
    );
    return () => controller.abort();
  }, [url, token, link]);
  return props.gioconda ? { gioconda: props.gioconda, error: null } : connected;
}

/** The tracker drives the call that there is; both end with the component. */
function useStores({ calls, tracker }: { calls: CallStore | null; tracker: TrackerStore | null }): void {
  const [pending] = useState<{ end: ReturnType<typeof setTimeout> | undefined }>({ end: undefined });
  useEffect(() => {
    if (!calls || !tracker) return undefined;
    // StrictMode takes components down and up again at once: what was asked for in between goes on.
    clearTimeout(pending.end);
    let driven = calls.view.call;
    let stop = driven ? tracker.drive(driven) : undefined;
    const unsubscribe = calls.subscribe(() => {
      if (calls.view.call === driven) return;
      stop?.();
      driven = calls.view.call;
      stop = driven ? tracker.drive(driven) : undefined;
    });
    return () => {
      unsubscribe();
      stop?.();
      pending.end = setTimeout(() => {
        tracker.stop();
        void calls.leave();
      });
    };
  }, [calls, tracker, pending]);
}

/** The connection to the server. @throws Error outside of a `GiocondaProvider`. */
export function useGioconda(): GiocondaContext {
  const context = useContext(Context);
  if (!context) throw new Error('useGioconda, useCall and the like need a <GiocondaProvider> around them.');
  return context;
}
