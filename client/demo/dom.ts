/** A few lines instead of a framework. */
type Child = Node | string | null | undefined | false;
type Props = Record<string, unknown>;

/** `onclick` and the like listen; true sets a bare attribute; false, null and undefined leave it out. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? '' : String(value as string | number));
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
  return element;
}

/** One screen or one part of it. Whoever shows it closes it. */
export interface Part {
  element: HTMLElement;
  close(): void;
}

export interface View extends Part {
  title: string;
}

/** Sets text only when it changed, so that screen readers do not hear it again. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

let ids = 0;
export const uniqueId = (prefix: string): string => `${prefix}-${++ids}`;

/** A labelled control: label above, optional hint below. */
export function field(label: string, control: HTMLElement, hint?: string): HTMLElement {
  control.id ||= uniqueId('field');
  const hintId = hint ? uniqueId('hint') : null;
  if (hintId) control.setAttribute('aria-describedby', hintId);
  return h(
    'div',
    { class: 'field' },
    h('label', { for: control.id }, label),
    control,
    hint ? h('p', { class: 'hint', id: hintId }, hint) : null,
  );
}
