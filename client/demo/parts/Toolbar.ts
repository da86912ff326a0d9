import { h } from '../dom.ts';
import { icon } from '../icons.ts';
import type { IconName } from '../icons.ts';

export interface ToolbarActions {
  mute: () => void;
  avatar: () => void;
  link: () => void;
  settings: () => void;
  hud: () => void;
  leave: () => void;
}

/** The room's buttons; on a phone the words give way to the icons. */
export class Toolbar {
  readonly element: HTMLElement;
  readonly #mute: HTMLButtonElement;
  readonly #hud: HTMLButtonElement;

  constructor(actions: ToolbarActions) {
    this.#mute = tool('mic', 'Mute', actions.mute);
    this.#hud = tool('chart', 'Statistics', actions.hud);
    this.#mute.title = 'Mute (m)';
    this.#hud.title = 'Statistics (h)';
    this.#hud.setAttribute('aria-pressed', 'false');
    const leave = tool('leave', 'Leave', actions.leave);
    leave.classList.add('leave');
    this.element = h('div', { class: 'toolbar', role: 'toolbar', 'aria-label': 'Call' }, this.#mute, tool('avatar', 'Avatar', actions.avatar), tool('link', 'Invite', actions.link), tool('settings', 'Settings', actions.settings), this.#hud, leave);
  }

  setMuted(muted: boolean): void {
    this.#mute.replaceChildren(icon(muted ? 'mic-off' : 'mic'), h('span', {}, muted ? 'Unmute' : 'Mute'));
    this.#mute.setAttribute('aria-pressed', String(muted));
    this.#mute.setAttribute('aria-label', muted ? 'Unmute' : 'Mute');
  }

  setHud(open: boolean): void {
    this.#hud.setAttribute('aria-pressed', String(open));
  }
}

const tool = (name: IconName, label: string, run: () => void): HTMLButtonElement => h('button', { class: 'tool', type: 'button', title: label, 'aria-label': label, onclick: run }, icon(name), h('span', {}, label));
