/** What one's own camera sees, mirrored as in a mirror; stays on this machine. */
import { AppError } from '../../src/index.ts';
import { h, setText } from '../dom.ts';
import type { Part } from '../dom.ts';
import { icon } from '../icons.ts';
import type { Studio } from '../Studio.ts';
import { errorTitle } from '../text.ts';

export function selfView(studio: Studio): Part {
  const video = h('video', { autoplay: true, playsinline: true, class: 'mirrored' });
  video.muted = true;
  const note = h('p', { class: 'hint', role: 'status' }, 'Only you see this.');
  let lastFaceMs = performance.now();

  const show = (): void => {
    if (studio.camera) video.srcObject = studio.camera.stream;
  };
  const retry = h('button', { class: 'quiet small', type: 'button', hidden: true, onclick: () => start() }, icon('reset'), 'Try again');
  const tell = (error: AppError | null): void => {
    setText(note, error ? `${errorTitle(error)}. ${error.message}` : 'Only you see this.');
    note.classList.toggle('problem-text', error !== null);
    retry.hidden = error === null;
  };
  const offs = [
    studio.on('camera', ({ error }) => {
      show();
      tell(error);
    }),
    studio.on('frame', ({ confidence }) => {
      const nowMs = performance.now();
      if (confidence > 0) lastFaceMs = nowMs;
      const lost = nowMs - lastFaceMs > 1500;
      if (!note.classList.contains('problem-text')) setText(note, lost ? 'No face in the picture: come into view.' : 'Only you see this.');
    }),
  ];
  const start = (): void => void studio.startTracking().catch((error: unknown) => tell(AppError.from(error)));
  show();
  start();
  const close = (): void => {
    for (const off of offs) off();
    video.srcObject = null;
  };
  return {
    element: h('figure', { class: 'self-view' }, h('div', { class: 'self-frame' }, video), h('figcaption', {}, note, retry)),
    close,
  };
}
