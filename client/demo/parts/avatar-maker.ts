/** A new avatar: portraits from files or the camera, consent, and the server's verdict on each. */
import { AppError, PortraitRefusal } from '../../src/index.ts';
import type { AvatarInfo } from '../../src/index.ts';
import type { Context } from '../context.ts';
import { field, h, setText } from '../dom.ts';
import type { Part } from '../dom.ts';
import { icon } from '../icons.ts';
import { consentStatement } from '../text.ts';
import { guidedCapture } from './capture.ts';
import { PortraitTray } from './PortraitTray.ts';

export interface MakerOptions {
  /** There is no avatar yet, so there is nothing to go back to. */
  first: boolean;
  made: (avatar: AvatarInfo) => void;
  cancel: () => void;
}

export function avatarMaker(context: Context, { first, made, cancel }: MakerOptions): Part {
  const tray = new PortraitTray(context.gioconda, () => update());
  const capture = h('div', {});
  let capturing: Part | null = null;
  let busy = false;

  const input = h('input', {
    type: 'file',
    accept: 'image/*',
    multiple: true,
    class: 'visually-hidden',
    tabindex: '-1',
    'aria-hidden': 'true',
    onchange: () => takeFiles(),
  });
  const takeFiles = (): void => {
    tray.add([...(input.files ?? [])]);
    input.value = '';
  };
  const drop = h(
    'div',
    { class: 'dropzone' },
    h(
      'button',
      { class: 'source', type: 'button', onclick: () => input.click() },
      icon('upload'),
      h('strong', {}, 'Choose pictures'),
      h('span', {}, 'or drop them here: 1 to 8 of one face'),
    ),
    h(
      'button',
      { class: 'source', type: 'button', onclick: () => startCapture() },
      icon('camera'),
      h('strong', {}, 'Use the camera'),
      h('span', {}, 'five pictures, guided, half a minute'),
    ),
    input,
  );
  acceptDrops(drop, (files) => tray.add(files));

  const startCapture = (): void => {
    drop.hidden = true;
    capturing = guidedCapture(context, { finished: (pictures) => endCapture(pictures), cancel: () => endCapture([]) });
    capture.replaceChildren(capturing.element);
  };
  const endCapture = (pictures: File[]): void => {
    capturing?.close();
    capturing = null;
    capture.replaceChildren();
    drop.hidden = false;
    tray.add(pictures);
    drop.querySelector('button')?.focus();
  };

  const name = h('input', { type: 'text', maxlength: '64', value: context.displayName, autocomplete: 'off' });
  const consentText = h('span', {}, consentStatement(context.displayName));
  const consent = h('input', { type: 'checkbox', onchange: () => update() });
  const create = h('button', { class: 'primary', type: 'submit' }, 'Create avatar');
  const status = h('p', { class: 'form-status', role: 'status', 'aria-live': 'polite' });
  const bar = h('progress', { max: '1', 'aria-label': 'Creating the avatar', hidden: true });
  const form = h(
    'form',
    { class: 'stack maker-form', onsubmit: (event: Event) => void submit(event) },
    field('Name of this avatar', name),
    h('label', { class: 'consent' }, consent, consentText),
    bar,
    status,
    h('div', { class: 'actions' }, first ? null : h('button', { class: 'quiet', type: 'button', onclick: cancel }, 'Cancel'), create),
  );

  const update = (): void => {
    form.hidden = tray.count === 0;
    const ready = tray.usable.length > 0 && !tray.checking && consent.checked && !busy;
    // Stays focusable: the status line says what is missing.
    create.setAttribute('aria-disabled', String(!ready));
    if (!busy) setText(status, missing(tray, consent.checked));
  };
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (create.getAttribute('aria-disabled') === 'true') return consent.checked ? undefined : consent.focus();
    busy = true;
    bar.hidden = false;
    update();
    setText(status, 'Sending the portraits…');
    const onProgress = (fraction: number): void => {
      if (fraction < 1) bar.value = fraction;
      else bar.removeAttribute('value');
      if (fraction >= 1) setText(status, 'The server studies the portraits…');
    };
    try {
      const statement = consentText.textContent ?? '';
      const avatar = await context.gioconda.enrol({
        portraits: tray.usable,
        name: name.value.trim() || context.displayName,
        consent: { subject: context.displayName, givenAt: new Date().toISOString(), statement },
        onProgress,
      });
      made(avatar);
    } catch (thrown) {
      const error = AppError.from(thrown);
      if (error instanceof PortraitRefusal) tray.refuse(error.portrait, error.message);
      busy = false;
      update();
      setText(status, error instanceof PortraitRefusal ? 'One portrait was refused; the others can still be used.' : error.message);
    } finally {
      busy = false;
      bar.hidden = true;
    }
  };
  update();

  const element = h(
    'div',
    { class: 'stack maker' },
    h('h2', { tabindex: '-1' }, first ? 'Make your avatar' : 'A new avatar'),
    drop,
    capture,
    tray.element,
    form,
  );
  const close = (): void => {
    capturing?.close();
    tray.close();
  };
  return { element, close };
}

function missing(tray: PortraitTray, consented: boolean): string {
  if (tray.checking) return 'Checking the portraits…';
  if (tray.usable.length === 0) return 'None of these can be used yet: add another picture.';
  return consented ? '' : 'Please confirm the agreement above.';
}

function acceptDrops(zone: HTMLElement, take: (files: File[]) => void): void {
  const mark = (on: boolean) => (event: DragEvent) => {
    event.preventDefault();
    zone.classList.toggle('over', on);
  };
  zone.addEventListener('dragover', mark(true));
  zone.addEventListener('dragleave', mark(false));
  zone.addEventListener('drop', (event) => {
    mark(false)(event);
    take([...(event.dataTransfer?.files ?? [])]);
  });
}
