import type { Context } from '../context.ts';
import { h } from '../dom.ts';
import type { View } from '../dom.ts';
import { icon } from '../icons.ts';
import { avatarPicker } from '../parts/avatar-picker.ts';

export function avatarView(context: Context, go: { back: () => void; next: () => void }): View {
  const title = 'Your avatar';
  const picker = avatarPicker(context, {
    chosen: context.avatar?.id ?? null,
    choose: (avatar) => {
      context.avatar = avatar;
      go.next();
    },
  });
  const skip = (): void => {
    context.avatar = null;
    go.next();
  };
  const element = h(
    'section',
    { class: 'stack wide-view' },
    h(
      'div',
      { class: 'view-head' },
      h('h1', {}, title),
      h('p', { class: 'lead' }, 'Choose one of yours, or make a new one from a few portraits: photos, a painting, a statue.'),
    ),
    picker.element,
    h(
      'div',
      { class: 'actions' },
      h('button', { class: 'quiet', type: 'button', onclick: go.back }, icon('back'), 'Back'),
      h('button', { class: 'quiet', type: 'button', onclick: skip }, 'Join without a picture'),
    ),
  );
  return { title, element, close: picker.close };
}
