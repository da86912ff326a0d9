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
    this.element = h(
      'div',
      { class: 'toolbar', role: 'toolbar', 'aria-label': 'Call' },
      this.#mute,
      tool('avatar', 'Avatar', actions.avatar),
      tool('link', 'Invite', actions.link),
      tool('settings', 'Settings', actions.settings),
      this.#hud,
      leave,
    );
  }

  /** Without a microphone the button asks for one. */
  setSound(sound: 'on' | 'muted' | 'none'): void {
    const label = { on: 'Mute', muted: 'Unmute', none: 'No sound' }[sound];
    this.#mute.replaceChildren(icon(sound === 'on' ? 'mic' : 'mic-off'), h('span', {}, label));
    this.#mute.setAttribute('aria-pressed', String(sound === 'muted'));
    this.#mute.setAttribute('aria-label', sound === 'none' ? 'No sound: use a microphone' : label);
    this.#mute.title = sound === 'none' ? 'The others cannot hear you: click to use a microphone' : `${label} (m)`;
    this.#mute.dataset['sound'] = sound;
  }

  setHud(open: boolean): void {
    this.#hud.setAttribute('aria-pressed', String(open));
  }
}

const tool = (name: IconName, label: string, run: () => void): HTMLButtonElement =>
  h('button', { class: 'tool', type: 'button', title: label, 'aria-label': label, onclick: run }, icon(name), h('span', {}, label));
