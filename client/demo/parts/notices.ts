/** One banner for what lasts, toasts for what passes, both read out by screen readers. */
import { h } from '../dom.ts';
import { icon } from '../icons.ts';

const TOAST_MS = 4500;

export interface Action {
  label: string;
  run: () => void;
}

export class Notices {
  readonly #banner = h('div', { class: 'banner-slot', role: 'status', 'aria-live': 'polite' });
  readonly #toasts = h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' });
  readonly element = h('div', { class: 'notices' }, this.#banner, this.#toasts);

  banner(text: string, action?: Action): void {
    if (this.#banner.textContent?.startsWith(text)) return;
    const button = action ? h('button', { class: 'quiet small', type: 'button', onclick: action.run }, action.label) : null;
    this.#banner.replaceChildren(h('div', { class: 'banner' }, icon('warn'), h('p', {}, text), button));
  }

  clearBanner(): void {
    this.#banner.replaceChildren();
  }

  toast(text: string, tone: 'plain' | 'problem' = 'plain'): void {
    if ([...this.#toasts.children].some((shown) => shown.textContent === text)) return;
    const toast = h('div', { class: `toast ${tone}` }, icon(tone === 'problem' ? 'warn' : 'check'), h('p', {}, text));
    this.#toasts.append(toast);
    setTimeout(() => toast.remove(), TOAST_MS);
  }
}
