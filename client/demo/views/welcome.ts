import type { Context } from '../context.ts';
import { field, h } from '../dom.ts';
import type { View } from '../dom.ts';
import { icon } from '../icons.ts';
import { portraitArt } from '../parts/portrait-art.ts';
import { remembered } from '../session.ts';

const promises = [
  ['lock', 'Your camera picture never leaves this device. Only the motion of your face is sent.'],
  ['avatar', 'The others see a portrait that moves with you, and hear your voice.'],
  ['eye', 'Every avatar carries a badge, so nobody is misled.'],
] as const;

export function welcomeView(context: Context, next: () => void): View {
  const title = 'Welcome';
  const input = h('input', {
    type: 'text',
    name: 'name',
    autocomplete: 'name',
    maxlength: '64',
    required: true,
    value: context.displayName,
    placeholder: 'How the others see you',
  });
  const submit = (event: Event): void => {
    event.preventDefault();
    const name = input.value.trim();
    if (!name) return input.focus();
    context.displayName = name;
    remembered.set('name', name);
    next();
  };
  const art = portraitArt();
  const element = h(
    'section',
    { class: 'split' },
    h(
      'div',
      { class: 'stack' },
      h('p', { class: 'eyebrow' }, 'Room ', h('strong', {}, context.link.roomId)),
      h('h1', {}, 'Join as a portrait'),
      h('ul', { class: 'promises' }, ...promises.map(([name, text]) => h('li', {}, icon(name), h('span', {}, text)))),
      h(
        'form',
        { class: 'stack', onsubmit: submit },
        field('Your name', input),
        h('button', { class: 'primary wide', type: 'submit' }, 'Choose your avatar', icon('arrow')),
      ),
    ),
    art.element,
  );
  return { title, element, close: art.close };
}
