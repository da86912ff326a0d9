/** Expressions at a key press: the keys 1 to 9, which ones they are, and the bar that shows them. */
import { AppError, expressionNames } from '../../src/index.ts';
import type { Call, ExpressionName } from '../../src/index.ts';
import type { Context } from '../context.ts';
import { field, h } from '../dom.ts';
import type { Part } from '../dom.ts';
import { remembered } from '../session.ts';

const labels: Record<ExpressionName, string> = {
  smile: 'Smile',
  'gentle-smile': 'Gentle smile',
  surprise: 'Surprise',
  sad: 'Sad',
  angry: 'Angry',
  disgust: 'Disgust',
  worry: 'Worry',
  'wink-left': 'Wink left',
  'wink-right': 'Wink right',
  nod: 'Nod',
  shake: 'Shake head',
};
const usualKeys: readonly ExpressionName[] = [
  'smile',
  'gentle-smile',
  'surprise',
  'sad',
  'angry',
  'wink-left',
  'wink-right',
  'nod',
  'shake',
];

/** What the keys 1 to 9 show. */
export function expressionKeys(): ExpressionName[] {
  const kept = (remembered.get('expressions') ?? '').split(' ');
  return usualKeys.map((usual, index) => expressionNames.find((name) => name === kept[index]) ?? usual);
}

/** The expression of a key, or null. */
export function expressionOfKey(key: string): ExpressionName | null {
  return /^[1-9]$/.test(key) ? expressionKeys()[Number(key) - 1]! : null;
}

const tell =
  ({ notices }: Context) =>
  (error: unknown): void =>
    notices.toast(AppError.from(error).message, 'problem');

/** A row of buttons above the toolbar, and a pause for a moment away. */
export function expressionBar(context: Context, call: Call): Part {
  const pause = h('button', { class: 'chip', type: 'button', onclick: () => setPaused(!call.paused) }, 'Pause my face');
  const setPaused = (paused: boolean): void => {
    call.setPaused(paused);
    pause.setAttribute('aria-pressed', String(paused));
    pause.textContent = paused ? 'Resume my face' : 'Pause my face';
  };
  setPaused(call.paused);
  const buttons = expressionKeys().map((name, index) =>
    h(
      'button',
      { class: 'chip', type: 'button', title: `Key ${index + 1}`, onclick: () => void call.express(name).catch(tell(context)) },
      h('kbd', {}, String(index + 1)),
      labels[name],
    ),
  );
  return {
    element: h('div', { class: 'expression-bar', role: 'toolbar', 'aria-label': 'Expressions' }, ...buttons, pause),
    close: () => undefined,
  };
}

/** For the settings: how much of the own face shows, and what each key does. */
export function expressionSettings(context: Context, call: Call): HTMLElement {
  const share = h('input', {
    type: 'range',
    min: 0,
    max: 150,
    step: 10,
    value: Math.round(call.expressiveness * 100),
    onchange: () => void call.setExpressiveness(Number(share.value) / 100).catch(tell(context)),
  });
  const selects = expressionKeys().map((chosen, index) => {
    const select = h(
      'select',
      { 'aria-label': `Key ${index + 1}`, onchange: () => remembered.set('expressions', selects.map(({ value }) => value).join(' ')) },
      ...expressionNames.map((name) => h('option', { value: name, selected: name === chosen }, `${index + 1}: ${labels[name]}`)),
    );
    return select;
  });
  return h(
    'div',
    { class: 'stack' },
    field('Expressiveness', share, 'How much of your own expression the avatar shows, up to one and a half times.'),
    h('details', {}, h('summary', {}, 'Keys of the expressions'), h('div', { class: 'key-grid' }, ...selects)),
  );
}
