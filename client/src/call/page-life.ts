/// <reference lib="dom" preserve="true" />
export interface PageListener {
  /** The page is closed, reloaded or left; all that is sent now has to be sent at once. */
  hidden(): void;
  /** The browser had kept the page and shows it again ("back"). */
  shown(): void;
}

/** Listens to the life of the page, where there is one. Returns the function that stops. */
export function watchPage({ hidden, shown }: PageListener): () => void {
  if (typeof document === 'undefined' || typeof addEventListener !== 'function') return () => undefined;
  const onShow = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) shown();
  };
  addEventListener('pagehide', hidden);
  addEventListener('pageshow', onShow);
  return () => {
    removeEventListener('pagehide', hidden);
    removeEventListener('pageshow', onShow);
  };
}
