import type { Call, DriveState, ParticipantInfo, ReceivedMedia } from '../../src/index.ts';
import { h, setText } from '../dom.ts';
import { icon } from '../icons.ts';
import { driveTexts } from '../text.ts';

export interface TileOptions {
  call: Call;
  participant: ParticipantInfo;
  own: boolean;
  /** The browser wants a click before it plays sound. */
  soundBlocked: () => void;
}

/** One participant: picture, name, badge, who speaks, how the avatar is driven. */
export class Tile {
  readonly element: HTMLElement;
  readonly #call: Call;
  readonly #own: boolean;
  readonly #soundBlocked: () => void;
  readonly #video = h('video', { autoplay: true, playsinline: true });
  readonly #stream = new MediaStream();
  readonly #name = h('span', { class: 'tile-name' });
  readonly #muted = h('span', { class: 'tile-muted', role: 'img', 'aria-label': 'muted', title: 'Muted' }, icon('mic-off'));
  readonly #badge = h('span', { class: 'badge', title: 'This picture is synthetic: a portrait driven by a face' }, 'Avatar');
  readonly #drive = h('span', { class: 'tile-drive' });
  readonly #placeholder = h(
    'div',
    { class: 'tile-placeholder' },
    h('span', { class: 'initials', 'aria-hidden': 'true' }),
    h('span', { class: 'tile-wait' }),
  );
  #participant: ParticipantInfo;
  #closed = false;

  constructor({ call, participant, own, soundBlocked }: TileOptions) {
    this.#call = call;
    this.#own = own;
    this.#soundBlocked = soundBlocked;
    this.#participant = participant;
    this.#video.muted = own;
    this.#video.srcObject = this.#stream;
    this.element = h(
      'article',
      { class: `tile ${own ? 'own' : ''}` },
      this.#placeholder,
      this.#video,
      h('div', { class: 'tile-top' }, this.#badge, this.#drive),
      h('div', { class: 'tile-bottom' }, this.#muted, this.#name),
    );
    this.#video.addEventListener('loadeddata', () => this.element.classList.add('has-picture'));
    this.#watchFrames();
    this.update(participant);
  }

  update(participant: ParticipantInfo): void {
    this.#participant = participant;
    const { displayName, muted, avatar } = participant;
    const name = this.#own ? `${displayName} (you)` : displayName;
    setText(this.#name, name);
    setText(this.#placeholder.querySelector('.initials')!, initials(displayName));
    setText(this.#placeholder.querySelector('.tile-wait')!, avatar ? 'The avatar is coming…' : 'No picture');
    this.#muted.hidden = !muted;
    this.#badge.hidden = !avatar;
    this.element.setAttribute('aria-label', [name, avatar && 'shown as an avatar', muted && 'muted'].filter(Boolean).join(', '));
    if (!avatar) this.element.classList.remove('has-picture');
  }

  addTrack({ track, kind }: ReceivedMedia): void {
    for (const old of kind === 'video' ? this.#stream.getVideoTracks() : this.#stream.getAudioTracks()) this.#stream.removeTrack(old);
    this.#stream.addTrack(track);
    this.play();
  }

  removeTrack({ track, kind }: ReceivedMedia): void {
    this.#stream.removeTrack(track);
    if (kind === 'video' && this.#stream.getVideoTracks().length === 0) this.element.classList.remove('has-picture');
  }

  /** Again after the visitor has clicked, where the browser refused sound before. */
  play(): void {
    this.#video.play().catch((error: unknown) => {
      if ((error as DOMException).name === 'NotAllowedError') this.#soundBlocked();
    });
  }

  setDrive(state: DriveState): void {
    this.element.dataset['drive'] = state;
    setText(this.#drive, state === 'tracking' ? '' : driveTexts[state]);
  }

  setSpeaking(speaking: boolean): void {
    this.element.classList.toggle('speaking', speaking && !this.#participant.muted);
  }

  close(): void {
    this.#closed = true;
    this.#video.srcObject = null;
    this.element.remove();
  }

  #watchFrames(): void {
    if (!('requestVideoFrameCallback' in this.#video)) return;
    const onFrame: VideoFrameRequestCallback = (_now, metadata) => {
      if (this.#closed) return;
      this.#call.statistics.handlePresented(this.#participant.id, metadata);
      this.#video.requestVideoFrameCallback(onFrame);
    };
    this.#video.requestVideoFrameCallback(onFrame);
  }
}

const initials = (name: string): string =>
  name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => String.fromCodePoint(word.codePointAt(0) ?? 32))
    .join('')
    .toUpperCase();
