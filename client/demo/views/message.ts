import { h } from '../dom.ts';
import type { View } from '../dom.ts';
import { icon } from '../icons.ts';
import type { Action } from '../parts/notices.ts';
import { parseLink } from '../session.ts';
import type { Link } from '../session.ts';

export interface Message {
  title: string;
  text: string;
  action?: Action;
  secondary?: Action;
  tone?: 'plain' | 'problem';
}

/** One thing to say, one or two things to do. */
export function messageView({ title, text, action, secondary, tone = 'plain' }: Message): View {
  const button = ({ label, run }: Action, kind: string): HTMLElement => h('button', { class: kind, type: 'button', onclick: run }, label);
  const element = h(
    'section',
    { class: `message ${tone}` },
    h('div', { class: 'message-mark' }, icon(tone === 'problem' ? 'warn' : 'check')),
    h('h1', {}, title),
    h('p', { class: 'lead' }, text),
    action || secondary
      ? h('div', { class: 'actions centre' }, secondary ? button(secondary, 'quiet') : null, action ? button(action, 'primary') : null)
      : null,
  );
  return { title, element, close: () => undefined };
}

export function loadingView(text: string): View {
  return {
    title: text,
    element: h('section', { class: 'message', 'aria-busy': 'true' }, h('div', { class: 'spinner' }), h('h1', { class: 'calm' }, text)),
    close: () => undefined,
  };
}

/** The page without a link: an invitation can be pasted. */
export function noLinkView(open: (link: Link) => void): View {
  const title = 'You need an invitation';
  const input = h('input', {
    type: 'url',
    'aria-label': 'Invitation link',
    placeholder: 'Paste your invitation link',
    autocomplete: 'off',
    'aria-describedby': 'link-problem',
  });
  const problem = h('p', { class: 'problem-text', id: 'link-problem', role: 'alert' });
  const submit = (event: Event): void => {
    event.preventDefault();
    const link = parseLink(input.value);
    if (link) open(link);
    else problem.textContent = 'That is not a complete invitation link. It ends in “#room=…&invite=…”.';
  };
  const element = h(
    'section',
    { class: 'message' },
    h('div', { class: 'message-mark' }, icon('link')),
    h('h1', {}, title),
    h('p', { class: 'lead' }, 'Rooms open with a link. Open the one you were sent, or the one the server printed when it started.'),
    h(
      'form',
      { class: 'inline-form', onsubmit: submit, novalidate: true },
      input,
      h('button', { class: 'primary', type: 'submit' }, 'Open'),
    ),
    problem,
  );
  return { title, element, close: () => undefined };
}
