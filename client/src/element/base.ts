/// <reference lib="dom" preserve="true" />
/** `HTMLElement`, or in Node something to derive from: importing must work everywhere. */
export const ElementBase = (typeof HTMLElement === 'undefined' ? class {} : HTMLElement) as typeof HTMLElement;

/** An element with its attributes or properties and what is in it. */
export function make<N extends keyof HTMLElementTagNameMap>(
  name: N,
  properties: Partial<Omit<HTMLElementTagNameMap[N], 'part'>> & { part?: string } = {},
  ...content: (Node | string)[]
): HTMLElementTagNameMap[N] {
  const { part, ...rest } = properties;
  const element = Object.assign(document.createElement(name), rest);
  if (part) element.setAttribute('part', part);
  element.append(...content);
  return element;
}

/** A shadow root with a style of its own; sheets that are constructed are not subject to a page's `style-src`. */
export function shadowOf(host: HTMLElement, css: string): ShadowRoot {
  const root = host.attachShadow({ mode: 'open' });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [sheet];
  return root;
}
