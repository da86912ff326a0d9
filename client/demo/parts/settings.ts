/** Devices, model and the neutral face, in the middle of a call. */
import { AppError } from '../../src/index.ts';
import type { Call } from '../../src/index.ts';
import type { Context } from '../context.ts';
import { field, h } from '../dom.ts';
import type { Part } from '../dom.ts';
import { icon } from '../icons.ts';
import { deviceSelect } from './device-select.ts';
import { expressionSettings } from './expressions.ts';
import { micMeter } from './mic-meter.ts';
import { selfView } from './self-view.ts';

export function roomSettings(context: Context, call: Call): Part {
  const { studio, notices } = context;
  const parts = [
    deviceSelect(studio, 'audioinput'),
    micMeter(context),
    ...(call.avatarId ? [selfView(studio), deviceSelect(studio, 'videoinput')] : []),
  ];
  const tell = (error: unknown): void => notices.toast(AppError.from(error).message, 'problem');
  const recalibrate = async (): Promise<void> => {
    studio.chooseDriver();
    await call.recalibrate();
    notices.toast('Look straight ahead for a second');
  };
  const element = h(
    'div',
    { class: 'stack settings' },
    ...parts.map((part) => part.element),
    modelSelect(context, call, tell),
    expressionSettings(context, call),
    h(
      'button',
      { class: 'secondary', type: 'button', disabled: call.avatarId === null, onclick: () => void recalibrate().catch(tell) },
      icon('reset'),
      'Set neutral face',
    ),
  );
  return { element, close: () => parts.forEach((part) => part.close()) };
}

function modelSelect({ gioconda }: Context, call: Call, tell: (error: unknown) => void): HTMLElement {
  const own = call.participants.find((participant) => participant.id === call.participantId);
  const select = h('select', { disabled: true, onchange: () => void call.setAvatar(call.avatarId, select.value).catch(tell) });
  gioconda.models().then((models) => {
    select.replaceChildren(
      ...models.map((model) =>
        h('option', { value: model.name, selected: model.name === own?.avatar?.model }, `${model.name} (${model.size} × ${model.size})`),
      ),
    );
    select.disabled = call.avatarId === null;
  }, tell);
  return field('Model', select, 'What turns your portraits into a moving picture.');
}
