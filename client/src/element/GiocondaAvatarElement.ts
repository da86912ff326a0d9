/// <reference lib="dom" preserve="true" />
import type { Call } from '../call/Call.ts';
import type { ParticipantView } from '../ui/CallStore.ts';
import { ElementBase, make, shadowOf } from './base.ts';

const css = `
  :host { display: block; position: relative; aspect-ratio: 1; overflow: hidden; border-radius: 12px; background: #1d2129; color: #fff; }
  :host([hidden]) { display: none; }
  video { width: 100%; height: 100%; object-fit: cover; }
  video[hidden] { display: none; }
  .name { position: absolute; inset: auto 0 0; display: flex; gap: .5em; align-items: center; padding: .5em .75em;
    background: linear-gradient(transparent, rgb(0 0 0 / 70%)); font: 500 .9rem/1.4 system-ui, sans-serif; }
  .badge, .muted { padding: 0 .5em; border-radius: 999px; background: rgb(255 255 255 / 20%); font-size: .85em; }
`;

/** What `<gioconda-avatar>` needs of the `<gioconda-call>` that its `for` names. */
export interface CallSource extends EventTarget {
  readonly participants: ParticipantView[];
  readonly call: Call | null;
}

/**
 * `<gioconda-avatar for="call" participant="Ben">`: one participant of a call, anywhere on the page: picture and voice in sync, the name, and
 * the badge that tells that the picture is synthetic. `participant` is a name or an id. Parts: `video`, `name`, `badge`, `muted`.
 */
export class GiocondaAvatarElement extends ElementBase {
  static readonly observedAttributes = ['for', 'participant'];
  #view: ParticipantView | null = null;
  #video: HTMLVideoElement | null = null;
  #name: HTMLElement | null = null;
  #source: CallSource | null = null;
  #handle = 0;
  readonly #refresh = (): void => this.#find();

  connectedCallback(): void {
    if (!this.#video) this.#build();
    // The call may come later in the page than this element.
    queueMicrotask(() => this.#attach());
  }

  disconnectedCallback(): void {
    this.#source?.removeEventListener('gioconda-changed', this.#refresh);
    this.#source = null;
    if (this.#video) this.#video.srcObject = null;
    this.#video?.cancelVideoFrameCallback?.(this.#handle);
  }

  attributeChangedCallback(): void {
    if (this.isConnected) this.#attach();
  }

  /** Whom it shows. Set by `<gioconda-call>` for its own tiles; others use the attributes. */
  get participant(): ParticipantView | null {
    return this.#view;
  }

  set participant(view: ParticipantView | null) {
    this.#view = view;
    if (this.#video) this.#show();
  }

  #attach(): void {
    const id = this.getAttribute('for');
    this.#source?.removeEventListener('gioconda-changed', this.#refresh);
    this.#source = id ? ((this.ownerDocument.getElementById(id) as unknown as CallSource | null) ?? null) : null;
    this.#source?.addEventListener('gioconda-changed', this.#refresh);
    if (this.#source) this.#find();
  }

  #find(): void {
    const wanted = this.getAttribute('participant');
    this.participant = this.#source?.participants?.find(({ id, displayName }) => id === wanted || displayName === wanted) ?? null;
  }

  #build(): void {
    this.#video = make('video', { autoplay: true, playsInline: true, hidden: true, part: 'video' });
    this.#name = make('div', { className: 'name', part: 'name' });
    shadowOf(this, css).append(this.#video, this.#name);
    this.setAttribute('role', 'figure');
    this.#show();
  }

  #show(): void {
    const [video, name, view] = [this.#video!, this.#name!, this.#view]; // called after `#build` only
    const label = view ? (view.you ? `${view.displayName} (you)` : view.displayName) : '';
    this.setAttribute('aria-label', label);
    this.toggleAttribute('data-picture', view?.hasPicture ?? false);
    this.toggleAttribute('data-you', view?.you ?? false);
    if (video.srcObject !== (view?.stream ?? null)) video.srcObject = view?.stream ?? null;
    video.muted = view?.you ?? false;
    video.hidden = !view?.hasPicture;
    const badges = [
      ...(view?.avatar ? [make('span', { className: 'badge', part: 'badge' }, 'Avatar')] : []),
      ...(view?.muted ? [make('span', { className: 'muted', part: 'muted' }, 'muted')] : []),
    ];
    name.replaceChildren(label, ...badges);
  }

  /** Tells the call's statistics of each frame that comes to the screen. @internal */
  reportTo(call: Call): void {
    const video = this.#video;
    if (!video?.requestVideoFrameCallback) return;
    video.cancelVideoFrameCallback(this.#handle);
    const onFrame: VideoFrameRequestCallback = (_now, metadata) => {
      if (this.#view) call.statistics.handlePresented(this.#view.id, metadata);
      this.#handle = video.requestVideoFrameCallback(onFrame);
    };
    this.#handle = video.requestVideoFrameCallback(onFrame);
  }
}
