import { AppError, driveCall } from '../../src/index.ts';
import type { Call } from '../../src/index.ts';
import type { Context } from '../context.ts';
import { h, setText } from '../dom.ts';
import { avatarPicker } from '../parts/avatar-picker.ts';
import { openDialog } from '../parts/dialog.ts';
import { expressionBar, expressionOfKey } from '../parts/expressions.ts';
import { Hud } from '../parts/Hud.ts';
import { roomSettings } from '../parts/settings.ts';
import { Tiles } from '../parts/Tiles.ts';
import { Toolbar } from '../parts/Toolbar.ts';
import { accessEndingText, errorTitle } from '../text.ts';

export interface RoomGo {
  left: () => void;
  ended: (error: AppError) => void;
  joined: (call: Call) => void;
}

/** The call itself: tiles, toolbar, HUD, and messages while the connection recovers. */
export class RoomScreen {
  readonly #stage = h(
    'div',
    { class: 'room-stage' },
    h(
      'div',
      { class: 'tiles' },
      h(
        'div',
        { class: 'tile waiting' },
        h('div', { class: 'tile-placeholder' }, h('div', { class: 'spinner' }), h('span', { class: 'tile-wait' }, 'Joining…')),
      ),
    ),
  );
  readonly #announcer = h('p', { class: 'visually-hidden', role: 'log', 'aria-live': 'polite' });
  readonly #expressionSlot = h('div', {});
  readonly #toolbar: Toolbar;
  readonly element: HTMLElement;
  readonly #context: Context;
  readonly #go: RoomGo;
  readonly #offs: (() => void)[] = [];
  #call: Call | null = null;
  #tiles: Tiles | null = null;
  #hud: Hud | null = null;
  #closed = false;

  constructor(context: Context, go: RoomGo) {
    this.#context = context;
    this.#go = go;
    this.#toolbar = new Toolbar({
      mute: () => void this.#toggleMute(),
      avatar: () => this.#chooseAvatar(),
      expressions: () => this.#toggleExpressions(),
      link: () => void this.#copyLink(),
      settings: () => this.#openSettings(),
      hud: () => this.#toggleHud(),
      leave: () => this.#leave(),
    });
    this.element = h('div', { class: 'room-frame' }, this.#stage, this.#expressionSlot, this.#toolbar.element, this.#announcer);
    const onKey = (event: KeyboardEvent): void => this.#key(event);
    const onOnline = (): void => this.#call?.reconnectNow();
    document.addEventListener('keydown', onKey);
    window.addEventListener('online', onOnline);
    this.#offs.push(
      () => document.removeEventListener('keydown', onKey),
      () => window.removeEventListener('online', onOnline),
    );
    void this.#join();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const off of this.#offs) off();
    this.#hud?.close();
    this.#tiles?.close();
    this.#context.notices.clearBanner();
    void this.#call?.leave();
  }

  async #join(): Promise<void> {
    const { gioconda, displayName, avatar, link, studio } = this.#context;
    try {
      const call = await gioconda.join({
        displayName,
        roomId: link.roomId,
        microphone: studio.microphone,
        ...(avatar && { avatarId: avatar.id }),
      });
      if (this.#closed) return void call.leave();
      this.#call = call;
      this.#enter(call);
    } catch (thrown) {
      if (!this.#closed) this.#go.ended(AppError.from(thrown));
    }
  }

  #enter(call: Call): void {
    const { studio, levels, notices } = this.#context;
    this.#tiles = new Tiles({ call, levels, notices });
    this.#stage.replaceChildren(this.#tiles.element);
    this.#showSound();
    this.#listen(call);
    if (this.#context.avatar) this.#drive(call);
    this.#offs.push(studio.on('microphone', ({ track, error }) => (error ? this.#tell(error) : void this.#setMicrophone(track))));
    this.#offs.push(studio.on('camera', ({ error }) => error && notices.toast(`${errorTitle(error)}. ${error.message}`, 'problem')));
    this.#watchOwnVoice();
    this.#go.joined(call);
    if (call.participants.length === 1) notices.toast('You are the first one here. Copy the link to invite others.');
  }

  #listen(call: Call): void {
    const { notices } = this.#context;
    const say = (text: string): void => setText(this.#announcer, text);
    call.on('participant-joined', ({ participant }) => participant.id !== call.participantId && say(`${participant.displayName} joined`));
    call.on('participant-left', () => say('Somebody left'));
    call.on('state', ({ state }) => {
      if (state === 'reconnecting')
        notices.banner('The server does not answer. Trying to reconnect…', { label: 'Try now', run: () => call.reconnectNow() });
      if (state === 'connected') notices.clearBanner();
    });
    call.on('rejoined', () => notices.toast('Connected again'));
    call.on('media-state', ({ connected }) => {
      if (connected) notices.clearBanner();
      else notices.banner('Sound and picture are interrupted. Building the connection anew…');
    });
    call.on('access-ending', ({ endsAtMs, error }) => notices.banner(accessEndingText(endsAtMs, error !== null)));
    call.on('access-renewed', () => notices.clearBanner());
    call.on('error', ({ error }) => error.code !== 'transport-failed' && notices.toast(error.message, 'problem'));
    call.on('avatar-failed', ({ error }) => notices.toast(`${errorTitle(error)}. ${error.message}`, 'problem'));
    call.on('closed', ({ error }) => {
      if (error && !this.#closed) this.#go.ended(error);
    });
  }

  #drive(call: Call): void {
    const { studio, notices } = this.#context;
    this.#offs.push(driveCall(call, studio));
    studio.startTracking().catch((thrown: unknown) => {
      const error = AppError.from(thrown);
      notices.toast(`${errorTitle(error)}. ${error.message}`, 'problem');
    });
  }

  /** One's own voice is not received, so its indicator listens to the microphone itself. */
  #watchOwnVoice(): void {
    const { microphone } = this.#context.studio;
    if (!microphone) return;
    this.#offs.push(
      this.#context.levels.watch(microphone, (_level, speaking) =>
        this.#tiles?.ownTile()?.setSpeaking(speaking && this.#call?.muted === false),
      ),
    );
  }

  async #setMicrophone(track: MediaStreamTrack | null): Promise<void> {
    await this.#call?.setMicrophone(track).catch((error: unknown) => this.#tell(error));
    this.#showSound();
    this.#watchOwnVoice();
  }

  async #toggleMute(): Promise<void> {
    const call = this.#call;
    if (!call) return;
    if (!this.#context.studio.microphone) return this.#context.studio.openMicrophone();
    const told = call.setMuted(!call.muted);
    this.#showSound();
    await told.catch((error: unknown) => this.#tell(error));
  }

  #showSound(): void {
    if (!this.#context.studio.microphone) this.#toolbar.setSound('none');
    else this.#toolbar.setSound(this.#call?.muted ? 'muted' : 'on');
  }

  #chooseAvatar(): void {
    const call = this.#call;
    if (!call) return;
    const picker = avatarPicker(this.#context, {
      chosen: call.avatarId,
      choose: (avatar) => {
        dialog.close();
        void this.#setAvatar(call, avatar.id);
      },
    });
    const none = h(
      'button',
      { class: 'quiet', type: 'button', onclick: () => (dialog.close(), void this.#setAvatar(call, null)) },
      'Show no picture',
    );
    const dialog = openDialog(
      'Switch avatar',
      { element: h('div', { class: 'stack' }, picker.element, h('div', { class: 'actions' }, none)), close: picker.close },
      'large',
    );
  }

  async #setAvatar(call: Call, avatarId: string | null): Promise<void> {
    try {
      const drivenBefore = call.avatarId !== null;
      await call.setAvatar(avatarId);
      if (avatarId && !drivenBefore) this.#drive(call);
    } catch (error) {
      this.#tell(error);
    }
  }

  async #copyLink(): Promise<void> {
    const { gioconda, link, notices } = this.#context;
    // A guest who may not invite gives on the link they came with.
    const url = await gioconda.invite(link.roomId).then(
      (invite) => invite.url,
      () => location.href,
    );
    try {
      await navigator.clipboard.writeText(url);
      notices.toast('The invitation link is copied');
    } catch {
      // The browser does not allow it: the link is shown, to be copied by hand.
      const input = h('input', {
        type: 'text',
        readonly: true,
        value: url,
        'aria-label': 'Invitation link',
        onfocus: () => input.select(),
      });
      openDialog('Invitation link', { element: input, close: () => undefined }, 'narrow');
    }
  }

  #openSettings(): void {
    if (this.#call) openDialog('Settings', roomSettings(this.#context, this.#call));
  }

  #toggleHud(): void {
    if (this.#hud) {
      this.#hud.close();
      this.#hud = null;
    } else if (this.#call) {
      this.#hud = new Hud(this.#call, this.#context.studio);
      this.#stage.append(this.#hud.element);
    }
    this.#toolbar.setHud(this.#hud !== null);
  }

  #toggleExpressions(): void {
    const open = this.#expressionSlot.childElementCount === 0;
    if (open && !this.#call) return;
    this.#expressionSlot.replaceChildren(...(open ? [expressionBar(this.#context, this.#call!).element] : []));
    this.#toolbar.setExpressions(open);
  }

  #leave(): void {
    this.close();
    this.#go.left();
  }

  #key(event: KeyboardEvent): void {
    const typing = event.target instanceof HTMLElement && event.target.closest('input, textarea, select, dialog');
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'h') this.#toggleHud();
    if (event.key === 'm') void this.#toggleMute();
    const expression = expressionOfKey(event.key);
    if (expression) void this.#call?.express(expression).catch((error: unknown) => this.#tell(error));
  }

  #tell(error: unknown): void {
    this.#context.notices.toast(AppError.from(error).message, 'problem');
  }
}
