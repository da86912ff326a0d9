import { stageNames } from '../../src/index.ts';
import type { Call, ParticipantSnapshot } from '../../src/index.ts';
import { h, setText } from '../dom.ts';
import type { Studio } from '../Studio.ts';
import { driveTexts, stageTexts } from '../text.ts';

const INTERVAL_MS = 1000;

/** Where the time goes: every stage of the avatar's way, rates and skew, refreshed once a second. */
export class Hud {
  readonly element: HTMLElement;
  readonly #call: Call;
  readonly #studio: Studio;
  readonly #who = h('select', { 'aria-label': 'Whose avatar', onchange: () => this.#refresh() });
  readonly #figures = new Map<string, HTMLElement>();
  readonly #bars = new Map<string, { bar: HTMLElement; value: HTMLElement }>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(call: Call, studio: Studio) {
    this.#call = call;
    this.#studio = studio;
    const figure = (name: string): HTMLElement => {
      const value = h('dd', {}, '–');
      this.#figures.set(name, value);
      return h('div', {}, h('dt', {}, name), value);
    };
    const stage = (name: (typeof stageNames)[number]): HTMLElement => {
      const bar = h('i', { class: `stage-${name}` });
      const value = h('td', {}, '–');
      this.#bars.set(name, { bar, value });
      return h('tr', {}, h('th', { scope: 'row' }, stageTexts[name]), h('td', { class: 'stage-bar', 'aria-hidden': 'true' }, bar), value);
    };
    this.element = h(
      'aside',
      { class: 'hud', 'aria-label': 'Statistics' },
      h('header', {}, h('h2', {}, 'Latency'), this.#who),
      h(
        'table',
        {},
        h('thead', { class: 'visually-hidden' }, h('tr', {}, h('th', {}, 'Stage'), h('th', {}, ''), h('th', {}, 'Median / 95 % in ms'))),
        h('tbody', {}, ...stageNames.map(stage)),
      ),
      h(
        'dl',
        {},
        ...[
          'Landmarks → shown',
          'Camera → shown',
          'Picture',
          'Frames',
          'Tracking',
          'Landmarks up',
          'Video down',
          'A/V skew',
          'Drive',
          'Lost, dropped',
          'Round trip',
        ].map(figure),
      ),
    );
    this.#wantTraces(true);
    this.#timer = setInterval(() => this.#refresh(), INTERVAL_MS);
    this.#refresh();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#wantTraces(false);
    this.element.remove();
  }

  /** The stages come only while they are looked at. Where the server cannot be asked they stay empty, and so they do in a call that ends. */
  #wantTraces(enabled: boolean): void {
    this.#call.setFrameTraces(enabled).catch(() => undefined);
  }

  #refresh(): void {
    const snapshot = this.#call.statistics.snapshot();
    this.#listParticipants(Object.keys(snapshot.participants));
    const { uplink, clock } = snapshot;
    this.#set('Landmarks up', `${uplink.packetsPerSecond.toFixed(0)} /s · ${uplink.kilobitsPerSecond.toFixed(1)} kbit/s`);
    this.#set('Tracking', this.#studio.tracks ? `${this.#studio.trackingRate.toFixed(0)} fps` : 'off');
    this.#set('Round trip', `${clock.roundTripMs.toFixed(1)} ms`);
    this.#showParticipant(snapshot.participants[this.#who.value]);
  }

  #showParticipant(participant: ParticipantSnapshot | undefined): void {
    if (!participant) return;
    const total = stageNames.reduce((sum, name) => sum + (Math.max(0, participant.stages[name].p50Ms) || 0), 0);
    for (const name of stageNames) {
      const { p50Ms, p95Ms } = participant.stages[name];
      const row = this.#bars.get(name);
      row?.bar.style.setProperty('inline-size', `${total > 0 ? (100 * Math.max(0, p50Ms || 0)) / total : 0}%`);
      if (row) setText(row.value, pair(p50Ms, p95Ms));
    }
    this.#set('Landmarks → shown', `${pair(participant.latency.p50Ms, participant.latency.p95Ms)} ms`);
    this.#set('Camera → shown', `${pair(participant.glassToGlass.p50Ms, participant.glassToGlass.p95Ms)} ms`);
    this.#set('Picture', participant.width ? `${participant.width} × ${participant.height}` : '–');
    this.#set('Frames', framesText(participant));
    this.#set('Video down', `${participant.kilobitsPerSecond.toFixed(0)} kbit/s`);
    this.#set('A/V skew', Number.isFinite(participant.skewMs) ? `${participant.skewMs.toFixed(0)} ms` : '–');
    const state = this.#call.driveState(this.#who.value);
    this.#set('Drive', state ? driveTexts[state] : '–');
    this.#set('Lost, dropped', `${participant.packetsLost}, ${participant.framesDropped}`);
  }

  #listParticipants(ids: string[]): void {
    if ([...this.#who.options].map((option) => option.value).join() === ids.join()) return;
    const chosen = this.#who.value || this.#call.participantId;
    const names = new Map(this.#call.participants.map((participant) => [participant.id, participant.displayName]));
    this.#who.replaceChildren(
      ...ids.map((id) =>
        h('option', { value: id, selected: id === chosen }, id === this.#call.participantId ? 'You' : (names.get(id) ?? 'Somebody')),
      ),
    );
  }

  #set(name: string, text: string): void {
    const element = this.#figures.get(name);
    if (element) setText(element, text);
  }
}

const one = (ms: number): string => (Number.isFinite(ms) ? ms.toFixed(ms < 10 ? 1 : 0) : '–');
const pair = (p50Ms: number, p95Ms: number): string => `${one(p50Ms)} / ${one(p95Ms)}`;

/** What arrives, and what the server renders. */
function framesText({ framesPerSecond, renderedFramesPerSecond }: ParticipantSnapshot): string {
  const rendered = renderedFramesPerSecond === null ? '' : ` of ${renderedFramesPerSecond}`;
  return `${framesPerSecond.toFixed(0)}${rendered} fps`;
}
