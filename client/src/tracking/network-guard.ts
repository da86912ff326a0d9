/// <reference lib="dom" preserve="true" />
/**
 * tasks-vision reports its use to its maker over the network. Nothing about a face may leave for anywhere but our own server,
 * so inside the tracker's worker every request to another origin than the assets' is refused.
 */
export function allowOnlyOrigin(assetUrl: string): void {
  const { origin } = new URL(assetUrl, globalThis.location.href);
  const allowed = (url: string): boolean =>
    ['blob:', 'data:'].some((scheme) => url.startsWith(scheme)) || new URL(url, globalThis.location.href).origin === origin;

  const fetchBefore = globalThis.fetch.bind(globalThis);
  globalThis.fetch = (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    return allowed(url)
      ? fetchBefore(input, init)
      : Promise.reject(new TypeError('refused: the tracker talks to nobody but its own server'));
  };

  const openBefore = Object.getOwnPropertyDescriptor(XMLHttpRequest.prototype, 'open')?.value as (
    this: XMLHttpRequest,
    method: string,
    url: string,
    ...rest: unknown[]
  ) => void;
  XMLHttpRequest.prototype.open = function open(this: XMLHttpRequest, method: string, url: string | URL, ...rest: unknown[]) {
    if (!allowed(String(url))) throw new DOMException('refused: the tracker talks to nobody but its own server', 'NetworkError');
    openBefore.call(this, method, String(url), ...rest);
  };
}
