import type { Context } from '../context.ts';
import { h } from '../dom.ts';
import type { View } from '../dom.ts';
import { RoomScreen } from './RoomScreen.ts';
import type { RoomGo } from './RoomScreen.ts';

export function roomView(context: Context, go: RoomGo): View {
  const screen = new RoomScreen(context, go);
  return {
    title: context.link.roomId,
    element: h('section', { class: 'room' }, h('h1', { class: 'visually-hidden' }, `Room ${context.link.roomId}`), screen.element),
    close: () => screen.close(),
  };
}
