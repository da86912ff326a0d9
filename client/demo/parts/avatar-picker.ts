/** The visitor's avatars as cards, and the ways to a new one. Used on its own page and in the room's dialog. */
import { AppError } from '../../src/index.ts';
import type { AvatarInfo } from '../../src/index.ts';
import type { Context } from '../context.ts';
import { h } from '../dom.ts';
import type { Part } from '../dom.ts';
import { icon } from '../icons.ts';
import { remembered } from '../session.ts';
import { avatarMaker } from './avatar-maker.ts';
import { confirmDialog } from './dialog.ts';

export interface PickerOptions {
  /** The one in use. */
  chosen: string | null;
  choose: (avatar: AvatarInfo) => void;
}

export function avatarPicker(context: Context, { chosen, choose }: PickerOptions): Part {
  const list = h('ul', { class: 'avatar-grid', 'aria-label': 'Your avatars' });
  const makerSlot = h('div', {});
  const element = h('div', { class: 'stack' }, list, makerSlot);
  const urls: string[] = [];
  let maker: Part | null = null;
  let closed = false;

  const pick = (avatar: AvatarInfo): void => {
    remembered.set('avatar', avatar.id);
    choose(avatar);
  };
  const showMaker = (first: boolean): void => {
    maker?.close();
    const made = avatarMaker(context, { first, made: pick, cancel: () => void refresh() });
    maker = made;
    makerSlot.replaceChildren(made.element);
    list.hidden = true;
    if (!first) made.element.querySelector('h2')?.focus();
  };
  const refresh = async (): Promise<void> => {
    maker?.close();
    maker = null;
    makerSlot.replaceChildren();
    list.hidden = false;
    list.setAttribute('aria-busy', 'true');
    try {
      const avatars = await context.gioconda.avatars();
      if (closed) return;
      if (avatars.length === 0) return showMaker(true);
      const cards = avatars.map((avatar) =>
        card(context, avatar, { chosen: avatar.id === (chosen ?? remembered.get('avatar')), pick, deleted: () => void refresh(), urls }),
      );
      list.replaceChildren(
        ...cards,
        h(
          'li',
          {},
          h(
            'button',
            { class: 'avatar-card new', type: 'button', onclick: () => showMaker(false) },
            icon('plus'),
            h('span', {}, 'New avatar'),
          ),
        ),
      );
    } catch (error) {
      context.notices.toast(AppError.from(error).message, 'problem');
    } finally {
      list.removeAttribute('aria-busy');
    }
  };
  void refresh();

  const close = (): void => {
    closed = true;
    maker?.close();
    for (const url of urls) URL.revokeObjectURL(url);
  };
  return { element, close };
}

function detailOf({ sample, portraits }: AvatarInfo): string {
  if (sample) return 'Sample';
  return `${portraits} ${portraits === 1 ? 'portrait' : 'portraits'}`;
}

interface CardOptions {
  chosen: boolean;
  pick: (avatar: AvatarInfo) => void;
  deleted: () => void;
  urls: string[];
}

function card(context: Context, avatar: AvatarInfo, { chosen, pick, deleted, urls }: CardOptions): HTMLElement {
  const image = h('img', { alt: '', class: 'loading' });
  context.gioconda.avatarPreview(avatar.id).then(
    (blob) => {
      const url = URL.createObjectURL(blob);
      urls.push(url);
      image.src = url;
      image.classList.remove('loading');
    },
    // The card works without its picture.
    () => image.classList.add('missing'),
  );
  const remove = async (): Promise<void> => {
    const agreed = await confirmDialog({
      title: `Delete “${avatar.name}”?`,
      text: 'Its portraits and everything generated from them are removed from the server, and the consent is revoked. This cannot be undone.',
      action: 'Delete',
    });
    if (!agreed) return;
    await context.gioconda
      .deleteAvatar(avatar.id)
      .then(deleted, (error: unknown) => context.notices.toast(AppError.from(error).message, 'problem'));
  };
  return h(
    'li',
    {},
    h(
      'button',
      { class: 'avatar-card', type: 'button', 'aria-current': chosen ? 'true' : null, onclick: () => pick(avatar) },
      image,
      h('span', { class: 'avatar-name' }, avatar.name),
      h('span', { class: 'avatar-detail' }, detailOf(avatar)),
    ),
    !avatar.sample &&
      h(
        'button',
        {
          class: 'icon-button card-delete',
          type: 'button',
          'aria-label': `Delete ${avatar.name}`,
          title: 'Delete',
          onclick: () => void remove(),
        },
        icon('trash'),
      ),
  );
}
