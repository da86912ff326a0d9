/** How loud one's own microphone is. */
import type { Context } from '../context.ts';
import { h } from '../dom.ts';
import type { Part } from '../dom.ts';
import { errorTitle } from '../text.ts';

const BARS = 16;

export function micMeter({ studio, levels }: Context): Part {
  const bars = Array.from({ length: BARS }, () => h('i', {}));
  const text = h('p', { class: 'hint', role: 'status' }, 'Asking for the microphone…');
  const element = h(
    'div',
    { class: 'meter-block' },
    h('div', { class: 'meter', role: 'img', 'aria-label': 'Microphone level' }, ...bars),
    text,
  );
  let unwatch: (() => void) | null = null;

  const show = (level: number): void => {
    for (const [index, bar] of bars.entries()) bar.classList.toggle('on', level * BARS > index + 0.5);
  };
  const watch = (track: MediaStreamTrack): void => {
    unwatch?.();
    text.textContent = 'Say something: the bars should move.';
    unwatch = levels.watch(track, show);
  };
  const off = studio.on('microphone', ({ track, error }) => {
    if (track) watch(track);
    if (error) text.textContent = `${errorTitle(error)}. ${error.message}`;
  });
  if (studio.microphone) watch(studio.microphone);
  else void studio.openMicrophone();
  const close = (): void => {
    off();
    unwatch?.();
  };
  return { element, close };
}
