/** Five pictures with the camera, each taken by itself when everything is right. */
import { AppError, captureSteps, GuidedCapture } from '../../src/index.ts';
import type { CaptureProgress, CaptureStep } from '../../src/index.ts';
import type { Context } from '../context.ts';
import { h, setText } from '../dom.ts';
import type { Part } from '../dom.ts';
import { icon, progressRing } from '../icons.ts';
import { errorTitle, hintTexts, stepNames, stepTitles } from '../text.ts';

const JPEG_QUALITY = 0.95;
/** Portraits deserve more than tracking needs; both 4 : 3, so that the frame shows the same. */
const PORTRAIT_SIZE = { width: 1280, height: 960 };
const TRACKING_SIZE = { width: 640, height: 480 };
/** Screen readers are not told every wobble. */
const HINT_MS = 900;

export interface CaptureOptions {
  finished: (pictures: File[]) => void;
  cancel: () => void;
}

export function guidedCapture(context: Context, { finished, cancel }: CaptureOptions): Part {
  const { studio } = context;
  const guide = new GuidedCapture();
  const pictures = new Map<CaptureStep, File>();
  const urls: string[] = [];
  const video = h('video', { muted: true, playsinline: true, autoplay: true, class: 'mirrored' });
  video.muted = true;
  const ring = progressRing('capture-ring');
  const flash = h('div', { class: 'capture-flash' });
  const title = h('h3', {}, 'Starting the camera…');
  const hint = h('p', { class: 'capture-hint', role: 'status', 'aria-live': 'polite' });
  const steps = new Map(
    captureSteps.map((step) => [step, h('li', {}, h('span', { class: 'step-thumb' }), h('span', {}, stepNames[step]))]),
  );
  const takeNow = h('button', { class: 'secondary', type: 'button', onclick: () => void take() }, 'Take it now');
  const skip = h('button', { class: 'quiet', type: 'button', onclick: () => guide.advance() }, 'Skip this one');
  const done = h('button', { class: 'quiet', type: 'button', onclick: () => finished([...pictures.values()]) }, 'Finish');
  let hintMs = 0;

  const showStep = (): void => {
    const { step } = guide;
    if (!step) return;
    setText(title, stepTitles[step]);
    ring.setProgress(0);
    for (const [name, item] of steps) {
      item.classList.toggle('current', name === step);
      item.classList.toggle('done', pictures.has(name));
    }
    done.hidden = pictures.size === 0;
  };
  const showProgress = ({ hint: code, progress }: CaptureProgress): void => {
    ring.setProgress(progress);
    ring.element.classList.toggle('good', code === 'hold');
    const nowMs = performance.now();
    if (nowMs - hintMs < HINT_MS && code !== 'hold') return;
    hintMs = nowMs;
    setText(hint, hintTexts[code]);
  };
  const take = async (): Promise<void> => {
    const { step } = guide;
    if (!step || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    const picture = await photograph(video, step);
    const url = URL.createObjectURL(picture);
    urls.push(url);
    pictures.set(step, picture);
    steps
      .get(step)
      ?.querySelector('.step-thumb')
      ?.replaceChildren(h('img', { src: url, alt: '', class: 'mirrored' }));
    flash.classList.remove('on');
    // Reading a layout value between the two restarts the animation.
    void flash.offsetWidth;
    flash.classList.add('on');
    guide.advance();
    showStep();
  };
  const offs = [
    studio.on('frame', (frame) => guide.handleFrame(frame)),
    guide.on('progress', showProgress),
    guide.on('ready', () => void take()),
    guide.on('done', () => finished([...pictures.values()])),
  ];
  const retry = h('button', { class: 'secondary', type: 'button', onclick: () => void start() }, icon('reset'), 'Try again');
  const start = async (): Promise<void> => {
    for (const control of [takeNow, skip]) control.hidden = false;
    retry.hidden = true;
    try {
      const camera = await studio.openCamera();
      video.srcObject = camera.stream;
      await camera.setResolution(PORTRAIT_SIZE.width, PORTRAIT_SIZE.height);
      setText(hint, 'Loading the face tracker…');
      studio.measureLight(true);
      await studio.startTracking();
      showStep();
    } catch (thrown) {
      const error = AppError.from(thrown);
      setText(title, errorTitle(error));
      setText(hint, error.message);
      for (const control of [takeNow, skip]) control.hidden = true;
      retry.hidden = false;
    }
  };
  void start();

  const element = h(
    'div',
    { class: 'capture' },
    h('div', { class: 'capture-stage' }, h('div', { class: 'capture-oval' }, video, flash), ring.element),
    h(
      'div',
      { class: 'stack capture-side' },
      title,
      hint,
      h('ol', { class: 'capture-steps' }, ...steps.values()),
      h(
        'div',
        { class: 'actions' },
        takeNow,
        retry,
        skip,
        done,
        h('button', { class: 'quiet', type: 'button', onclick: cancel }, icon('close'), 'Cancel'),
      ),
    ),
  );
  showStep();
  setText(title, 'Starting the camera…');
  const close = (): void => {
    studio.measureLight(false);
    void studio.camera?.setResolution(TRACKING_SIZE.width, TRACKING_SIZE.height);
    for (const off of offs) off();
    for (const url of urls) URL.revokeObjectURL(url);
    video.srcObject = null;
  };
  return { element, close };
}

/** The camera's picture as it is, not mirrored. */
async function photograph(video: HTMLVideoElement, step: CaptureStep): Promise<File> {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext('2d')?.drawImage(video, 0, 0);
  const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: JPEG_QUALITY });
  return new File([blob], `${step}.jpg`, { type: 'image/jpeg' });
}
