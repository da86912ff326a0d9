/// <reference lib="dom" preserve="true" />
import type { Call } from '../call/Call.ts';
import { Gioconda } from '../Gioconda.ts';
import type { TokenFunction } from '../http/TokenSource.ts';
import { AppError } from '../protocol/index.ts';
import { openMicrophone } from '../tracking/Camera.ts';
import { CallStore } from '../ui/CallStore.ts';
import type { ParticipantView } from '../ui/CallStore.ts';
import { TrackerStore } from '../ui/TrackerStore.ts';
import { ElementBase, make, shadowOf } from './base.ts';
import type { GiocondaAvatarElement } from './GiocondaAvatarElement.ts';

const css = `
  :host { display: block; font: 1rem/1.5 system-ui, sans-serif; }
  :host([hidden]), [hidden] { display: none !important; }
  .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(14rem, 100%), 1fr)); gap: .75rem; }
  .lobby, .controls { display: flex; flex-wrap: wrap; gap: .75rem; align-items: end; padding: .75rem 0; }
  label { display: grid; gap: .25rem; }
  button, select, input { font: inherit; padding: .4em .8em; }
  [role='alert'] { color: #b3261e; }
`;

interface Parts {
  lobby: HTMLFormElement;
  name: HTMLInputElement;
  avatar: HTMLSelectElement;
  enter: HTMLButtonElement;
  tiles: HTMLDivElement;
  controls: HTMLDivElement;
  mute: HTMLButtonElement;
  alert: HTMLParagraphElement;
}

/** Where this script comes from, if a Gioconda server served it. */
function scriptOrigin(): string | null {
  const { protocol, pathname, origin } = new URL(import.meta.url);
  return protocol.startsWith('http') && pathname.startsWith('/sdk/') ? origin : null;
}

/**
 * `<gioconda-call url token room>`: a whole call in one element, from the choice of an avatar to the picture of everybody.
 *
 * Attributes: `url` (the server that served the script, if left out), `token` or `invite`, `room`, `name`, `avatar` (an id), `muted`.
 * Properties: `tokenFunction`, `call`, `participants`, `state`. Methods: `join()`, `leave()`.
 * Events, all of them bubbling: `gioconda-joined`, `gioconda-changed`, `gioconda-left` and `gioconda-error` (`detail.error`, an AppError).
 * Parts: `lobby`, `tiles`, `tile`, `controls`, `button`, `error`. Slots: `before` (above the lobby's fields), `controls` (beside the buttons).
 */
export class GiocondaCallElement extends ElementBase {
  static readonly observedAttributes = ['url', 'token', 'invite'];
  /** Instead of the attribute `token`: gets tokens from the app's server. */
  tokenFunction: TokenFunction | null = null;
  #parts: Parts | null = null;
  #gioconda: Promise<Gioconda> | null = null;
  #calls: CallStore | null = null;
  #tracker: TrackerStore | null = null;
  #microphone: MediaStreamTrack | null = null;
  readonly #tiles = new Map<string, GiocondaAvatarElement>();
  #stop: (() => void)[] = [];
  #leaving: ReturnType<typeof setTimeout> | undefined;

