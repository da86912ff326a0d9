import { h, uniqueId } from '../dom.ts';
import type { Part } from '../dom.ts';
import { icon } from '../icons.ts';

/** A modal dialog; the browser keeps the focus inside and gives it back. Closes its content with itself. */
export function openDialog(title: string, content: Part, className = ''): { close: () => void } {
  const titleId = uniqueId('dialog');
  const close = (): void => dialog.close();
  const dialog = h(
    'dialog',
    { class: `dialog ${className}`, 'aria-labelledby': titleId },
    h(
      'header',
      { class: 'dialog-head' },
      h('h2', { id: titleId }, title),
      h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Close', onclick: close }, icon('close')),
    ),
    h('div', { class: 'dialog-body' }, content.element),
  );
  dialog.addEventListener('close', () => {
    content.close();
    dialog.remove();
  });
  // A click on the backdrop lands on the dialog itself.
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return { close };
}

/** Asks before something that cannot be undone. */
export function confirmDialog({ title, text, action }: { title: string; text: string; action: string }): Promise<boolean> {
  return new Promise((resolve) => {
    let agreed = false;
    const agree = (): void => {
      agreed = true;
      opened.close();
    };
    const element = h(
      'div',
      { class: 'stack' },
      h('p', {}, text),
      h(
        'div',
        { class: 'actions' },
        h('button', { class: 'quiet', type: 'button', onclick: () => opened.close() }, 'Cancel'),
        h('button', { class: 'danger', type: 'button', onclick: agree }, action),
      ),
    );
    const opened = openDialog(title, { element, close: () => resolve(agreed) }, 'narrow');
  });
}
