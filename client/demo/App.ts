/** The way through the page: link → name → avatar → preview → room, and what is shown when it cannot go on. */
import { AppError } from '../src/index.ts';
import { AudioLevels } from './AudioLevels.ts';
import type { Context } from './context.ts';
import { debugHandle } from './debug.ts';
import { h } from './dom.ts';
import type { View } from './dom.ts';
import { Notices } from './parts/notices.ts';
import { enter, parseLink, remembered } from './session.ts';
import type { Link } from './session.ts';
import { Studio } from './Studio.ts';
import { errorTitle, linkErrors } from './text.ts';
import { avatarView } from './views/avatar.ts';
import { loadingView, messageView, noLinkView } from './views/message.ts';
import { previewView } from './views/preview.ts';
import { roomView } from './views/room.ts';
import { welcomeView } from './views/welcome.ts';

const RETRY_MS = 4000;

export class App {
  readonly #notices = new Notices();
  readonly #header = h('header', { class: 'top' });
  readonly #main = h('main', { id: 'main', tabindex: '-1' });
  #view: View | null = null;
  #context: Context | null = null;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(root: HTMLElement) {
    root.append(
      h('a', { class: 'skip', href: '#main', onclick: (event: Event) => this.#skip(event) }, 'Skip to content'),
      this.#header,
      this.#notices.element,
      this.#main,
    );
    window.addEventListener('hashchange', () => location.reload());
    window.addEventListener('pagehide', () => this.#view?.close());
  }

  start(): void {
    const link = parseLink(location.hash);
    if (typeof RTCPeerConnection === 'undefined' || !window.isSecureContext) return this.#unsupported();
    if (!link)
      return this.#show(
        noLinkView((pasted) => (location.hash = new URLSearchParams({ room: pasted.roomId, invite: pasted.invite }).toString())),
      );
    void this.#enter(link);
  }

  async #enter(link: Link): Promise<void> {
    this.#show(loadingView('Opening the room…'));
    try {
      const gioconda = await enter(link);
      this.#notices.clearBanner();
      const context: Context = {
        gioconda,
        studio: new Studio(gioconda),
        levels: new AudioLevels(),
        notices: this.#notices,
        link,
        displayName: remembered.get('name') ?? '',
        avatar: null,
      };
      this.#context = context;
      this.#welcome(context);
    } catch (thrown) {
      this.#cannotEnter(AppError.from(thrown), link);
    }
  }

  #cannotEnter(error: AppError, link: Link): void {
    if (error.retryable) {
      this.#notices.banner(`${errorTitle(error)}. Trying again…`, { label: 'Try now', run: () => this.#retry(link) });
      this.#retryTimer = setTimeout(() => this.#retry(link), RETRY_MS);
    } else this.#fatal(error);
  }

  #retry(link: Link): void {
    clearTimeout(this.#retryTimer);
    void this.#enter(link);
  }

  #welcome(context: Context): void {
    this.#show(
      welcomeView(context, () => this.#avatar(context)),
      1,
    );
  }

  #avatar(context: Context): void {
    this.#show(avatarView(context, { back: () => this.#welcome(context), next: () => this.#preview(context) }), 2);
  }

  #preview(context: Context): void {
    this.#show(
      previewView(context, { back: () => this.#avatar(context), join: () => this.#room(context), failed: (error) => this.#fatal(error) }),
      3,
    );
  }

  #room(context: Context): void {
    const view = roomView(context, {
      left: () => this.#left(context),
      ended: (error) => this.#fatal(error),
      joined: (call) => debugHandle(call, context.studio),
    });
    this.#show(view, 4);
  }

  #left(context: Context): void {
    this.#show(
      messageView({
        title: 'You left the room',
        text: 'Your camera and microphone are off for the others. You can come back any time with the same link.',
        action: { label: 'Join again', run: () => this.#room(context) },
        secondary: { label: 'Start over', run: () => this.#welcome(context) },
      }),
    );
  }

  #fatal(error: AppError): void {
    const context = this.#context;
    const needsLink = linkErrors.includes(error.code);
    const text = needsLink ? 'Ask the person who invited you for a new link, and open it in this browser.' : error.message;
    const action =
      context && !needsLink
        ? { label: 'Try again', run: () => this.#preview(context) }
        : { label: 'Reload the page', run: () => location.reload() };
    this.#show(messageView({ title: errorTitle(error), text, action, tone: 'problem' }));
  }

  #unsupported(): void {
    const error = new AppError('webrtc-unsupported');
    const text = window.isSecureContext
      ? 'Use a current Chrome, Edge, Firefox or Safari. In this one, calls (WebRTC) are missing or switched off.'
      : 'Browsers give camera and microphone only to secure pages: open this page by https, or on localhost.';
    this.#show(messageView({ title: errorTitle(error), text, tone: 'problem' }));
  }

  #show(view: View, step = 0): void {
    this.#view?.close();
    this.#view = view;
    document.title = `${view.title} – Gioconda`;
    document.body.dataset['screen'] = step === 4 ? 'room' : 'steps';
    this.#header.replaceChildren(...this.#headerContent(step));
    this.#main.replaceChildren(view.element);
    window.scrollTo(0, 0);
    const heading = view.element.querySelector('h1');
    heading?.setAttribute('tabindex', '-1');
    heading?.focus({ preventScroll: true });
  }

  #headerContent(step: number): Node[] {
    const brand = h('p', { class: 'brand' }, 'Gioconda');
    if (step === 0 || step === 4) return [brand];
    const steps = ['You', 'Avatar', 'Preview'].map((name, index) =>
      h(
        'li',
        { class: index + 1 < step ? 'done' : '', 'aria-current': index + 1 === step ? 'step' : null },
        h('span', { class: 'step-number', 'aria-hidden': 'true' }, String(index + 1)),
        h('span', { class: 'step-name' }, name),
      ),
    );
    return [brand, h('nav', { 'aria-label': 'Steps' }, h('ol', { class: 'steps' }, ...steps))];
  }

  #skip(event: Event): void {
    event.preventDefault();
    this.#main.focus();
  }
}
