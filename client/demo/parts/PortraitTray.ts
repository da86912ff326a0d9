import { AppError } from '../../src/index.ts';
import type { Gioconda } from '../../src/index.ts';
import { h, setText } from '../dom.ts';
import { icon } from '../icons.ts';

const MAX_PORTRAITS = 8;

interface Entry {
  file: File;
  url: string;
  state: 'checking' | 'good' | 'warned' | 'refused';
  element: HTMLElement;
  verdict: HTMLElement;
}

/** The portraits gathered so far, each with what the server says about it. */
export class PortraitTray {
  readonly element = h('ul', { class: 'tray', 'aria-label': 'Portraits', 'aria-live': 'polite' });
  readonly #gioconda: Gioconda;
  readonly #changed: () => void;
  #entries: Entry[] = [];

  constructor(gioconda: Gioconda, changed: () => void) {
    this.#gioconda = gioconda;
    this.#changed = changed;
  }

  get count(): number {
    return this.#entries.length;
  }

  get checking(): boolean {
    return this.#entries.some((entry) => entry.state === 'checking');
  }

  /** In the order they were added: what enrolment is given. */
  get usable(): File[] {
    return this.#usableEntries().map((entry) => entry.file);
  }

  add(files: File[]): void {
    for (const file of files.slice(0, MAX_PORTRAITS - this.#entries.length)) {
      const entry = this.#entry(file);
      this.#entries.push(entry);
      this.element.append(entry.element);
      void this.#check(entry);
    }
    this.#changed();
  }

  /** Enrolment refused one of `usable`. */
  refuse(index: number, message: string): void {
    const entry = this.#usableEntries()[index];
    if (entry) this.#judge(entry, 'refused', message);
  }

  close(): void {
    for (const entry of this.#entries) URL.revokeObjectURL(entry.url);
    this.#entries = [];
  }

  #usableEntries(): Entry[] {
    return this.#entries.filter((entry) => entry.state === 'good' || entry.state === 'warned');
  }

  #entry(file: File): Entry {
    const url = URL.createObjectURL(file);
    const verdict = h('p', { class: 'verdict' }, 'Checking…');
    const image = h('img', { src: url, alt: file.name });
    image.addEventListener('error', () => image.classList.add('missing'));
    const remove = h('button', { class: 'icon-button tray-remove', type: 'button', 'aria-label': `Remove ${file.name}` }, icon('close'));
    const entry: Entry = {
      file,
      url,
      state: 'checking',
      verdict,
      element: h('li', { class: 'checking' }, h('div', { class: 'tray-picture' }, image, remove), verdict),
    };
    remove.addEventListener('click', () => this.#remove(entry));
    return entry;
  }

  #remove(entry: Entry): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
    URL.revokeObjectURL(entry.url);
    entry.element.remove();
    this.#changed();
  }

  async #check(entry: Entry): Promise<void> {
    try {
      const { ok, problem, warnings } = await this.#gioconda.checkPortrait(entry.file);
      if (!ok) this.#judge(entry, 'refused', problem?.message ?? 'This picture cannot be used.');
      else if (warnings[0]) this.#judge(entry, 'warned', warnings[0].message);
      else this.#judge(entry, 'good', 'Good');
    } catch (thrown) {
      const error = AppError.from(thrown);
      // The check is a courtesy: when it fails for another reason, enrolment itself decides.
      if (error.code.startsWith('portrait-') || !error.retryable) this.#judge(entry, 'refused', error.message);
      else this.#judge(entry, 'good', 'Not checked yet');
    }
  }

  #judge(entry: Entry, state: Entry['state'], message: string): void {
    entry.state = state;
    entry.element.className = state;
    setText(entry.verdict, message);
    this.#changed();
  }
}
