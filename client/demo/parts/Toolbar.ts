import { h } from '../dom.ts';
import { icon } from '../icons.ts';
import type { IconName } from '../icons.ts';

export interface ToolbarActions {
  mute: () => void;
  avatar: () => void;
  expressions: () => void;
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
  readonly #expressions: HTMLButtonElement;

  constructor(actions: ToolbarActions) {
    this.#mute = tool('mic', 'Mute', actions.mute);
    this.#hud = tool('chart', 'Statistics', actions.hud);
    this.#expressions = tool('smile', 'Express', actions.expressions);
    this.#expressions.title = 'Expressions (keys 1 to 9)';
    this.#expressions.setAttribute('aria-pressed', 'false');
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
      this.#expressions,
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

  setExpressions(open: boolean): void {
    this.#expressions.setAttribute('aria-pressed', String(open));
  }

  setHud(open: boolean): void {
    this.#hud.setAttribute('aria-pressed', String(open));
  }
}

const tool = (name: IconName, label: string, run: () => void): HTMLButtonElement =>
  h('button', { class: 'tool', type: 'button', title: label, 'aria-label': label, onclick: run }, icon(name), h('span', {}, label));