  connectedCallback(): void {
    clearTimeout(this.#leaving);
    this.#parts ??= this.#build();
    queueMicrotask(() => void this.#prepare());
  }

  /** Moved in the page, it goes on; taken out, it leaves. */
  disconnectedCallback(): void {
    this.#leaving = setTimeout(() => void this.leave());
  }

  attributeChangedCallback(_name: string, before: string | null, after: string | null): void {
    // Another server or person: what was connected is of no use any more.
    if (before === after || !this.#gioconda || this.call) return;
    this.#gioconda = null;
    if (this.isConnected) void this.#prepare();
  }

  get call(): Call | null {
    return this.#calls?.view.call ?? null;
  }

  get participants(): ParticipantView[] {
    return this.#calls?.view.participants ?? [];
  }

  /** `idle`, `connecting`, `connected`, `reconnecting` or `closed`. */
  get state(): string {
    return this.#calls?.view.state ?? 'idle';
  }

  /** Enters the room with what the attributes and the lobby say. @throws AppError, of which `gioconda-error` tells too. */
  async join(): Promise<Call> {
    try {
      await this.#connect();
      const parts = this.#parts!; // built when the element came into the page
      const displayName = (parts.name.value || this.getAttribute('name') || 'Guest').trim();
      const [roomId, avatarId] = [this.getAttribute('room'), parts.avatar.value];
      const tracking = avatarId ? this.#tracker!.start() : Promise.resolve();
      // A call without camera or microphone is still a call: it is told, and nothing else.
      const [microphone] = await Promise.all([this.#openMicrophone(), tracking.catch((thrown: unknown) => this.#tell(thrown))]);
      const call = await this.#calls!.join({
        displayName,
        microphone,
        muted: this.hasAttribute('muted'),
        ...(roomId && { roomId }),
        ...(avatarId && { avatarId }),
      });
      this.#stop.push(this.#tracker!.drive(call));
      this.#dispatch('gioconda-joined', { call });
      return call;
    } catch (thrown) {
      this.#tell(thrown);
      this.#release();
      throw AppError.from(thrown);
    }
  }

  async leave(): Promise<void> {
    this.#release();
    await this.#calls?.leave();
  }

  async #openMicrophone(): Promise<MediaStreamTrack | null> {
    this.#microphone = await openMicrophone().catch((thrown: unknown) => this.#tell(thrown));
    return this.#microphone;
  }

  #release(): void {
    for (const stop of this.#stop.splice(0)) stop();
    this.#microphone?.stop();
    this.#microphone = null;
    this.#tracker?.stop();
  }

  /** Connects and fills the list of avatars. */
  async #prepare(): Promise<void> {
    if (!this.isConnected || !(this.tokenFunction || this.hasAttribute('token') || this.hasAttribute('invite'))) return;
    try {
      const gioconda = await this.#connect();
      const avatars = await gioconda.avatars();
      const { avatar, enter } = this.#parts!; // built before
      const wanted = this.getAttribute('avatar') ?? avatar.value;
      avatar.replaceChildren(new Option('No picture', ''), ...avatars.map(({ id, name }) => new Option(name || id, id)));
      avatar.value = avatars.some(({ id }) => id === wanted) ? wanted : (avatars[0]?.id ?? '');
      enter.disabled = false;
    } catch (thrown) {
      this.#tell(thrown);
    }
  }

  #connect(): Promise<Gioconda> {
    this.#gioconda ??= this.#open().catch((thrown: unknown) => {
      this.#gioconda = null;
      throw thrown;
    });
    return this.#gioconda;
  }

  async #open(): Promise<Gioconda> {
    const url = this.getAttribute('url') ?? scriptOrigin() ?? location.origin;
    const invite = this.getAttribute('invite');
    const token =
      this.tokenFunction ?? this.getAttribute('token') ?? (invite === null ? '' : (await Gioconda.enterAsGuest({ url, invite })).token);
    const gioconda = await Gioconda.connect({ url, token });
    this.#calls = new CallStore(gioconda);
    this.#tracker = new TrackerStore(gioconda);
    this.#calls.subscribe(() => this.#show());
    return gioconda;
  }

  #build(): Parts {
    const parts: Parts = {
      name: make('input', { name: 'name', maxLength: 64, required: true, autocomplete: 'name', value: this.getAttribute('name') ?? '' }),
      avatar: make('select', { name: 'avatar' }, new Option('No picture', '')),
      enter: make('button', { type: 'submit', part: 'button', disabled: true }, 'Join'),
      mute: make('button', { type: 'button', part: 'button' }, 'Mute'),
      lobby: make('form', { className: 'lobby', part: 'lobby' }),
      tiles: make('div', { className: 'tiles', part: 'tiles' }),
      controls: make('div', { className: 'controls', part: 'controls', hidden: true }),
      alert: make('p', { role: 'alert', part: 'error', hidden: true }),
    };
    const leave = make('button', { type: 'button', part: 'button' }, 'Leave');
    parts.lobby.append(
      make('slot', { name: 'before' }),
      make('label', {}, 'Your name', parts.name),
      make('label', {}, 'Avatar', parts.avatar),
      parts.enter,
    );
    parts.controls.append(parts.mute, leave, make('slot', { name: 'controls' }));
    parts.lobby.addEventListener('submit', (event) => {
      event.preventDefault();
      // Its failure is told by an event and in the element.
      this.join().catch(() => undefined);
    });
    parts.mute.addEventListener('click', () => {
      this.#calls?.setMuted(!this.#calls.view.muted).catch((thrown: unknown) => this.#tell(thrown));
    });
    leave.addEventListener('click', () => void this.leave());
    shadowOf(this, css).append(parts.alert, parts.lobby, parts.tiles, parts.controls);
    return parts;
  }

  #show(): void {
    const { view } = this.#calls!; // it is what has changed
    const { lobby, controls, mute, alert } = this.#parts!; // built before
    const inside = view.call !== null;
    if (controls.hidden === inside) {
      if (inside) alert.hidden = true;
      else {
        this.#release();
        this.#dispatch('gioconda-left', { error: view.error });
      }
    }
    lobby.hidden = inside || view.state === 'connecting';
    controls.hidden = !inside;
    mute.textContent = view.muted ? 'Unmute' : 'Mute';
    mute.ariaPressed = String(view.muted);
    this.#showTiles(view.participants, view.call);
    if (view.state === 'closed' && view.error) this.#tell(view.error);
    this.#dispatch('gioconda-changed', { state: view.state });
  }

  #showTiles(participants: ParticipantView[], call: Call | null): void {
    for (const [id, tile] of this.#tiles) {
      if (participants.some((participant) => participant.id === id)) continue;
      tile.remove();
      this.#tiles.delete(id);
    }
    for (const participant of participants) {
      let tile = this.#tiles.get(participant.id);
      if (!tile) {
        tile = document.createElement('gioconda-avatar') as GiocondaAvatarElement;
        tile.setAttribute('part', 'tile');
        this.#tiles.set(participant.id, tile);
        this.#parts!.tiles.append(tile);
        if (call) tile.reportTo(call);
      }
      tile.participant = participant;
    }
  }

  #tell(thrown: unknown): null {
    const error = AppError.from(thrown);
    if (error.code === 'aborted') return null;
    const { alert } = this.#parts!; // built before anything can fail
    alert.textContent = error.message;
    alert.hidden = false;
    this.#dispatch('gioconda-error', { error });
    return null;
  }

  #dispatch(name: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}
