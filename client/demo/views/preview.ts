/** Oneself as the others will see one, by the same way through the server, before anybody else does. */
import { AppError, driveCall } from '../../src/index.ts';
import type { Call, DriveState } from '../../src/index.ts';
import type { Context } from '../context.ts';
import { debugHandle } from '../debug.ts';
import { h, setText } from '../dom.ts';
import type { Part, View } from '../dom.ts';
import { icon } from '../icons.ts';
import { deviceSelect } from '../parts/device-select.ts';
import { micMeter } from '../parts/mic-meter.ts';
import { selfView } from '../parts/self-view.ts';
import { Tile } from '../parts/Tile.ts';
import { errorTitle, linkErrors } from '../text.ts';

export interface PreviewGo {
  back: () => void;
  join: () => void;
  failed: (error: AppError) => void;
}

export function previewView(context: Context, go: PreviewGo): View {
  const { avatar, studio } = context;
  const title = avatar ? 'This is how the others see you' : 'Check your sound';
  const meter = micMeter(context);
  const microphone = deviceSelect(studio, 'audioinput');
  const parts: Part[] = [meter, microphone];
  const stage = avatar ? new PreviewStage(context, go.failed) : null;
  if (stage) parts.push(stage);
  const camera = avatar ? [selfView(studio), deviceSelect(studio, 'videoinput')] : [];
  parts.push(...camera);
  const join = h('button', { class: 'primary', type: 'button', onclick: go.join }, `Join ${context.link.roomId}`, icon('arrow'));
  const element = h(
    'section',
    { class: `preview ${avatar ? '' : 'sound-only'}` },
    h(
      'div',
      { class: 'view-head' },
      h('h1', {}, title),
      h(
        'p',
        { class: 'lead' },
        avatar ? 'Move, talk, blink. Nobody else sees this yet.' : 'You join without a picture; the others hear you.',
      ),
    ),
    stage?.element ?? null,
    h(
      'div',
      { class: 'stack preview-side' },
      ...camera.map((part) => part.element),
      microphone.element,
      meter.element,
      h('div', { class: 'actions' }, h('button', { class: 'quiet', type: 'button', onclick: go.back }, icon('back'), 'Back'), join),
    ),
  );
  return { title, element, close: () => parts.forEach((part) => part.close()) };
}

const driveTitles: Record<DriveState, string> = {
  calibrating: 'Look straight ahead: learning your neutral face',
  tracking: 'Following you',
  extrapolating: 'The signal is thin',
  idle: 'Waiting for your face',
};

/** The private call that shows the visitor their own avatar. */
class PreviewStage implements Part {
  readonly element: HTMLElement;
  readonly #context: Context;
  readonly #failed: (error: AppError) => void;
  readonly #slot = h(
    'div',
    { class: 'preview-tile' },
    h(
      'div',
      { class: 'tile waiting' },
      h('div', { class: 'tile-placeholder' }, h('div', { class: 'spinner' }), h('span', { class: 'tile-wait' }, 'Waking your avatar…')),
    ),
  );
  readonly #status = h('p', { class: 'pill', role: 'status' }, 'Connecting');
  readonly #recalibrate = h('button', { class: 'quiet small', type: 'button', disabled: true }, icon('reset'), 'Set neutral face');
  #call: Call | null = null;
  #tile: Tile | null = null;
  #stopDriving: (() => void) | null = null;
  #closed = false;

  constructor(context: Context, failed: (error: AppError) => void) {
    this.#context = context;
    this.#failed = failed;
    this.#recalibrate.addEventListener('click', () => {
      this.#context.studio.chooseDriver();
      void this.#call?.recalibrate().catch((error: unknown) => this.#tell(AppError.from(error)));
    });
    this.element = h('div', { class: 'preview-stage' }, this.#slot, h('div', { class: 'preview-status' }, this.#status, this.#recalibrate));
    void this.#join();
  }

  close(): void {
    this.#closed = true;
    this.#stopDriving?.();
    this.#tile?.close();
    void this.#call?.leave();
  }

  async #join(): Promise<void> {
    const { gioconda, displayName, avatar, link, studio } = this.#context;
    try {
      const call = await gioconda.join({ displayName, roomId: link.roomId, preview: true, ...(avatar && { avatarId: avatar.id }) });
      if (this.#closed) return void call.leave();
      this.#call = call;
      this.#show(call);
      this.#stopDriving = driveCall(call, studio);
      debugHandle(call, studio);
    } catch (thrown) {
      if (!this.#closed) this.#cannotJoin(AppError.from(thrown));
    }
  }

  #show(call: Call): void {
    const own = call.participants.find((participant) => participant.id === call.participantId);
    if (!own) return;
    const tile = new Tile({ call, participant: own, own: true, soundBlocked: () => undefined });
    this.#tile = tile;
    this.#slot.replaceChildren(tile.element);
    this.#recalibrate.disabled = false;
    for (const media of call.media) tile.addTrack(media);
    call.on('track-added', (media) => tile.addTrack(media));
    call.on('track-ended', (media) => tile.removeTrack(media));
    call.on('participant-changed', ({ participant }) => tile.update(participant));
    call.on('drive-state', ({ state }) => {
      setText(this.#status, driveTitles[state]);
      this.#status.dataset['drive'] = state;
    });
    call.on('state', ({ state }) => {
      if (state === 'reconnecting') setText(this.#status, 'The server does not answer. Trying again…');
      if (state === 'connected') setText(this.#status, 'Connected again');
    });
    call.on('closed', ({ error }) => {
      if (error && !this.#closed) this.#cannotJoin(error);
    });
    setText(this.#status, 'Waiting for your face');
  }

  #cannotJoin(error: AppError): void {
    if (linkErrors.includes(error.code)) return this.#failed(error);
    const retry = h('button', { class: 'secondary', type: 'button' }, 'Try again');
    retry.addEventListener('click', () => void this.#join());
    setText(this.#status, errorTitle(error));
    this.#slot.replaceChildren(
      h(
        'div',
        { class: 'tile waiting' },
        h('div', { class: 'tile-placeholder' }, icon('warn'), h('span', { class: 'tile-wait' }, error.message), retry),
      ),
    );
  }

  #tell(error: AppError): void {
    this.#context.notices.toast(error.message, 'problem');
  }
}
